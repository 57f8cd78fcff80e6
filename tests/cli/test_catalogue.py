"""What is known of models and providers, as commands show it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.running import Gateway, Kruxos
from tests.cli.upstream import Upstream

pytestmark = pytest.mark.real

Serving = Callable[[str], tuple[Kruxos, Gateway]]
LOCAL = """\
providers:
  local-default:
    type: openai
    base_url: {root}/v1
    model: m-1
    auth: none
    catalog:
      m-1: {{prices: {{input: "0.5", output: "1.5"}}}}
  elsewhere:
    type: openai
    base_url: {root}/v2
    model: deepseek-chat
    profile: deepseek
    auth: none
"""


def test_a_providers_own_list_is_asked_for_through_its_worker(serving: Serving, upstream: Upstream) -> None:
    kruxos, gateway = serving(LOCAL.format(root=upstream.root))
    gateway.wait_ready("local-default", "elsewhere")
    assert kruxos.well("model", "list", "--remote", "local-default").splitlines() == [
        "MODEL  LABEL  CONTEXT  INPUT  OUTPUT  RETIRES",
        "m-1    -        1,000   $0.5    $1.5  -",
        "m-2    -            -      -       -  -",
    ]
    found = json.loads(kruxos.well("model", "list", "--remote", "local-default", "-q", "2", "--json"))
    assert [each["id"] for each in found["models"]] == ["m-2"]
    failed = kruxos("model", "list", "--remote", "elsewhere")
    assert failed.code == 1
    assert failed.err.startswith("error: elsewhere: ")
    assert "no provider" in kruxos("model", "list", "--remote", "nobody").err


def test_what_the_operator_states_of_a_model_is_its_price(serving: Serving, upstream: Upstream) -> None:
    kruxos, gateway = serving(LOCAL.format(root=upstream.root))
    gateway.wait_ready("local-default")
    tested = json.loads(kruxos.well("model", "test", "local-default", "--json"))
    assert tested["cost"]["total"] == "0.0000105"  # 12 tokens in, 3 out


def test_what_has_become_otherwise_stands_in_the_status_and_beside_the_list(serving: Serving) -> None:
    kruxos, _ = serving(
        "providers:\n  a:\n    type: openai\n    base_url: https://api.z.ai/v1\n    model: glm-5\n"
        "  b:\n    type: openai\n    base_url: https://api.x.ai/v1\n    model: grok-4\n"
    )
    listed = kruxos("model", "list")
    for words in ("https://api.z.ai/api/paas/v4 is asked in its place", "grok-4.3 answers in its place"):
        assert words in listed.err
        assert words in kruxos.well("status")


def test_the_tables_are_shown_without_a_gateway(tmp_path: Path) -> None:
    kruxos = Kruxos(tmp_path / "data", tmp_path)
    assert "$5 ($15)" in kruxos.well("model", "catalog", "-q", "opus-4-6")
    matrix = kruxos.well("model", "matrix")
    assert matrix.startswith("PROVIDER ")
    assert '* Grok, Thinking: documented as "Limited (low/high)"; grok-4.3' in matrix
    assert json.loads(kruxos.well("model", "matrix", "--json"))["rows"][0]["cells"]["Auth"]["ours"] == "API Key"
    efforts = kruxos.well("model", "efforts")
    assert "deepseek: deepseek-flash, deepseek-v4-pro\n" in efforts
    assert len(json.loads(kruxos.well("model", "efforts", "--json"))["groups"]) > 11
