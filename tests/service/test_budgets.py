"""Budgets, defaults for a while, and alerts in a running gateway, with agents and simulated providers."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from kruxos.errors import BudgetExceededError, ForbiddenError, KruxosError
from tests.service.running import Installation, Simulator, until

MODELS = """\
providers:
  gpt:
    type: openai
    profile: openai
    base_url: {root}/v1
    model: gpt-4o
  spare:
    type: openai
    profile: openai
    base_url: {root}/v1
    model: gpt-4.1
defaults:
  chat: gpt
"""


@pytest.fixture
def home(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation.make(tmp_path_factory.mktemp("b"), MODELS.format(root=simulator.root))
    try:
        yield made
    finally:
        made.stop()


def models(home: Installation) -> str:
    return (home.kruxos.root / "models.yaml").read_text()


def start(home: Installation, more: str = "") -> None:
    if more:
        home.kruxos.write_models(models(home) + more)
    home.start()
    home.store_keys(("gpt", "spare"))


def agent(home: Installation, *limits: str, **more: Any) -> str:
    token: str = home.control("agent.create", name="bot", limits=list(limits), **more)["token"]
    return token


def events(home: Installation, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = home.control("event.list", kind=kind)["events"]
    return found


class TestAnAgentsBudget:
    def test_a_call_without_room_is_refused_with_the_limit_and_its_reset_and_a_restart_forgets_nothing(
        self, home: Installation
    ) -> None:
        start(home)
        token = agent(home, "0.01usd/day")
        with home.client("bot", token) as client:
            reply = client.chat("hi", max_output_tokens=20)
            assert reply.cost is not None
            with pytest.raises(BudgetExceededError, match=r"limit of 0\.01usd/day has no room") as refused:
                client.chat("hi", max_output_tokens=4000)
        assert refused.value.retry_at is not None
        assert [each.outcome for each in refused.value.attempts] == ["budget_exceeded"]
        (before,) = home.control("agent.show", name="bot")["budgets"]
        assert before["used"] == reply.cost["total"]
        home.stop()
        home.start()
        (after,) = home.status()["budgets"]
        assert (after["of"], after["name"], after["used"]) == ("agent", "bot", before["used"])

    def test_calls_at_once_at_the_edge_do_not_pass_it_by_more_than_was_under_way(self, home: Installation) -> None:
        start(home)
        token = agent(home, "3000tok/day")

        def ask(_: int) -> str:
            with home.client("bot", token) as client:
                try:
                    client.chat("hi", max_output_tokens=100)
                except KruxosError as error:
                    return error.code
                return "answered"

        with ThreadPoolExecutor(20) as threads:
            outcomes = list(threads.map(ask, range(100)))
        assert set(outcomes) <= {"answered", "budget_exceeded"}
        assert "answered" in outcomes
        home.wait_idle()
        (standing,) = home.status()["budgets"]
        assert standing["set_aside"] == "0"
        assert Decimal(standing["used"]) <= 3000

    def test_80_percent_is_told_on_the_reply_and_in_the_journal_once(self, home: Installation) -> None:
        start(home)
        token = agent(home, "400tok/day")
        with home.client("bot", token) as client:
            notices: list[str] = []
            for _ in range(60):
                try:
                    notices += [each.code for each in client.chat("hi there", max_output_tokens=30).notices]
                except BudgetExceededError:
                    break
            else:
                pytest.fail("the budget was never used up")
        assert notices.count("budget") >= 1
        told = events(home, "budget")
        assert told[0]["percent"] == 80.0
        assert len(told) == notices.count("budget") <= 2

    def test_a_policy_rules_out_models_and_a_changed_one_holds_in_open_sessions(self, home: Installation) -> None:
        start(home)
        token = agent(home, models=["gpt-4.1*"])
        with home.client("bot", token) as client:
            with pytest.raises(ForbiddenError, match="does not allow gpt-4o"):
                client.chat("hi")
            assert client.chat("hi", provider="spare").model.startswith("gpt-4.1")
            home.control("agent.set_policy", name="bot", models=["any"])
            assert client.chat("hi").model.startswith("gpt-4o")

    def test_its_effort_is_asked_for_where_a_call_says_none(self, home: Installation, simulator: Simulator) -> None:
        start(home)
        home.control("model.default", role="chat", name="spare")
        token = agent(home, effort="high", model="gpt/gpt-5.2")
        with home.client("bot", token) as client:
            plain = client.chat("hi")
            said = client.chat("hi", thinking_effort="none")
        assert plain.usage is not None
        assert said.usage is not None
        assert (plain.usage.reasoning_tokens or 0) > 0
        assert not said.usage.reasoning_tokens


class TestAProvidersBudget:
    def test_a_provider_over_its_cap_is_passed_over_and_the_reason_is_told(self, home: Installation) -> None:
        root = models(home).replace("    model: gpt-4o\n", "    model: gpt-4o\n    budget: 50tok/day\n")
        home.kruxos.write_models(root + "  fallback: spare\n")
        start(home)
        with home.client() as client:
            reply = client.chat("hi", max_output_tokens=100)
        assert reply.provider == "spare"
        assert reply.attempts[0].outcome == "budget_exceeded"
        assert "the provider's limit of 50tok/day" in reply.attempts[0].message

    def test_the_gateways_own_budget_holds_for_everybody(self, home: Installation) -> None:
        start(home, "budgets: [50tok/day]\n")
        with home.client() as client, pytest.raises(BudgetExceededError, match="the gateway's limit of 50tok/day"):
            client.chat("hi", max_output_tokens=100)


class TestADefaultForAWhile:
    def test_it_outlives_a_restart_and_ends_by_itself(self, home: Installation) -> None:
        start(home)
        written = models(home)
        done = home.control("model.default", role="chat", name="spare", for_s=3600)
        assert done["then"] == "gpt"
        home.stop()
        start(home)
        assert home.status()["defaults"] == {"chat": "spare"}
        assert home.status()["defaults_until"] == {"chat": done["until"]}
        with home.client() as client:
            assert client.chat("hi").provider == "spare"
        home.control("model.default", role="chat", name="spare", for_s=1)
        until(lambda: home.status()["defaults"] == {"chat": "gpt"}, "the end of the default")
        assert models(home) == written
        assert events(home, "default")[-1]["reason"] == "its time is over"


class _Hook(BaseHTTPRequestHandler):
    came: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.came.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


def _by(home: Installation, kind: str) -> set[str]:
    return {each["by"] for each in events(home, "alert") if each["alert"] == kind}


class TestAlerts:
    def test_a_command_and_a_webhook_are_told_once_and_the_command_inherits_nothing(
        self, home: Installation, tmp_path: Path
    ) -> None:
        script, out = tmp_path / "tell.py", tmp_path / "told"
        script.write_text(
            "import json, os, sys\n"
            f"open({str(out)!r}, 'a').write(json.dumps([json.load(sys.stdin), sorted(os.environ)]) + chr(10))\n"
        )
        received: list[dict[str, Any]] = []
        hook = type("Hook", (_Hook,), {"came": received})
        server = HTTPServer(("127.0.0.1", 0), hook)
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            address = f"http://127.0.0.1:{server.server_port}/hook"
            start(
                home,
                f"alerts:\n  command: [{sys.executable}, -S, {script}]\n  webhook: {address}\nbudgets: 400tok/day\n",
            )
            assert home.control("alerts.test")["sent"] == {"command": "sent", "webhook": "sent"}
            with home.client() as client:
                while True:
                    try:
                        client.chat("hi", max_output_tokens=20)
                    except BudgetExceededError:
                        break
            until(lambda: _by(home, "budget") == {"command", "webhook"}, "an alert about the budget, by both ways")
        finally:
            server.shutdown()
            serving.join()
            server.server_close()
        told = [json.loads(line) for line in out.read_text().splitlines()]
        assert all(set(environment) <= {"PATH", "LC_CTYPE"} for _, environment in told)
        for came in ([alert for alert, _ in told], received):
            once = [(each["kind"], each["subject"]) for each in came]
            assert len(once) == len(set(once))
            assert {"failed", "recovered", "test", "budget"} <= {kind for kind, _ in once}
        assert {each["outcome"] for each in events(home, "alert")} == {"sent"}

    def test_a_command_that_cannot_be_started_is_told_and_calls_go_on(self, home: Installation) -> None:
        start(home, "alerts:\n  command: [/nowhere/tell-me]\n")
        assert home.control("alerts.test")["sent"] == {"command": "cannot be started: no such file or directory"}
        with home.client() as client:
            assert client.chat("hi").text
