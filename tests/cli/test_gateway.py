"""Commands in a running gateway's company, with a provider on loopback."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from kruxos import BlockingClient, framing, wire
from kruxos.cli.status_view import GATEWAY_KEYS, WORKER_KEYS
from kruxos.client.answers import read_answer
from kruxos.client.sockets import ask
from kruxos.errors import BadRequestError, ConnectionLostError, UnauthorizedError
from kruxos.launcher.cage import landlock, syscalls
from kruxos.paths import agent_socket, control_socket
from tests.cli.running import Gateway, Kruxos, steady
from tests.cli.upstream import Upstream

pytestmark = pytest.mark.real

MODELS = """\
providers:
  fast:
    type: openai
    profile: openai
    base_url: {root}/v1
    auth: none
    model: gpt-4o
  keyless:
    type: openai
    base_url: {root}/v1
    model: gpt-4o
  by-name:
    type: openai
    profile: openai
    base_url: {by_name}/v1
    auth: none
    model: gpt-4o
  no-version:
    type: openai
    base_url: {root}
    auth: none
    model: gpt-4o
  dead:
    type: openai
    base_url: http://127.0.0.1:1/v1
    auth: none
    model: gpt-4o
  off:
    type: openai
    base_url: {root}/v1
    auth: none
    model: gpt-4o
    enabled: false
defaults:
  chat: fast
"""

needs_whole_cage = pytest.mark.skipif(
    landlock.version() < 4 or syscalls.this_machine() is None, reason="this kernel cannot put the whole cage on"
)


FAILURES = {
    "keyless": """\
error: keyless: no credentials configured
fix: kruxos vault add model-provider:keyless api-key
""",
    "no-version": """\
error: no-version: nothing answers at http://HOST/chat/completions (no-version answered with an error 404 (not_found))
fix: check that your base_url includes /v1: http://HOST/v1, not http://HOST
""",
    "dead": """\
error: dead: no connection to the provider (no connection to 127.0.0.1 port 1: connection refused)
fix: check the network and base_url; for a local server, that it runs
""",
    "off": """\
error: off is disabled
fix: kruxos model enable off
""",
    "nobody": """\
error: there is no provider nobody
fix: use one of: fast, keyless, by-name, no-version, dead, off
""",
}


@pytest.fixture(scope="module")
def running(serving: Callable[[str], tuple[Kruxos, Gateway]], upstream: Upstream) -> tuple[Kruxos, Gateway]:
    kruxos, gateway = serving(
        MODELS.format(root=upstream.root, by_name=upstream.root.replace("127.0.0.1", "localhost"))
    )
    gateway.wait_ready("fast", "no-version", "dead")
    gateway.wait_log("provider keyless: starting -> failed")
    return kruxos, gateway


@pytest.fixture
def kruxos(running: tuple[Kruxos, Gateway]) -> Kruxos:
    return running[0]


@pytest.fixture
def gateway(running: tuple[Kruxos, Gateway]) -> Gateway:
    return running[1]


class TestStatus:
    def test_it_shows_the_head_the_workers_and_what_to_do(self, kruxos: Kruxos) -> None:
        shown = steady(kruxos.well("status"))
        head, _, rest = shown.partition("\n\n")
        head = re.sub(r"Cage: .*", "Cage: C", head)
        assert re.sub(r"file \S+", "file F", re.sub(r"Data: .*", "Data: D", head)) == (
            "KruxOS v0.1.0\n"
            "────────────────────────────────────────────────\n"
            "Gateway:  running (pid PID)\n"
            "Vault:    unlocked, key kept in the file F\n"
            "Agents:   0 registered, 0 connected\n"
            "Defaults: chat fast\n"
            "Calls:    0 under way\n"
            "Uptime:   SPAN\n"
            "Cage: C\n"
            "Data: D"
        )
        assert re.search(r"^fast +ready +\d+ +SPAN +0 +0", rest, re.MULTILINE)
        assert re.search(r"^keyless +failed +- +SPAN", rest, re.MULTILINE)
        assert re.search(r"^off +disabled", rest, re.MULTILINE)
        assert (
            "  keyless: no credentials configured\n    fix: kruxos vault add model-provider:keyless api-key\n" in rest
        )

    def test_json_has_the_documented_keys(self, kruxos: Kruxos) -> None:
        shown = json.loads(kruxos.well("status", "--json"))
        assert tuple(shown) == GATEWAY_KEYS
        assert [tuple(each) for each in shown["workers"]] == [WORKER_KEYS] * 6
        assert (shown["running"], shown["workers"][0]["state"], shown["workers"][0]["model"]) == (
            True,
            "ready",
            "gpt-4o",
        )

    @needs_whole_cage
    def test_workers_are_caged_and_the_details_are_in_json(self, kruxos: Kruxos, upstream: Upstream) -> None:
        fast = json.loads(kruxos.well("status", "--json"))["workers"][0]["isolation"]
        assert (fast["level"], fast["missing"], fast["unreadable"]) == ("full", [], True)
        assert fast["ports"] == [int(upstream.root.rpartition(":")[2])]
        assert "Cage:     full\n" in kruxos.well("status")

    def test_a_worker_that_was_killed_is_there_again_with_the_reason(self, kruxos: Kruxos, gateway: Gateway) -> None:
        before = json.loads(kruxos.well("worker", "list", "--json"))["workers"][0]
        os.kill(before["pid"], signal.SIGKILL)
        gateway.wait_log(r"provider fast: .* -> ready", times=2)
        after = json.loads(kruxos.well("worker", "list", "--json"))["workers"][0]
        assert after["pid"] != before["pid"]
        assert after["last_exit"] == "killed by SIGKILL"
        assert re.search(r"^fast .* 1 \(killed by SIGKILL\) ", kruxos.well("worker", "list"), re.MULTILINE)


class TestModelTest:
    def test_a_provider_that_answers_is_told_with_its_tokens(self, kruxos: Kruxos) -> None:
        assert steady(kruxos.well("model", "test", "fast")) == (
            "fast works: gpt-4o answered in N s (12 tokens in, 3 out, $0.000060).\n"
        )
        result = json.loads(kruxos.well("model", "test", "fast", "--json"))
        assert (result["name"], result["usage"]["output_tokens"]) == ("fast", 3)

    @pytest.mark.parametrize("name", FAILURES)
    def test_each_failure_is_told_in_plain_words(self, kruxos: Kruxos, name: str) -> None:
        done = kruxos("model", "test", name)
        assert (done.code, done.out, steady(done.err)) == (1, "", FAILURES[name])

    def test_a_key_that_is_refused_and_a_limit_that_is_reached(self, kruxos: Kruxos, gateway: Gateway) -> None:
        ready = len(re.findall("provider keyless: .* -> ready", gateway.log))
        kruxos.well("vault", "add", "model-provider:keyless", "api-key", stdin="rejected-key")
        gateway.wait_log("provider keyless: .* -> ready", times=ready + 1)
        done = kruxos("model", "test", "keyless")
        assert steady(done.err) == (
            "error: keyless: the provider refuses the key (keyless answered with an error 401 (invalid_api_key))\n"
            "fix: store a valid one: kruxos vault add model-provider:keyless api-key\n"
        )
        kruxos.well("model", "add", "openai", "--name", "busy", "--endpoint", self.address(kruxos), "--model", "m",
                    stdin="limited-key")  # fmt: skip
        gateway.wait_ready("busy")
        done = kruxos("model", "test", "busy")
        assert done.err.startswith("error: busy: rate limit reached")
        assert "fix: wait, or set a fallback provider: kruxos model default fallback NAME\n" in done.err
        shown = steady(kruxos.well("status"))
        assert re.search(r"^busy +ready .* CLOCK \(rate limited\) ", shown, re.MULTILINE)
        assert "  busy: asked to be left alone until CLOCK\n" in shown
        kruxos.well("model", "remove", "busy")
        kruxos.well("vault", "remove", "model-provider:keyless")
        gateway.wait_log("provider keyless: starting -> failed", times=2)
        assert "no credentials configured" in kruxos.well("status")

    def address(self, kruxos: Kruxos) -> str:
        providers = json.loads(kruxos.well("model", "list", "--json"))["providers"]
        return str(providers[0]["base_url"])


class TestChat:
    def test_the_answer_is_on_standard_output_and_the_rest_on_standard_error(self, kruxos: Kruxos) -> None:
        done = kruxos("chat", "hello")
        assert (done.code, done.out) == (0, "Ready and waiting.\n")
        assert steady(done.err) == "gpt-4o at fast · 12 tokens in, 3 out · $0.000060 · N µs overhead\n"

    def test_a_provider_is_reached_by_its_name_which_its_worker_cannot_resolve(self, kruxos: Kruxos) -> None:
        done = kruxos("chat", "--provider", "by-name", "hello")
        assert (done.code, done.out) == (0, "Ready and waiting.\n"), done.said

    def test_what_is_piped_in_is_the_prompt(self, kruxos: Kruxos, upstream: Upstream) -> None:
        assert kruxos.well("chat", "--system", "be brief", stdin="from a pipe\n") == "Ready and waiting.\n"
        messages = upstream.seen[-1][2]["messages"]
        assert [message["role"] for message in messages] == ["system", "user"]
        assert "from a pipe" in str(messages[1]["content"])

    def test_another_provider_that_answers_is_told(self, kruxos: Kruxos) -> None:
        done = kruxos("chat", "--provider", "dead", "hello")
        assert done.out == "Ready and waiting.\n"
        assert "note: dead did not answer: no connection to 127.0.0.1 port 1: connection refused\n" in done.err
        assert "note: fast answers instead of dead\n" in done.err

    def test_a_call_that_nobody_can_answer_is_an_error(self, kruxos: Kruxos) -> None:
        done = kruxos("chat", "--provider", "nobody", "--role", "autonomous", "hello")
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("error: no provider available (nobody: skipped: not in models.yaml)\nfix: ")

    def test_nothing_is_not_asked(self, kruxos: Kruxos) -> None:
        done = kruxos("chat", stdin=" \n")
        assert (done.code, done.err) == (1, 'error: there is nothing to ask\nfix: kruxos chat "hello"\n')


class TestWorkers:
    def test_stopped_started_and_restarted(self, kruxos: Kruxos, gateway: Gateway) -> None:
        assert kruxos.well("worker", "stop", "no-version") == (
            "Stopped no-version: calls under way finish. Start it again: kruxos worker start no-version\n"
        )
        gateway.wait_log("provider no-version: ready -> stopped")
        assert "  no-version: stopped by operator\n    fix: kruxos worker start no-version\n" in kruxos.well("status")
        assert kruxos.well("worker", "start", "no-version") == "Starting no-version.\n"
        gateway.wait_log("provider no-version: starting -> ready", times=2)
        assert kruxos.well("worker", "restart", "no-version", "--now") == "Restarting no-version: at once.\n"
        gateway.wait_log("provider no-version: starting -> ready", times=3)
        assert "1 (restarted by operator)" in kruxos.well("worker", "list")

    def test_one_that_was_stopped_is_not_started_by_a_new_key(self, kruxos: Kruxos, gateway: Gateway) -> None:
        add = ("model", "add", "openai", "--name", "parked", "--endpoint", "http://127.0.0.1:1/v1", "--model", "m")
        kruxos.well(*add, stdin="first-key")
        gateway.wait_ready("parked")
        kruxos.well("worker", "stop", "parked")
        kruxos.well("vault", "add", "model-provider:parked", "api-key", stdin="second-key")
        assert re.search(r"^parked +stopped ", kruxos.well("worker", "list"), re.MULTILINE)
        kruxos.well("model", "remove", "parked")

    def test_a_disabled_one_is_not_started(self, kruxos: Kruxos) -> None:
        assert kruxos("worker", "start", "off").err == (
            "error: off is disabled in models.yaml\nfix: kruxos model enable off\n"
        )


class TestAgents:
    def test_a_revoked_agents_connections_end_and_its_token_is_refused(self, kruxos: Kruxos) -> None:
        made = json.loads(kruxos.well("agent", "create", "--name", "bot", "--json"))
        address = agent_socket(kruxos.root)
        with BlockingClient(token=made["token"], address=address) as client:
            assert client.chat("hello").text == "Ready and waiting."
            kruxos.well("agent", "revoke", "bot")
            with pytest.raises((UnauthorizedError, ConnectionLostError)):
                client.chat("again")
            with pytest.raises(UnauthorizedError):
                client.chat("and again")
        (agent,) = json.loads(kruxos.well("agent", "list", "--json"))["agents"]
        assert (agent["status"], agent["calls"]) == ("revoked", 1)

    def test_an_agents_usage_is_booked_to_it(self, kruxos: Kruxos) -> None:
        token = re.findall("Token: (.*)", kruxos.well("agent", "create", "--name", "counted"))[0]
        kruxos.well("chat", "--agent", "counted", "hello", KRUXOS_AGENT_TOKEN=token)
        found = json.loads(kruxos.well("usage", "--by", "agent,model", "--agent", "counted", "--json"))
        assert found["total"]["calls"] == 1
        assert found["rows"][0]["agent"] == "counted"
        assert found["total"]["cost"] == {"USD": "0.00006"}

    def test_what_was_saved_is_shown(self, kruxos: Kruxos) -> None:
        kruxos.well("chat", "hello")
        shown = kruxos.well("usage", "--savings")
        assert "SAVED" in shown
        assert "FROM CACHE" in shown

    def test_a_files_tokens_are_estimated_where_nobody_counts_and_cost_nothing(
        self, kruxos: Kruxos, tmp_path: Path
    ) -> None:
        file = tmp_path / "prompt.txt"
        file.write_text("How many tokens may this be? " * 10)
        before = json.loads(kruxos.well("usage", "--json"))["total"]
        found = json.loads(kruxos.well("tokens", str(file), "--provider", "fast", "--json"))
        after = json.loads(kruxos.well("usage", "--json"))["total"]
        assert found["estimate"] is True
        assert 60 < found["tokens"] < 110
        for name in ("cost", "uncached_input_tokens", "unpriced_calls"):
            assert after[name] == (before or after)[name]


class TestVault:
    def test_locked_it_holds_back_new_workers_until_it_is_unlocked(self, kruxos: Kruxos, gateway: Gateway) -> None:
        kruxos.well("vault", "lock")
        done = kruxos("model", "add", "anthropic", stdin="sk-test-0123456789abcdef")
        assert done.code == 1
        assert "the vault is locked" in done.err
        assert "Vault:    locked" in kruxos.well("status")
        assert kruxos.well("vault", "unlock") == "The vault is unlocked.\n"
        assert "Vault:    unlocked" in kruxos.well("status")

    def test_a_provider_that_was_added_by_hand_comes_into_force_with_its_key(
        self, kruxos: Kruxos, gateway: Gateway, upstream: Upstream
    ) -> None:
        path = kruxos.root / "models.yaml"
        entry = f"  late:\n    type: openai\n    base_url: {upstream.root}/v1\n    model: gpt-4o\n"
        path.write_text(path.read_text().replace("defaults:", f"{entry}defaults:"))
        assert re.search(r"^late .* not in force yet", kruxos.well("model", "list"), re.MULTILINE)
        kruxos.well("vault", "add", "model-provider:late", "api-key", stdin="the-late-key")
        gateway.wait_ready("late")
        assert kruxos("model", "test", "late").code == 0
        assert upstream.seen[-1][1] == "the-late-key"


class TestTheDoor:
    def ask(self, kruxos: Kruxos, op: str, body: bytes) -> wire.Frame:
        question = framing.encode(wire.Open(id=1, op=op, body=body))
        return read_answer(ask(str(control_socket(kruxos.root)), question, timeout_s=10.0))

    @pytest.mark.parametrize("body", [b"\xc1", b"\x91", b"\x90", b"\xff\xff", b"\x81\xa1a"])
    def test_arguments_that_cannot_be_read_are_refused_and_the_gateway_goes_on(
        self, kruxos: Kruxos, body: bytes
    ) -> None:
        with pytest.raises(BadRequestError, match="arguments are a map"):
            self.ask(kruxos, "status", body)
        assert kruxos("status").code == 0

    def test_an_operation_that_there_is_not_is_told(self, kruxos: Kruxos) -> None:
        with pytest.raises(BadRequestError, match=r"there is no operation model\.fly"):
            self.ask(kruxos, "model.fly", b"")


def test_a_second_gateway_says_that_one_runs(kruxos: Kruxos) -> None:
    done = kruxos("serve")
    assert done.code == 1
    assert re.match(r"error: `kruxos serve` \(process \d+\) works in the data directory ", done.err)


def test_a_gateway_that_is_told_to_stop_ends_well(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("k")
    command = Kruxos(home / "data", home)
    with Gateway(command) as gateway:
        assert command.well("model", "list") == (
            "No model providers yet. Add one: kruxos model add anthropic --auth api-key\n"
        )
        assert gateway.stop() == 0
    assert command("status").code == 3
