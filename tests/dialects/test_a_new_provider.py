"""A provider that is not on our list, added as data: one row of a profile, one of the catalogue."""

from __future__ import annotations

import pytest

from kruxos.catalog import Shelf
from kruxos.dialects import profiles
from kruxos.dialects.profiles import PROFILES, Profile, choose_profile, origin_of
from kruxos.messages import Tool
from kruxos_workers.settings import read_settings
from tests.dialects.support import ask, codes, encode, target

LINES_MAX = 15
ROW = """\
CEREBRAS = Profile(
    "cerebras",
    "openai-chat",
    "https://api.cerebras.ai/v1",
    thinking="openai",
    sampling=frozenset({"temperature", "top_p", "seed", "stop"}),
    temperature_max=1.5,
    max_tokens_field="max_completion_tokens",
    reasoning="as_named",
)
"""
STATED = {"gpt-oss-120b": {"context": 131_072, "max_output": 40_960, "efforts": ["low", "medium", "high"]}}


@pytest.fixture
def cerebras(monkeypatch: pytest.MonkeyPatch) -> Profile:
    names = dict(vars(profiles))
    exec(ROW, names)
    row = names["CEREBRAS"]
    assert isinstance(row, Profile)
    monkeypatch.setitem(PROFILES, row.name, row)
    return row


def test_a_row_is_no_longer_than_is_promised() -> None:
    assert len(ROW.splitlines()) <= LINES_MAX


def test_its_address_is_enough_to_choose_it(cerebras: Profile) -> None:
    assert choose_profile("openai", "https://api.cerebras.ai/v1") is cerebras
    assert origin_of(cerebras, "https://api.cerebras.ai/v1") == "cerebras"
    given = {"profile": "cerebras", "origin": "cerebras", "base_url": cerebras.base_url, "catalog": STATED}
    settings = read_settings("mine", given, b'{"api_key": "k"}')
    assert settings.dialect.name == "openai-chat"
    assert settings.auth() == {"authorization": "Bearer k"}
    assert settings.shelf == Shelf("cerebras", own_host=True, stated=STATED)


def test_requests_are_said_in_its_way(cerebras: Profile) -> None:
    wishes = ask(thinking_effort="max", max_output_tokens=50_000, temperature=1.9, top_k=3, tools=[Tool("f")])
    body, encoded = encode(wishes, target("cerebras", "gpt-oss-120b", shelf=Shelf("cerebras", stated=STATED)))
    assert body["max_completion_tokens"] == 40_960
    assert body["reasoning_effort"] == "high"
    assert "top_k" not in body
    told = codes(encoded.notices)
    assert {"parameter_clamped", "effort_clamped", "parameter_dropped"} == set(told)
    assert cerebras.name == "cerebras"
