"""The entry: commands found, help with examples, exit codes, and failures in words."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kruxos.attempts import Attempt
from kruxos.cli import failing, main
from kruxos.cli.main import NOUNS
from kruxos.config.problems import ConfigError, Problem, SetupError
from kruxos.errors import (
    AllProvidersUnavailableError,
    BadRequestError,
    GatewayUnreachableError,
    InternalError,
    NoProviderError,
    RateLimitedError,
    RefusedError,
)
from tests.cli.running import COMMAND, ROOT, Kruxos

HEAVY = {"cryptography", "httpx", "keyring", "pydantic", "pynng", "sqlite3", "trio", "yaml"}
OTHER_VERSION = "the gateway that runs is of another version: stop `kruxos serve` and start it again"
CANARY = "sk-ant-api03-canary-0123456789abcdef"
COMMANDS = [
    "serve", "status", "chat", "tokens", "usage", "version", "model add", "model list", "model test", "model remove",
    "model login", "model default", "model confirm", "model enable", "model disable", "model catalog",
    "model matrix", "model efforts", "vault add",
    "vault list", "vault remove", "vault import", "vault lock", "vault unlock", "vault status", "vault key",
    "vault set-passphrase", "worker list", "worker reset", "worker restart", "worker stop", "worker start", "dashboard",
    "agent create", "agent list", "agent revoke", "agent rotate",
    "verify", "logs", "worker logs", "vault rotate", "vault change-passphrase", "agent show", "agent set-model",
    "agent env", "agent restore", "agent set-policy", "alerts list", "alerts test",
    "model show", "model why", "model recommend", "events",
    "batch submit", "batch list", "batch show", "batch results", "batch cancel",
    "config check", "config schema", "setup", "man", "completions", "simulate",
    "service install", "service uninstall", "service status",
]  # fmt: skip


def helped(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as left:
        main.main([*words, "--help"])
    assert left.value.code == 0
    return capsys.readouterr().out


class TestHelp:
    def test_every_command_is_in_the_first_help_with_what_it_is_for(self, capsys: pytest.CaptureFixture[str]) -> None:
        text = helped(capsys)
        for noun, summary in NOUNS.items():
            assert noun == "simulate" or re.search(rf"^ +{noun} +{re.escape(summary)}$", text, re.MULTILINE)
        assert "exit codes:" in text

    def test_without_words_it_is_the_help(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main.main([]) == 0
        assert "examples:" in capsys.readouterr().out

    @pytest.mark.parametrize("command", [each for each in COMMANDS if each != "version"])
    def test_every_command_has_examples_that_begin_with_it(
        self, capsys: pytest.CaptureFixture[str], command: str
    ) -> None:
        text = helped(capsys, *command.split())
        assert f"  kruxos {command}" in text.partition("examples:")[2]

    def test_these_are_all_commands(self, capsys: pytest.CaptureFixture[str]) -> None:
        found: list[str] = []
        for noun in NOUNS:
            verbs = re.findall(r"^    ([a-z-]+)(?: |$)", helped(capsys, noun).partition("commands:")[2], re.MULTILINE)
            found += [f"{noun} {verb}" for verb in verbs] or [noun]
        assert sorted(found) == sorted(COMMANDS)

    def test_a_noun_without_a_verb_shows_its_help_and_is_wrong_usage(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main.main(["model"]) == failing.USAGE
        assert "kruxos model add" in capsys.readouterr().err


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["modle", "list"], "error: there is no such command\nfix: kruxos model\n"),
            (["xyz"], "error: there is no such command\nfix: kruxos --help shows those there are\n"),
            (["model", "add"], "error: the following arguments are required: TYPE\nfix: kruxos model add --help\n"),
            (["model", "list", "--jsn"], "error: unknown option --jsn\nfix: kruxos model list --help\n"),
            (["model", "list", "x"], "error: there is a word too many\nfix: kruxos model list --help\n"),
            (
                ["model", "default", "night", "x"],
                "error: argument ROLE: choose from chat, autonomous, fallback\nfix: kruxos model default --help\n",
            ),
            (["usage", "--by", "colour"], "error: --by takes agent, provider, model and day\nfix: kruxos usage --by"),
            (["usage", "--since", "once"], "error: this is no time: write it like 24h, 7d or 2026-11-01\n"),
            (["status", "--watch"], "error: --watch draws on a terminal\nfix: without one: kruxos status --json\n"),
            (["agent", "create"], "error: an agent has one name\n"),
            (["agent", "create", "a", "--name", "b"], "error: an agent has one name\n"),
        ],
    )
    def test_it_is_told_with_the_way_out_and_ends_with_2(
        self, capsys: pytest.CaptureFixture[str], words: list[str], told: str
    ) -> None:
        try:
            code = main.main(words)
        except SystemExit as left:
            code = int(left.code or 0)
        assert code == failing.USAGE
        assert capsys.readouterr().err.startswith(told)

    @pytest.mark.parametrize(
        "words",
        [
            ["vault", "add", "model-provider:x", "api-key", CANARY],
            ["vault", "add", "model-provider:x", CANARY],
            ["vault", "add", CANARY, "api-key"],
            ["vault", "rotate", "model-provider:x", CANARY],
            ["model", "add", "anthropic", CANARY],
            ["model", "add", "anthropic", "--key", CANARY],
            ["model", "add", "anthropic", f"--api-key={CANARY}"],
            ["model", "add", CANARY],
            ["model", "add", "anthropic", "--name", CANARY],
            ["model", "add", "openai", "--endpoint", CANARY],
            ["model", "add", "anthropic", "--auth", CANARY],
            ["model", "test", "x", "--timeout", CANARY],
            ["agent", "create", "--role", CANARY, "--name", "x"],
            [CANARY],
        ],
        ids=lambda words: " ".join(words).replace(CANARY, "KEY"),
    )
    def test_a_key_that_landed_on_the_command_line_is_not_repeated(self, kruxos: Kruxos, words: list[str]) -> None:
        done = kruxos(*words)
        assert done.code in (failing.FAILED, failing.USAGE)
        assert "canary" not in done.said
        assert "error: " in done.err

    def test_a_key_on_the_command_line_is_refused_with_the_reason(self, kruxos: Kruxos) -> None:
        done = kruxos("vault", "add", "model-provider:x", "api-key", CANARY)
        assert done.err.startswith("error: a key is not given on the command line: other users can read it there")


class TestFailures:
    @pytest.mark.parametrize(
        ("error", "code", "told"),
        [
            (RefusedError("it cannot be\n  fix: do that"), 1, "error: it cannot be\nfix: do that\n"),
            (SetupError("it cannot be", "do that"), 1, "error: it cannot be\nfix: do that\n"),
            (SetupError("it cannot be"), 1, "error: it cannot be\n"),
            (GatewayUnreachableError("nobody there"), 3, "error: nobody there\nfix: start it with `kruxos serve`\n"),
            (
                GatewayUnreachableError("no gateway answers: start it with `kruxos serve`"),
                3,
                "error: no gateway answers: start it with `kruxos serve`\n",
            ),
            (
                RateLimitedError("deepseek answered with an error 429: " + RateLimitedError.recovery),
                1,
                f"error: deepseek answered with an error 429: {RateLimitedError.recovery}\n",
            ),
            (NoProviderError("none"), 1, f"error: none\nfix: {NoProviderError.recovery}\n"),
            (InternalError("x failed"), 1, "error: x failed\nfix: this is a fault of the gateway; its log has more\n"),
            (
                BadRequestError("there is no operation x", field="op"),
                1,
                f"error: there is no operation x\nfix: {OTHER_VERSION}\n",
            ),
            (
                AllProvidersUnavailableError(
                    "none left",
                    attempts=[Attempt("a", None, "rate_limited", "too many"), Attempt("b", None, "worker_lost")],
                ),
                1,
                f"error: none left\n  a: too many\n  b: worker_lost\nfix: {AllProvidersUnavailableError.recovery}\n",
            ),
            (
                ConfigError([Problem(3, 5, "providers.x.type", "is missing", "add it")]),
                1,
                "error: models.yaml has a problem:\nline 3, column 5: providers.x.type: is missing\nfix: add it\n",
            ),
            (FileNotFoundError(2, "No such file or directory", "/x"), 1, "error: No such file or directory: /x\n"),
            (RefusedError("\x1b[2J"), 1, "error: \ufffd[2J\n"),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
    )
    def test_each_is_an_error_and_a_fix_and_an_exit_code(
        self, capsys: pytest.CaptureFixture[str], error: Exception, code: int, told: str
    ) -> None:
        assert failing.tell_failure(error) == code
        assert capsys.readouterr().err == told

    def test_several_problems_keep_their_lines(self, capsys: pytest.CaptureFixture[str]) -> None:
        error = ConfigError([Problem(1, 1, "a", "x", "do a"), Problem(2, 1, "b", "y", "do b")])
        failing.tell_failure(RefusedError(str(error)))
        assert capsys.readouterr().err == f"error: {error}\n"

    def test_a_fault_of_ours_says_where_and_shows_no_traceback_and_no_value(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(main, "_run", lambda _: {CANARY: 1}[""])
        assert main.main(["status"]) == failing.FAILED
        err = capsys.readouterr().err
        assert re.match(r"error: this is a fault of KruxOS: KeyError in kruxos\.cli\.main, line \d+\nfix: report", err)
        assert "canary" not in err

    def test_an_interrupt_ends_with_130(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(_words: list[str]) -> int:
            raise KeyboardInterrupt

        monkeypatch.setattr(main, "_run", interrupted)
        assert main.main(["status"]) == failing.INTERRUPTED
        assert capsys.readouterr().err == "\n"

    def test_whoever_reads_may_stop_reading(self, kruxos: Kruxos) -> None:
        reader = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)
        reader.wait()
        done = subprocess.run(
            [*COMMAND, "model", "catalog"], stdout=reader.stdin, stderr=subprocess.PIPE, env=kruxos.environment(),
            text=True, check=False,
        )  # fmt: skip
        assert reader.stdin is not None
        reader.stdin.close()
        assert (done.returncode, done.stderr) == (failing.FAILED, "")

    def test_a_stream_that_is_not_utf8_gets_plain_signs(self, kruxos: Kruxos) -> None:
        out = kruxos("status", PYTHONIOENCODING="ascii").out
        assert "-" * 48 in out
        assert out.isascii()


class TestStarting:
    @pytest.mark.parametrize("words", [["--help"], ["version"], ["status", "--help"], ["model", "add", "--help"]])
    def test_what_shows_help_loads_next_to_nothing(self, words: list[str]) -> None:
        loaded = self.loaded_by(words)
        assert HEAVY.isdisjoint(loaded)
        assert "kruxos.wire" not in loaded
        assert "kruxos.client.sockets" not in loaded

    def test_only_the_file_of_the_noun_is_loaded(self) -> None:
        loaded = self.loaded_by(["version"])
        assert {name for name in loaded if name in {f"kruxos.cli.{noun}" for noun in NOUNS}} == {"kruxos.cli.version"}

    def loaded_by(self, words: list[str]) -> set[str]:
        code = (
            "import sys, json, io, contextlib\n"
            "from kruxos.cli.main import main\n"
            "with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())), contextlib.suppress(SystemExit):\n"
            f"    main({words!r})\n"
            "names = set(sys.modules) | {name.partition('.')[0] for name in sys.modules}\n"
            "print(json.dumps(sorted(names)))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
        )
        return set(json.loads(done.stdout))


def test_the_version_is_told_in_three_ways(capsys: pytest.CaptureFixture[str]) -> None:
    from kruxos import __version__

    for words in (["version"], ["--version"]):
        assert main.main(words) == 0
        assert capsys.readouterr().out.startswith(f"kruxos {__version__} (Python ")
    assert main.main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == __version__


def test_a_key_may_be_piped_in_and_must_not_be_empty(
    kruxos: Kruxos, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KRUXOS_DATA_DIR", str(kruxos.root))
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    assert main.main(["model", "add", "anthropic"]) == failing.FAILED
    assert capsys.readouterr().err.startswith("error: no API key was given\nfix: type it at the prompt, or pipe it in")
    assert not Path(kruxos.root).exists()
