"""`kruxos logs` and `kruxos worker logs`: calls and log files, once and as they come."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from kruxos import BlockingClient
from kruxos.cli.logs import call_line
from kruxos.cli.terminal import Terminal
from kruxos.paths import agent_socket
from tests.cli.running import Gateway, Kruxos, steady
from tests.cli.upstream import Upstream

MODELS = """\
providers:
  fast:
    type: openai
    profile: openai
    base_url: {root}/v1
    auth: none
    model: gpt-4o
  other:
    type: openai
    profile: openai
    base_url: {root}/v1
    auth: none
    model: gpt-4o-mini
defaults:
  chat: fast
"""
CALL = {
    "call_id": "c1", "step": 0, "last": True, "started_at": 0.0, "agent": None, "provider": None, "model": None,
    "outcome": "no_provider", "cost": None, "duration_ms": None,
    "usage": dict.fromkeys(
        ("uncached_input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def running(serving: Callable[[str], tuple[Kruxos, Gateway]], upstream: Upstream) -> Kruxos:
    kruxos, gateway = serving(MODELS.format(root=upstream.root))
    gateway.wait_ready("fast", "other")
    return kruxos


def test_what_is_not_known_is_a_dash() -> None:
    line = call_line(CALL, Terminal())
    assert re.fullmatch(r"\S+ \S+ c1 +- +- +- +no_provider +- +- +- +-", line)


def test_a_line_is_no_wider_than_the_terminal() -> None:
    assert len(call_line(CALL, Terminal(width=60))) == 60


def test_alone_there_is_nothing_to_follow(kruxos: Kruxos) -> None:
    assert kruxos.well("logs") == "No calls yet.\n"
    done = kruxos("logs", "-f")
    assert (done.code, done.err) == (3, "error: the gateway is not running: no calls come\nfix: kruxos serve\n")
    assert kruxos("worker", "logs", "x").err == "error: there is no log of x yet\nfix: kruxos model list\n"
    assert not kruxos.root.exists()


@pytest.mark.parametrize("words", [["-n", "-1"], ["-n", "100000"], ["--gateway", "--json"], ["--since", "soon"]])
def test_what_cannot_be_is_wrong_usage(kruxos: Kruxos, words: list[str]) -> None:
    assert kruxos("logs", *words).code == 2


@pytest.mark.real
class TestBesideAGateway:
    def test_a_call_is_there_as_soon_as_it_ended_without_its_content(self, running: Kruxos) -> None:
        running.well("chat", "a secret question")
        title, line = running.well("logs").splitlines()
        assert title.split() == ["TIME", "CALL", "AGENT", "PROVIDER", "MODEL", "OUTCOME", "IN", "OUT", "COST", "MS"]
        assert re.search(r" fast +gpt-4o +answered +12 +3 +\$0\.000060 +\d+$", line)
        (call,) = json.loads(running.well("logs", "--json"))["calls"]
        assert call["provider"] == "fast"
        assert "secret" not in line + json.dumps(call)
        assert running.well("logs", "--provider", "other") == "No calls yet.\n"

    def test_calls_that_come_are_shown_as_they_end(self, running: Kruxos) -> None:
        with running.at_terminal("logs", "-f", "-n", "1", "--provider", "other", columns=200) as terminal:
            terminal.wait_for("MS")
            running.well("chat", "--provider", "other", "hello")
            terminal.wait_for("gpt-4o-mini")
            terminal.interrupt()
            assert terminal.end() == 130

    def test_an_agent_that_is_given_another_model_hears_of_it_in_its_open_session(self, running: Kruxos) -> None:
        token = json.loads(running.well("agent", "create", "--name", "bot", "--json"))["token"]
        with BlockingClient(token=token, address=agent_socket(running.root)) as client:
            assert client.chat("hello").provider == "fast"
            running.well("agent", "set-model", "bot", "other")
            assert client.chat("hello").provider == "other"
            running.well("agent", "set-model", "bot", "--default")
            assert client.chat("hello").provider == "fast"

    def test_the_gateways_log_and_a_workers(self, running: Kruxos) -> None:
        assert "provider fast: starting -> ready" in running.well("logs", "--gateway")
        assert len(running.well("logs", "--gateway", "-n", "2").splitlines()) == 2
        assert running("worker", "logs", "fast").code == 0

    def test_a_log_is_followed(self, running: Kruxos) -> None:
        with running.at_terminal("logs", "--gateway", "-f", "-n", "1", columns=200) as terminal:
            terminal.wait_for("\n")
            running.well("worker", "reset", "fast")
            terminal.wait_for("limits of fast cleared")
            terminal.interrupt()
            assert terminal.end() == 130
        assert "\x1b[?" not in steady(terminal.text)
