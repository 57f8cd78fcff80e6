"""`kruxos events`: the journal of a gateway that lives."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable

import pytest

from kruxos.cli.events import event_line
from kruxos.cli.terminal import Terminal
from tests.cli.running import Gateway, Kruxos
from tests.cli.upstream import Upstream

KEY = "sk-test-0123456789abcdef"
MODELS = """\
providers:
  dead:
    type: openai
    base_url: http://127.0.0.1:1/v1
    auth: none
    model: m
  fast:
    type: openai
    base_url: {root}/v1
    model: gpt-4o
defaults:
  chat: fast
"""


def test_an_entry_is_a_line() -> None:
    event = {
        "n": 1, "prev": "x", "hash": "y", "at": 0.0, "kind": "state", "subject": "deepseek", "before": "ready",
        "after": "failed", "reason": "vault_locked",
    }  # fmt: skip
    assert event_line(event, 1.0, Terminal()).endswith(
        " state     deepseek         ready -> failed reason=vault_locked"
    )


def test_before_anything_happened(kruxos: Kruxos) -> None:
    assert kruxos.well("events") == "Nothing has happened yet.\n"
    assert kruxos("events", "-f").code == 1
    assert kruxos("events", "--since", "once").code == 2
    assert not kruxos.root.exists()


@pytest.mark.real
def test_what_happens_to_a_gateway_is_told(
    serving: Callable[[str], tuple[Kruxos, Gateway]], upstream: Upstream
) -> None:
    kruxos, gateway = serving(MODELS.format(root=upstream.root))
    gateway.wait_log("provider fast: starting -> failed")
    kruxos.well("vault", "add", "model-provider:fast", "api-key", stdin=KEY)
    gateway.wait_ready("dead", "fast")
    with kruxos.at_terminal("events", "-f", "-n", "1", columns=200) as terminal:
        terminal.wait_for("\n")
        kruxos.well("chat", "--provider", "dead", "a private question")
        terminal.wait_for("fallback  dead")
        terminal.interrupt()
        assert terminal.end() == 130
    kruxos.well("worker", "restart", "fast", "--now")
    gateway.wait_log("provider fast: starting -> ready", times=2)
    events = json.loads(kruxos.well("events", "--json"))["events"]
    kinds = [each["kind"] for each in events]
    assert kinds[0] == "gateway"
    assert {"state", "vault", "operator", "fallback"} <= set(kinds)
    by_operator = [each for each in events if each["kind"] == "operator"]
    assert [(each["action"], each["subject"]) for each in by_operator] == [
        ("vault.add", "model-provider:fast"), ("worker.restart", "fast"),
    ]  # fmt: skip
    assert {each["uid"] for each in by_operator} == {os.geteuid()}
    (moved,) = [each for each in events if each["kind"] == "fallback"]
    assert (moved["subject"], moved["to"], moved["reason"]) == ("dead", "fast", "provider_unreachable")
    assert ("vault", "model-provider:fast") in [(each["kind"], each["subject"]) for each in events]
    written = (kruxos.root / "events.jsonl").read_text()
    assert KEY not in written
    assert "private question" not in written
    assert gateway.stop() == 0
    assert re.search(r" gateway +stopped ", kruxos.well("events", "-n", "1"))
    assert re.search(r"^\[PASS\] Journal +\d+ entries", kruxos("verify").out, re.MULTILINE)
