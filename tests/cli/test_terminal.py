"""At a real terminal: prompts that show nothing, questions, a conversation, a status that redraws itself, Ctrl-C."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable

import pytest

from kruxos.cli import failing
from tests.cli.running import Gateway, Kruxos
from tests.cli.upstream import Upstream

pytestmark = pytest.mark.real

KEY = "sk-test-typed-0123456789"
MODELS = """\
providers:
  fast:
    type: openai
    base_url: {root}/v1
    auth: none
    model: gpt-4o
defaults:
  chat: fast
"""


@pytest.fixture(scope="module")
def running(serving: Callable[[str], tuple[Kruxos, Gateway]], upstream: Upstream) -> Kruxos:
    kruxos, gateway = serving(MODELS.format(root=upstream.root))
    gateway.wait_ready("fast")
    return kruxos


class TestPrompts:
    def test_a_key_is_asked_for_and_not_shown(self, kruxos: Kruxos) -> None:
        with kruxos.at_terminal("model", "add", "anthropic", "--auth", "api-key") as terminal:
            terminal.wait_for("API key:")
            terminal.type(f"{KEY}\n")
            terminal.wait_for("Added anthropic: claude-sonnet-4-6, its key in the vault.")
            assert terminal.end() == 0
            assert KEY not in terminal.text
        assert "stored" in kruxos.well("model", "list")

    def test_nobody_is_asked_for_a_key_in_vain(self, kruxos: Kruxos) -> None:
        kruxos.well("model", "add", "anthropic", stdin=KEY)
        with kruxos.at_terminal("model", "add", "anthropic") as terminal:
            terminal.wait_for("there is a provider anthropic already")
            assert terminal.end() == failing.FAILED
            assert "API key:" not in terminal.text

    def test_ctrl_c_at_the_prompt_stores_nothing_and_ends_with_130(self, kruxos: Kruxos) -> None:
        with kruxos.at_terminal("model", "add", "anthropic") as terminal:
            terminal.wait_for("API key:")
            terminal.interrupt()
            assert terminal.end() == failing.INTERRUPTED
            assert "Traceback" not in terminal.text
        assert "No model providers yet" in kruxos.well("model", "list")

    def test_nothing_typed_is_told(self, kruxos: Kruxos) -> None:
        with kruxos.at_terminal("model", "add", "anthropic") as terminal:
            terminal.wait_for("API key:")
            terminal.type("\n")
            terminal.wait_for("no API key was given")
            assert terminal.end() == failing.FAILED

    def test_a_removal_is_asked_about(self, kruxos: Kruxos) -> None:
        kruxos.well("model", "add", "local")
        for answer, code in (("n", failing.FAILED), ("", failing.FAILED), ("y", failing.OK)):
            with kruxos.at_terminal("model", "remove", "local-default") as terminal:
                terminal.wait_for("Remove local-default and its credentials? [y/N] ")
                terminal.type(f"{answer}\n")
                assert terminal.end() == code
        assert "No model providers yet" in kruxos.well("model", "list")

    def test_yes_asks_nothing(self, kruxos: Kruxos) -> None:
        kruxos.well("model", "add", "local")
        with kruxos.at_terminal("model", "remove", "local-default", "--yes") as terminal:
            assert terminal.end() == 0
            assert "[y/N]" not in terminal.text

    def test_a_passphrase_is_asked_for_twice_and_then_by_each_command_that_needs_it(self, kruxos: Kruxos) -> None:
        with kruxos.at_terminal("vault", "set-passphrase") as terminal:
            terminal.wait_for("New vault passphrase:")
            terminal.type("correct horse battery\n")
            terminal.wait_for("The same again:")
            terminal.type("correct horse bakery\n")
            terminal.wait_for("the two are not the same")
            assert terminal.end() == failing.FAILED
        with kruxos.at_terminal("vault", "set-passphrase") as terminal:
            for prompt in ("New vault passphrase:", "The same again:"):
                terminal.wait_for(prompt)
                terminal.type("correct horse battery\n")
            terminal.wait_for("kept in nothing but the passphrase")
            assert terminal.end() == 0
        with kruxos.at_terminal("model", "add", "anthropic") as terminal:
            terminal.wait_for("Vault passphrase:")
            terminal.type("correct horse battery\n")
            terminal.wait_for("API key:")
            terminal.type(f"{KEY}\n")
            terminal.wait_for("Added anthropic")
            assert terminal.end() == 0
            assert terminal.text.count("Vault passphrase:") == 1
            assert "horse" not in terminal.text


class TestColours:
    def test_a_terminal_gets_colours(self, running: Kruxos) -> None:
        with running.at_terminal("status") as terminal:
            terminal.wait_for("Uptime")
            assert terminal.end() == 0
            assert "\x1b[32mrunning\x1b[0m" in terminal.text

    @pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
    def test_who_wants_none_gets_none(self, running: Kruxos, environment: dict[str, str]) -> None:
        with running.at_terminal("status", environment=environment) as terminal:
            terminal.wait_for("Uptime")
            assert terminal.end() == 0
            assert "\x1b" not in terminal.text

    def test_a_narrow_terminal_is_not_overrun(self, running: Kruxos) -> None:
        with running.at_terminal("worker", "list", columns=60) as terminal:
            assert terminal.end() == 0
            shown = re.sub(r"\x1b\[\d+m", "", terminal.text)
            assert max(len(line) for line in shown.splitlines()) <= 60


class TestWatching:
    def test_it_redraws_in_place_until_ctrl_c_and_leaves_the_terminal_as_it_was(self, running: Kruxos) -> None:
        with running.at_terminal("status", "--watch") as terminal:
            assert terminal.wait_for("KruxOS v") == "\x1b[?1049h\x1b[?25l\x1b[H\x1b[1m"
            first = terminal.wait_for("\x1b[J")
            terminal.wait_for("\x1b[H")
            second = terminal.wait_for("\x1b[J")
            assert "fast" in first
            assert "fast" in second
            terminal.interrupt()
            assert terminal.end() == failing.INTERRUPTED
            assert terminal.text.rstrip().endswith("\x1b[?25h\x1b[?1049l")
            assert "Traceback" not in terminal.text

    def test_a_signal_to_end_leaves_the_terminal_as_it_was_too(self, running: Kruxos) -> None:
        with running.at_terminal("status", "--watch") as terminal:
            terminal.wait_for("\x1b[J")
            terminal.process.send_signal(signal.SIGTERM)
            assert terminal.end() == 128 + signal.SIGTERM
            assert terminal.text.rstrip().endswith("\x1b[?25h\x1b[?1049l")

    def test_it_goes_on_while_the_gateway_is_down_and_does_not_stand_in_its_way(self, kruxos: Kruxos) -> None:
        kruxos.well("model", "add", "local")
        with kruxos.at_terminal("status", "--watch") as terminal:
            terminal.wait_for("not running")
            terminal.wait_for("\x1b[H")
            with Gateway(kruxos):
                terminal.wait_for("(pid ")
            terminal.wait_for("not running")
            terminal.interrupt()
            assert terminal.end() == failing.INTERRUPTED

    def test_what_has_no_room_on_the_screen_is_left_out(self, running: Kruxos) -> None:
        with running.at_terminal("status", "--watch", rows=6) as terminal:
            terminal.wait_for("\x1b[H")
            assert terminal.wait_for("\x1b[J").count("\n") == 5


class TestConversation:
    def test_it_goes_turn_by_turn_and_remembers(self, running: Kruxos, upstream: Upstream) -> None:
        with running.at_terminal("chat") as terminal:
            terminal.wait_for("> ")
            terminal.type("first question\n")
            terminal.wait_for("Ready and waiting.")
            terminal.wait_for("gpt-4o at fast")
            terminal.wait_for("> ")
            terminal.type("second question\n")
            terminal.wait_for("Ready and waiting.")
            terminal.wait_for("> ")
            terminal.type("\x04")
            assert terminal.end() == 0
        messages = upstream.seen[-1][2]["messages"]
        assert [message["role"] for message in messages] == ["user", "assistant", "user"]

    def test_thinking_is_dimmed(self, running: Kruxos) -> None:
        with running.at_terminal("chat", "think") as terminal:
            terminal.wait_for("\x1b[2mLet me think.\x1b[0m")
            terminal.wait_for("Ready and waiting.")
            assert terminal.end() == 0

    def test_ctrl_c_stops_an_answer_and_the_next_can_be_asked(self, running: Kruxos, upstream: Upstream) -> None:
        upstream.gate.clear()
        with running.at_terminal("chat") as terminal:
            terminal.wait_for("> ")
            terminal.type("a long story\n")
            terminal.wait_for("Ready")
            terminal.interrupt()
            terminal.wait_for("(stopped)")
            upstream.gate.set()
            terminal.wait_for("> ")
            terminal.type("a short one\n")
            terminal.wait_for("Ready and waiting.")
            terminal.wait_for("> ")
            assert terminal.leave() == failing.INTERRUPTED
            assert "Traceback" not in terminal.text
        assert len(upstream.seen[-1][2]["messages"]) == 1  # what was stopped is not part of the conversation

    def test_a_failure_is_told_and_the_next_can_be_asked(self, running: Kruxos) -> None:
        with running.at_terminal("chat", "--provider", "nobody", "--role", "autonomous") as terminal:
            terminal.wait_for("> ")
            terminal.type("hello\n")
            terminal.wait_for("no provider available")
            terminal.wait_for("> ")
            terminal.type("\x04")
            assert terminal.end() == 0

    def test_one_question_that_is_interrupted_ends_with_130(self, running: Kruxos, upstream: Upstream) -> None:
        upstream.gate.clear()
        with running.at_terminal("chat", "a long story") as terminal:
            terminal.wait_for("Ready")
            terminal.interrupt()
            assert terminal.end() == failing.INTERRUPTED
            assert "Traceback" not in terminal.text
        upstream.gate.set()


def test_serve_ends_well_by_ctrl_c(kruxos: Kruxos) -> None:
    with kruxos.at_terminal("serve") as terminal:
        terminal.wait_for("listening at")
        terminal.interrupt()
        terminal.wait_for("stopped")
        assert terminal.end() == 0
        assert "Traceback" not in terminal.text


def test_a_quiet_gateway_logs_to_its_file_alone(kruxos: Kruxos) -> None:
    with kruxos.at_terminal("serve", "--quiet") as terminal:
        log = kruxos.root / "logs" / "gateway.log"
        with kruxos.at_terminal("status", "--watch") as watcher:
            watcher.wait_for("(pid ")
        terminal.interrupt()
        assert terminal.end() == 0
        assert terminal.text.strip() in ("", "^C")
        assert "listening at" in log.read_text()
