"""`kruxos config`: what is wrong with models.yaml, where, and its schema."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.running import Kruxos

RIGHT = "providers:\n  mine:\n    type: anthropic\n"
WRONG = "providers:\n  mine:\n    type: antropic\n    lable: x\n"


def test_each_problem_has_its_place_and_what_to_write_instead(kruxos: Kruxos) -> None:
    kruxos.write_models(WRONG)
    done = kruxos("config", "check")
    path = kruxos.root / "models.yaml"
    assert (done.code, done.err) == (1, "")
    assert done.out == (
        f"{path}:3:5: error: providers.mine.type: this value is not one of those allowed\n"
        "  fix: did you mean `anthropic`?\n"
        f"{path}:4:5: error: providers.mine.lable: this key is not known here\n"
        "  fix: did you mean `label`?\n"
        f"{path} cannot be used: 2 problems.\n"
    )


def test_a_right_file_ends_with_0_and_its_hints_are_told(kruxos: Kruxos) -> None:
    kruxos.write_models(RIGHT.replace("anthropic", "openai\n    base_url: https://h.example"))
    done = kruxos("config", "check")
    assert done.code == 0
    assert ":4:5: hint: providers.mine.base_url: has no version path" in done.out
    assert done.out.endswith("is right: 1 provider.\n")


def test_another_file_and_standard_input_can_be_checked(kruxos: Kruxos, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(RIGHT)
    assert kruxos.well("config", "check", str(other)) == f"{other} is right: 1 provider.\n"
    assert kruxos.well("config", "check", "-", stdin=RIGHT) == "standard input is right: 1 provider.\n"
    missing = kruxos("config", "check", str(tmp_path / "none.yaml"))
    assert (missing.code, "fix: name a file that is there" in missing.err) == (1, True)


def test_json_has_every_problem_with_its_line(kruxos: Kruxos) -> None:
    kruxos.write_models(WRONG)
    found = json.loads(kruxos("config", "check", "--json").out)
    assert (found["ok"], [each["line"] for each in found["problems"]]) == (False, [3, 4])


def test_no_key_that_stands_in_the_file_is_repeated(kruxos: Kruxos) -> None:
    kruxos.write_models(f"{RIGHT}    api_key: sk-ant-api03-canary-0123456789abcdef\n")
    done = kruxos("config", "check")
    assert "kruxos vault import" in done.out
    assert "canary" not in done.said


def test_the_schema_is_printed_as_json(kruxos: Kruxos) -> None:
    schema = json.loads(kruxos.well("config", "schema"))
    assert schema["$schema"].endswith("2020-12/schema")
    assert not kruxos.root.exists()
