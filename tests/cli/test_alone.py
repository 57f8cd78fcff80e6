"""Commands where no gateway runs: what they print, to the letter."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from kruxos.cli.main import main
from kruxos.config.directory import DataDirectory
from kruxos.events import Usage
from kruxos.ledger.calls import Call
from kruxos.ledger.ledger import Ledger
from tests.cli.running import Kruxos, steady

KEY = "sk-test-0123456789abcdef"


@dataclass
class Told:
    code: int
    out: str
    err: str


Command = Callable[..., Told]


@pytest.fixture
def run(kruxos: Kruxos, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process, without a terminal."""
    for name, value in (("KRUXOS_DATA_DIR", str(kruxos.root)), ("HOME", str(kruxos.home))):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)

    def command(line: str, stdin: str = "") -> Told:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = main(line.split())
        captured = capsys.readouterr()
        return Told(code, steady(captured.out), steady(captured.err))

    return command


class TestOnAFreshMachine:
    @pytest.mark.parametrize(
        ("line", "code", "out"),
        [
            ("model list", 0, "No model providers yet. Add one: kruxos model add anthropic --auth api-key\n"),
            ("vault list", 0, "The vault is empty.\n"),
            (
                "vault status",
                0,
                "There is no vault yet: it is made with the first key, or by `kruxos serve`.\n",
            ),
            ("agent list", 0, "No agents yet. Make one: kruxos agent create --name code-bot\n"),
            ("usage", 0, "Nothing was used.\n"),
        ],
    )
    def test_questions_have_answers_and_make_nothing(
        self, run: Command, kruxos: Kruxos, line: str, code: int, out: str
    ) -> None:
        assert run(line) == Told(code, out, "")
        assert not kruxos.root.exists()

    def test_status_says_that_nothing_runs_and_what_to_do(self, run: Command, kruxos: Kruxos) -> None:
        told = run("status")
        assert (told.code, told.err) == (3, "")
        assert told.out.endswith(
            "No model providers yet.\n\nTo do:\n"
            "  gateway: not running\n    fix: kruxos serve\n"
            "  providers: there are none\n    fix: kruxos model add anthropic --auth api-key\n"
        )
        assert not kruxos.root.exists()

    @pytest.mark.parametrize(
        "line",
        ["worker list", "worker restart x", "model test x", "vault unlock", "vault lock", "chat hello"],
    )
    def test_what_needs_a_gateway_says_how_to_start_one(self, run: Command, line: str) -> None:
        told = run(line)
        assert (told.code, told.out) == (3, "")
        assert "kruxos serve" in told.err


class TestProviders:
    def test_from_the_first_to_the_last(self, run: Command) -> None:
        assert run("model add anthropic --auth api-key", KEY) == Told(
            0,
            "Added anthropic: claude-sonnet-4-6, its key in the vault.\n"
            "It is the default for chat.\n"
            "The gateway is not running; start it with `kruxos serve`, then: kruxos model test anthropic\n",
            "",
        )
        assert run("model add deepseek", KEY) == Told(
            0,
            "Added deepseek: deepseek-flash at https://api.deepseek.com/v1, its key in the vault.\n"
            "The gateway is not running; start it with `kruxos serve`, then: kruxos model test deepseek\n",
            "note: deepseek-chat, which the documentation recommends, is retired since 2026-07-24: "
            "deepseek-flash is taken in its place\n",
        )
        assert run("model add openai --name vllm --auth none --endpoint http://localhost:8000/v1 --model q").code == 0
        assert run("model disable vllm").out == "vllm is out of use; its entry and its key stay.\n"
        assert run("model default fallback deepseek").out == "deepseek is the default for fallback.\n"
        assert run("model list") == Told(
            0,
            "NAME       TYPE       MODEL              KEY         STATE     DEFAULT FOR\n"
            "anthropic  anthropic  claude-sonnet-4-6  stored      -         chat\n"
            "deepseek   openai     deepseek-flash     stored      -         fallback\n"
            "vllm       openai     q                  not needed  disabled  -\n"
            "\n"
            "The gateway is not running: kruxos serve\n",
            "",
        )
        assert run("model remove anthropic") == Told(
            0,
            "Removed anthropic and its credentials.\n"
            "Nobody is the default for chat now: kruxos model default chat NAME\n",
            "",
        )
        assert run("model remove anthropic") == Told(
            1, "", "error: there is no provider anthropic\nfix: use one of: deepseek, vllm\n"
        )

    def test_a_name_that_is_taken(self, run: Command) -> None:
        run("model add openai", KEY)
        assert run("model add openai", KEY) == Told(
            1,
            "",
            "error: there is a provider openai already\n"
            "fix: give this one another name: --name openai-2; or first: `kruxos model remove openai`\n",
        )

    def test_a_moved_address_is_shown_before_it_is_confirmed(self, run: Command, kruxos: Kruxos) -> None:
        run("model add deepseek", KEY)
        path = kruxos.root / "models.yaml"
        path.write_text(path.read_text().replace("api.deepseek.com", "deepseek.example.com"))
        assert "withheld: address changed" in run("model list").out
        assert run("model confirm deepseek").out == (
            "The key of deepseek was stored for https://api.deepseek.com:443.\n"
            "It is to be sent to             https://deepseek.example.com:443.\n"
            "Confirmed: the key of deepseek goes to https://deepseek.example.com:443.\n"
        )

    def test_a_file_with_problems_is_told_with_its_lines(self, run: Command, kruxos: Kruxos) -> None:
        kruxos.write_models("providers:\n  x:\n    type: claude\n  y:\n    model: m\n")
        told = run("model list")
        assert told.code == 1
        assert told.err.startswith("error: models.yaml has 2 problems:\nline 3, column 5: providers.x.type: ")
        assert "models.yaml: models.yaml has 2 problems:" in run("status").out


class TestVault:
    def test_from_the_first_key_to_the_last(self, run: Command) -> None:
        run("model add deepseek --name one", KEY)
        assert run("vault add model-provider:one api-key", KEY).out == (
            "Stored the key of one for https://api.deepseek.com:443, in place of the one that was there.\n"
        )
        assert run("vault list").out == (
            "NAME                KIND     FOR                           CHANGED           PROVIDER\n"
            "model-provider:one  api-key  https://api.deepseek.com:443  WHEN  in models.yaml\n"
        )
        assert run("vault remove model-provider:one").out == "Removed model-provider:one.\n"
        assert "no credentials configured" in run("model list").out

    def test_a_key_is_rotated(self, run: Command) -> None:
        run("model add deepseek", KEY)
        told = run("vault rotate model-provider:deepseek", "sk-another-0123456789")
        assert told.out == (
            "deepseek has a new key for https://api.deepseek.com:443; calls under way finish with the old one.\n"
        )
        told = run("vault rotate model-provider:groq", KEY)
        assert told.err.startswith("error: there is no such record in the vault\n")

    def test_a_passphrase_is_changed_where_there_is_one(self, run: Command) -> None:
        run("model add deepseek", KEY)
        told = run("vault change-passphrase", "x\ny\n")
        assert told.err.endswith("fix: to give it one: kruxos vault key passphrase\n")
        assert run("vault key passphrase", "first words here\n").code == 0
        assert run("vault change-passphrase", "wrong words\nsecond words here\n").code == 1
        assert run("vault change-passphrase", "first words here\nsecond words here\n").code == 0
        assert run("vault change-passphrase", "first words here\nthird\n").code == 1

    def test_a_pasted_key_is_moved(self, run: Command, kruxos: Kruxos) -> None:
        kruxos.write_models(f"providers:\n  x:\n    type: anthropic\n    api_key: {KEY}\n")
        told = run("model list")
        assert "kruxos vault import" in told.err
        assert KEY not in told.err
        told = run("vault import")
        assert told.out == "Moved to the vault, and out of models.yaml: the keys of x.\n"
        assert told.err.startswith("note: a key that stood in a file may have been copied")
        assert run("vault import").out == "There is no key in models.yaml to move.\n"

    def test_a_passphrase_comes_as_a_line_where_there_is_no_terminal(self, run: Command) -> None:
        done = run("vault set-passphrase", "correct horse battery\n")
        assert done.out == "The vault has a new key, kept in nothing but the passphrase.\n"
        assert run("vault status").out.startswith("Vault:   locked (the vault has a passphrase")
        wrong = run("vault key file", "not this one\n")
        assert wrong == Told(1, "", "error: this is not the vault's passphrase\nfix: try again\n")
        assert run("vault key file", "correct horse battery\n").code == 0
        assert run("vault status").out.startswith("Vault:   unlocked\n")


class TestStanding:
    def test_a_provider_is_shown_without_what_is_not_set(self, run: Command) -> None:
        run("model add deepseek", KEY)
        shown = run("model show deepseek").out
        assert "Key:          stored for https://api.deepseek.com:443\n" in shown
        assert "Default for:  chat\n" in shown
        assert "Through" not in shown
        assert json.loads(run("model show deepseek --json").out)["dialect"] == "openai-chat"

    def test_why_says_what_mends_it(self, run: Command, kruxos: Kruxos) -> None:
        kruxos.write_models("providers:\n  deepseek:\n    type: openai\n    base_url: https://api.deepseek.com/v1\n")
        assert run("model why deepseek").out == (
            "deepseek: no credentials configured (the gateway is not running).\n"
            "  0 answered\n"
            "  fix: kruxos vault add model-provider:deepseek api-key\n"
        )
        assert run("model why deepseek --since once").code == 2

    def test_recommendations_are_a_table_and_a_command(self, run: Command, kruxos: Kruxos) -> None:
        told = run("model recommend reasoning").out
        assert re.search(r"^best reasoning +anthropic +claude-opus-\S+ +\$", told, re.MULTILINE)
        assert re.search(r"^Add one: kruxos model add anthropic --model claude-opus-\S+$", told, re.MULTILINE)
        assert run("model recommend nonsense").out.startswith("Nothing is recommended for this.")
        assert not kruxos.root.exists()


class TestOneAgent:
    def test_what_is_shown_of_it_and_its_variables_hold_no_token(self, run: Command, kruxos: Kruxos) -> None:
        run("model add local")
        run("agent create a --model local-default")
        shown = run("agent show a").out
        assert "Answered by: local-default\nIn order:    local-default\nFallback:    any\n" in shown
        assert "Last call:   never\n" in shown
        told = run("agent env a")
        assert f"export KRUXOS_DATA_DIR={kruxos.root}\n" in told.out
        assert "TOKEN" not in told.out.replace("KRUXOS_AGENT_TOKEN", "")
        assert json.loads(run("agent env a --json").out)["address"] == f"ipc://{kruxos.root}/run/agents/agent.sock"

    def test_it_is_given_another_model_and_the_default_again(self, run: Command) -> None:
        run("model add local")
        run("agent create a")
        assert run("agent set-model a local-default").out == "a is answered by local-default, from its next call on.\n"
        assert run("agent set-model a --default").out == (
            "a is answered by the default for chat, from its next call on.\n"
        )
        assert run("agent set-model a").code == 2
        assert run("agent set-model a local-default --default").code == 2

    def test_it_is_revoked_and_restored(self, run: Command) -> None:
        run("agent create a")
        assert run("agent restore a").err.startswith("error: the agent a is not revoked\n")
        run("agent revoke a")
        assert run("agent restore a").out == (
            "a is let in again, with a new token.\nName:  a\nToken: TOKEN\n"
            "Save this token — it will not be shown again.\n"
        )


class TestAgents:
    def test_from_its_first_token_to_its_end(self, run: Command) -> None:
        run("model add local")
        run("model add anthropic", KEY)
        run("model default chat anthropic")
        assert run("agent create --name code-bot --model local-default") == Told(
            0,
            "Agent created successfully.\n"
            "Name:  code-bot\n"
            "Token: TOKEN\n"
            "Save this token — it will not be shown again.\n",
            "note: when local-default cannot answer, its calls may go to anthropic and leave this machine; "
            "to rule that out: --fallback local_only\n",
        )
        assert run("agent create helper --model claude-api --role autonomous --fallback none").code == 0
        assert run("agent list").out == (
            "NAME      STATUS  MODEL          ROLE        FALLBACK  LAST CALL  CALLS\n"
            "code-bot  active  local-default  chat        any       never          0\n"
            "helper    active  anthropic      autonomous  none      never          0\n"
        )
        assert run("agent revoke helper").out.startswith("Revoked helper: its token is refused from now on")
        assert run("agent rotate helper").out == (
            "The agent has a new token.\nName:  helper\nToken: TOKEN\nSave this token — it will not be shown again.\n"
        )
        assert run("agent revoke nobody").err == (
            "error: there is no agent `nobody`\nfix: `kruxos agent list` shows those there are\n"
        )


class TestUsage:
    @pytest.fixture
    def used(self, run: Command, kruxos: Kruxos) -> Command:
        data = DataDirectory(kruxos.root)
        data.create()
        usage = Usage(uncached_input_tokens=1000, cache_read_tokens=234, output_tokens=50, reasoning_tokens=20)
        with Ledger.open(data, 0.0) as ledger:
            from decimal import Decimal

            priced = {"cost": Decimal("0.0123"), "currency": "USD"}
            ledger.writer.append(Call("1", 0.0, "a", "claude-api", "m", "answered", usage=usage, **priced))  # type: ignore[arg-type]  # as they are
            ledger.writer.append(Call("2", 0.0, "a", "deepseek", "m", "answered", usage=usage))
            ledger.writer.append(Call("3", 0.0, "a", "deepseek", "m", "provider_timeout", billed_maybe=True))
        return run

    def test_it_is_a_table_with_a_total_and_what_the_costs_leave_out(self, used: Command) -> None:
        assert used("usage").out == (
            "PROVIDER    CALLS  FAILED  INPUT  CACHED  OUTPUT  REASONING     COST\n"
            "claude-api      1       0  1,234     234      50         20  $0.0123\n"
            "deepseek        2       1  1,234     234      50         20  -\n"
            "total           3       1  2,468     468     100         40  $0.0123\n"
            "\n"
            "1 call has no known price: the costs are without it.\n"
            "1 call has no answer, and may have been billed.\n"
        ).replace("20  -\n", "20        -\n")

    def test_json_has_the_exact_sums(self, used: Command) -> None:
        found = json.loads(used("usage --by agent --json").out)
        assert found["rows"] == [{"agent": "a"} | found["total"]]
        assert found["total"]["cost"] == {"USD": "0.0123"}


@pytest.mark.parametrize(
    "line",
    [
        "status --json", "model list --json", "model catalog --json", "vault list --json", "vault status --json",
        "agent list --json", "agent create --name x --json", "usage --json", "version --json",
    ],
)  # fmt: skip
def test_whatever_lists_can_print_json(run: Command, line: str) -> None:
    told = run(line)
    assert isinstance(json.loads(told.out), dict)
    assert told.err == ""


def test_json_status_has_its_documented_keys_also_while_nothing_runs(run: Command) -> None:
    from kruxos.cli.status_view import GATEWAY_KEYS

    told = run("status --json")
    assert told.code == 3
    assert tuple(json.loads(told.out)) == GATEWAY_KEYS
