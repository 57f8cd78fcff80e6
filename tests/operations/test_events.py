"""Operators' actions are in the journal, whoever does them, without what they brought along."""

from __future__ import annotations

import os
from typing import Any

import pytest

from kruxos.errors import KruxosError
from tests.operations.conftest import KEY, Direct

CONFIG = "providers:\n  deepseek:\n    type: openai\n    base_url: https://api.deepseek.com/v1\n"


def told(direct: Direct) -> list[tuple[Any, ...]]:
    return [(each["action"], each["subject"], each["outcome"]) for each in direct("event.list")["events"]]


def test_what_changes_something_is_told_with_who_did_it(direct: Direct) -> None:
    direct.write(CONFIG)
    direct("vault.add", name="model-provider:deepseek", secret=KEY)
    direct("agent.create", name="bot", model="deepseek", purpose="a private purpose")
    direct("agent.list")
    with pytest.raises(KruxosError):
        direct("agent.revoke", name="nobody")
    assert told(direct) == [
        ("vault.add", "model-provider:deepseek", "done"),
        ("agent.create", "bot deepseek", "done"),
        ("agent.revoke", "nobody", "failed"),
    ]
    (first, *_) = direct("event.list")["events"]
    assert (first["uid"], first["pid"]) == (os.geteuid(), os.getpid())
    written = direct.data.events.read_text()
    assert KEY not in written
    assert "private purpose" not in written


def test_a_key_that_landed_in_a_name_is_not_written_down(direct: Direct) -> None:
    with pytest.raises(KruxosError):
        direct("agent.revoke", name=KEY)
    direct("agent.create", name="a")
    with pytest.raises(KruxosError):
        direct("agent.set_model", name="a", model=KEY)
    assert KEY not in direct.data.events.read_text()


def test_a_question_makes_no_journal(direct: Direct) -> None:
    assert direct("event.list")["events"] == []
    assert not direct.data.root.exists()


def test_a_chain_that_was_broken_fails_verification(direct: Direct) -> None:
    for name in ("a", "b"):
        direct("agent.create", name=name)

    def journal() -> dict[str, str]:
        return next(each for each in direct("verify")["checks"] if each["name"] == "Journal")

    assert journal()["detail"] == "2 entries, each follows the one before"
    direct.data.events.write_bytes(direct.data.events.read_bytes().partition(b"\n")[2])
    assert (journal()["state"], journal()["detail"]) == ("fail", "events.jsonl: entry 2 does not follow entry 0")
