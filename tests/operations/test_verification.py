"""What `kruxos verify` finds: with a gateway and without, well and otherwise."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kruxos.config.load import load
from kruxos.errors import InvalidCredentialsError, KruxosError, ProviderFailedError
from kruxos.events import Usage
from kruxos.ledger.calls import Call
from kruxos.operations.reaching import unreachable
from kruxos.operations.verification import clock_finding, socket_finding
from kruxos.paths import agent_socket, control_socket
from kruxos.wire import Open
from tests.operations.conftest import KEY, Direct, Live

CONFIG = """\
providers:
  deepseek:
    type: openai
    base_url: https://api.deepseek.com/v1
  local-default:
    type: local
  off:
    type: anthropic
    enabled: false
defaults:
  chat: deepseek
"""
LATER = time.time() + 86_400  # the tests before these take their time


def by_name(result: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {each["name"]: each for each in result["checks"]}


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def refused() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


class TestWithoutAGateway:
    def test_it_fails_and_the_rest_is_checked_all_the_same(self, direct: Direct) -> None:
        direct.write(CONFIG)
        direct("vault.add", name="model-provider:deepseek", secret=KEY)
        result = direct("verify")
        assert (result["ok"], result["running"]) == (False, False)
        failed = [each["name"] for each in result["checks"] if each["state"] == "fail"]
        assert failed == ["Gateway"]
        found = by_name(result)
        assert found["models.yaml"]["detail"] == "3 providers, chat by deepseek"
        assert found["Vault"]["detail"].startswith("unlocked, 1 records, key kept in ")
        assert (found["deepseek"]["detail"], found["local-default"]["detail"]) == ("key stored", "needs no key")
        assert "off" not in found
        assert KEY not in str(result)

    def test_a_question_makes_nothing(self, direct: Direct) -> None:
        direct("verify")
        assert not direct.data.root.exists()

    def test_a_provider_without_its_key_fails_with_the_command(self, direct: Direct) -> None:
        direct.write(CONFIG)
        found = by_name(direct("verify"))["deepseek"]
        assert (found["state"], found["fix"]) == ("fail", "kruxos vault add model-provider:deepseek api-key")

    def test_an_address_that_moved_after_its_key_was_stored_fails(self, direct: Direct) -> None:
        direct.write(CONFIG)
        direct("vault.add", name="model-provider:deepseek", secret=KEY)
        direct.write(CONFIG.replace("api.deepseek.com", "api.example.com"))
        found = by_name(direct("verify"))["deepseek"]
        assert "kruxos model confirm deepseek" in found["fix"]

    def test_a_broken_file_fails_with_its_line(self, direct: Direct) -> None:
        direct.write("providers:\n  x:\n    type: nothing\n")
        found = by_name(direct("verify"))["models.yaml"]
        assert found["state"] == "fail"
        assert "line 3" in found["detail"]

    def test_a_vault_that_waits_for_its_passphrase_is_only_to_be_looked_at(self, direct: Direct) -> None:
        direct.write(CONFIG)
        direct("vault.add", name="model-provider:deepseek", secret=KEY)
        direct("vault.set_passphrase", place="passphrase", passphrase="correct horse battery")
        found = by_name(direct("verify"))["Vault"]
        assert (found["state"], found["fix"]) == ("warn", "once the gateway runs: kruxos vault unlock")

    def test_a_record_that_was_tampered_with_is_named(self, direct: Direct) -> None:
        direct.write(CONFIG)
        direct("vault.add", name="model-provider:deepseek", secret=KEY)
        with closing(sqlite3.connect(direct.data.vault)) as vault:
            vault.execute("UPDATE records SET ciphertext = zeroblob(length(ciphertext))")
            vault.commit()
        found = by_name(direct("verify"))["Vault"]
        assert found["detail"] == "the record model-provider:deepseek cannot be opened"


class TestInAGateway:
    @pytest.fixture
    def sockets(self, live: Live) -> Iterator[None]:
        root, here = live.context.data.root, os.getcwd()  # noqa: PTH109 - a socket's path is short
        held: list[socket.socket] = []
        for path in (agent_socket(root), control_socket(root)):
            os.chdir(path.parent)
            held.append(socket.socket(socket.AF_UNIX))
            held[-1].bind(path.name)
            path.chmod(0o600)
        os.chdir(here)
        yield
        for each in held:
            each.close()

    @pytest.mark.usefixtures("sockets")
    def test_all_is_well(self, live: Live) -> None:
        live.start_with(CONFIG)
        live("vault.add", name="model-provider:deepseek", secret=KEY)
        result = live("verify")
        assert [each for each in result["checks"] if each["state"] == "fail"] == []
        assert result["ok"]
        assert by_name(result)["deepseek"]["detail"] == "key stored, worker ready"

    def test_a_socket_that_is_gone_fails(self, live: Live) -> None:
        live.start_with(CONFIG)
        assert by_name(live("verify"))["Agents' socket"]["detail"].endswith("agent.sock is not there")

    @pytest.mark.parametrize(
        ("worker", "state", "fix"),
        [
            ({"state": "failed", "reason": "vault_locked"}, "fail", "kruxos vault unlock"),
            ({"state": "stopped", "reason": "stopped by operator"}, "warn", "kruxos worker start local-default"),
            ({"state": "backoff", "reason": "x"}, "fail", "kruxos worker restart local-default"),
            (
                {"last_error": "invalid_credentials", "last_error_at": LATER},
                "fail",
                "kruxos vault add model-provider:local-default api-key",
            ),
            ({"last_error": "invalid_credentials", "last_error_at": 1.0}, "pass", ""),
            ({"last_error": "rate_limited", "last_error_at": LATER}, "pass", ""),
            (
                {"cooling_until": LATER, "cooling_reason": "rate_limited"},
                "warn",
                "kruxos model default fallback NAME",
            ),
        ],
    )
    def test_a_worker_says_what_its_provider_is_worth(
        self, live: Live, monkeypatch: pytest.MonkeyPatch, worker: dict[str, Any], state: str, fix: str
    ) -> None:
        live.start_with(CONFIG)
        shown = {"provider": "local-default", "state": "ready", "reason": "", "cooling_until": None} | worker
        monkeypatch.setattr(type(live.gateway), "status", lambda _: {"workers": [shown]})
        found = by_name(live("verify"))["local-default"]
        assert found["state"] == state
        assert found["fix"].endswith(fix)

    def test_a_cage_that_is_not_whole_is_to_be_looked_at(self, live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
        live.start_with(CONFIG)
        shown = {
            "provider": "local-default", "state": "ready", "reason": "",
            "isolation": {"level": "partial", "missing": ["ports"]},
        }  # fmt: skip
        monkeypatch.setattr(type(live.gateway), "status", lambda _: {"workers": [shown]})
        found = by_name(live("verify"))["Isolation"]
        assert (found["state"], found["detail"]) == ("warn", "partial, missing: ports")


class TestReaching:
    def test_an_address_that_takes_connections_and_one_that_does_not(
        self, direct: Direct, listening: int, refused: int
    ) -> None:
        direct.write(
            "providers:\n"
            f"  there: {{type: local, endpoint: 'http://127.0.0.1:{listening}'}}\n"
            f"  gone: {{type: local, endpoint: 'http://127.0.0.1:{refused}'}}\n"
            f"  off: {{type: local, endpoint: 'http://127.0.0.1:{refused}', enabled: false}}\n"
        )
        found = by_name(direct("verify", providers=True))
        assert found["there (network)"]["state"] == "pass"
        assert found["gone (network)"]["detail"] == f"no connection to 127.0.0.1 port {refused}: connection refused"
        assert "off (network)" not in found
        assert "there (network)" not in by_name(direct("verify"))

    @pytest.mark.parametrize(
        ("answer", "state", "detail"),
        [
            ({"text": '[{"id": "m"}]'}, "pass", "its own list has 1 models"),
            (InvalidCredentialsError("no"), "fail", "there: the provider refuses the key (no)"),
            (ProviderFailedError("no"), "warn", "there: provider error (no)"),
        ],
    )
    def test_in_a_gateway_its_list_of_models_proves_the_key(
        self, live: Live, listening: int, answer: dict[str, str] | KruxosError, state: str, detail: str
    ) -> None:
        live.start_with(f"providers:\n  there: {{type: local, endpoint: 'http://127.0.0.1:{listening}'}}\n")
        asked: list[str] = []

        def answering(frame: Open) -> dict[str, Any]:
            asked.append(frame.op)
            if isinstance(answer, KruxosError):
                raise answer
            row: dict[str, Any] = {
                "label": "",
                "context": None,
                "max_output": None,
                "prices": {},
                "abilities": [],
                "retires": None,
            }
            return {"text": json.dumps([row | each for each in json.loads(answer["text"])])}

        live.gateway.answer = answering
        found = by_name(live("verify", providers=True))["there (models)"]
        assert (found["state"], found["detail"]) == (state, detail)
        assert asked == ["list_models"]

    def test_the_way_through_a_proxy_ends_at_the_proxy(self, refused: int) -> None:
        config = load(f"providers:\n  a: {{type: anthropic, proxy: 'http://127.0.0.1:{refused}'}}\n")
        problem = unreachable(list(config.providers.values()))["a"]
        assert problem.startswith(f"no connection to its proxy 127.0.0.1 port {refused}")

    def test_an_address_that_says_nothing_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def silent(*_arguments: object, **_options: object) -> socket.socket:
            raise TimeoutError

        monkeypatch.setattr(socket, "create_connection", silent)
        config = load("providers:\n  a: {type: anthropic}\n")
        assert unreachable(list(config.providers.values()))["a"].endswith("did not answer within 5 s")


class TestClock:
    NOW = 1_800_000_000.0  # 2027-01-15

    def test_a_clock_from_before_this_version_fails(self) -> None:
        found = clock_finding(self.NOW, 0.0, "2027-01-17")
        assert (found["state"], found["detail"]) == (
            "fail",
            "it says 2027-01-15; this version is from after 2027-01-17",
        )

    def test_days_are_not_the_same_everywhere(self) -> None:
        assert clock_finding(self.NOW, 0.0, "2027-01-16")["state"] == "pass"

    def test_a_clock_behind_the_latest_call_fails(self) -> None:
        assert clock_finding(self.NOW, self.NOW + 3600, "2026-01-01")["detail"].startswith("it is 3600 s behind")

    def test_the_latest_call_is_the_ledgers(self, live: Live) -> None:
        ledger = live.context.ledger
        ledger.writer.append(Call("c", time.time() + 7200, "a", "p", "m", "answered", usage=Usage()))
        ledger.writer.flush()
        assert by_name(live("verify"))["Clock"]["state"] == "fail"


class TestSockets:
    def test_one_that_others_may_use_fails(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        path = tmp_path / "s"
        with socket.socket(socket.AF_UNIX) as held:
            held.bind("s")
            path.chmod(0o660)
            found = socket_finding("S", path)
            assert (found["state"], found["fix"]) == ("fail", f"chmod 600 {path}")
            path.chmod(0o600)
            assert socket_finding("S", path)["state"] == "pass"

    def test_a_file_in_its_place_fails(self, tmp_path: Path) -> None:
        path = tmp_path / "s"
        path.write_text("")
        assert socket_finding("S", path)["detail"].endswith("is not a socket")
