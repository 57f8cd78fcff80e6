"""The JSON Schema of models.yaml says what `kruxos config check` says, as far as a schema can."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from jsonschema import Draft202012Validator

from kruxos.config.load import load
from kruxos.config.models_file import default_text
from kruxos.config.problems import ConfigError
from kruxos.config.schema import json_schema
from tests.config.documents import FIELDS
from tests.config.product_blocks import BLOCKS
from tests.config.test_documentation import EXAMPLES

SCHEMA = Draft202012Validator(json_schema())


def fits(value: Any) -> bool:
    return SCHEMA.is_valid(value)


def is_right(value: Any) -> bool:
    try:
        load(yaml.safe_dump(value))
    except ConfigError:
        return False
    return True


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("text", [*BLOCKS, *EXAMPLES, default_text()])
def test_every_documented_example_fits_and_is_right(text: str) -> None:
    assert fits(yaml.safe_load(text))
    load(text)


def test_the_examples_in_the_default_file_fit_when_they_are_uncommented() -> None:
    text = re.sub(r"^  # (?=( {2})?[a-z0-9-]+:)", "  ", default_text(), flags=re.MULTILINE)
    assert len(yaml.safe_load(text)["providers"]) >= 12
    assert fits(yaml.safe_load(text))


ONE = {"type": "openai", "base_url": "https://h.example/v1", "model": "m"}


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"providers": []},
        {"provider": {}},
        {"providers": {"Big Name": ONE}},
        {"providers": {"x": {}}},
        {"providers": {"x": ONE | {"type": "opnai"}}},
        {"providers": {"x": ONE | {"base_ulr": "https://h.example"}}},
        {"providers": {"x": ONE | {"base_url": "h.example"}}},
        {"providers": {"x": ONE | {"enabled": "yes"}}},
        {"providers": {"x": ONE | {"limits": {"concurrency": 0}}}},
        {"providers": {"x": ONE | {"limits": {"concurrency": "4"}}}},
        {"providers": {"x": ONE | {"ca_bundle": "ca.pem"}}},
        {"providers": {"x": ONE | {"memory_max": "much"}}},
        {"providers": {"x": ONE | {"catalog": {"m": {"prices": {"input": 1}}}}}},
        {"providers": {"x": ONE | {"catalog": {"m": {"efforts": ["huge"]}}}}},
        {"defaults": {"night": "x"}},
        {"agents": ["two words"]},
        {"isolation": "some"},
    ],
)  # fmt: skip
def test_what_is_wrong_by_the_schema_is_wrong_by_the_check(wrong: Any) -> None:
    assert not fits(wrong)
    assert not is_right(wrong)


@pytest.mark.parametrize(
    "right",
    [
        None,
        {},
        {"providers": None},
        {"providers": {"x": ONE | {"label": None, "limits": None}}},
        {"providers": {"x": ONE | {"memory_max": "512MB"}}, "agents": [1000, "www-data"], "proxy": "none"},
        {"providers": {"x": ONE | {"catalog": {"m": {"prices": {"input": 0.15, "output": "0.60"}}, "n": None}}}},
        {"providers": {"x": ONE}, "proxy": "http://proxy.example:3128", "ca_bundle": "/etc/company.pem"},
    ],
)  # fmt: skip
def test_what_is_right_by_the_check_fits_the_schema(right: Any) -> None:
    assert is_right(right)
    assert right is None or fits(right)  # an empty file is no value that an editor would check


@given(FIELDS)
def test_the_schema_is_never_stricter_than_the_check(fields: dict[str, Any]) -> None:
    value = {"providers": {"x": fields}}
    assert fits(value) or not is_right(value)
