"""Agents: made, known by their token, changed, revoked, restored."""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
from dataclasses import replace

import pytest

from kruxos.config.directory import DataDirectory
from kruxos.config.secret import Secret
from kruxos.errors import UnauthorizedError
from kruxos.ledger.agents import Agent, Agents
from kruxos.ledger.ledger import Ledger
from kruxos.ledger.problems import BadAgentError
from tests.ledger.conftest import NOW

BOT = Agent("code-bot", NOW, provider="claude-api", purpose="writes code", role="autonomous", fallback="local_only")


def test_a_token_is_64_hex_digits_and_shown_once(data: DataDirectory, ledger: Ledger) -> None:
    token = ledger.agents.create(BOT)
    assert len(token.reveal()) == 64
    assert bytes.fromhex(token.reveal())
    assert "hidden" in repr(token)
    ledger.close()
    for path in data.root.glob("ledger.db*"):
        content = path.read_bytes()
        assert token.reveal_bytes() not in content
        assert bytes.fromhex(token.reveal()) not in content


def test_what_is_kept_of_a_token_is_its_sha256(data: DataDirectory, ledger: Ledger) -> None:
    token = ledger.agents.create(BOT)
    connection = sqlite3.connect(data.ledger)
    (kept,) = connection.execute("SELECT token_sha256 FROM agents").fetchone()
    connection.close()
    assert kept == hashlib.sha256(token.reveal_bytes()).digest()


def test_an_agent_is_known_by_its_token_with_or_without_its_name(ledger: Ledger) -> None:
    token = ledger.agents.create(BOT)
    assert ledger.agents.authenticate(token) == BOT
    assert ledger.agents.authenticate(token, "code-bot") == BOT


def test_a_wrong_token_is_refused_whatever_the_name(ledger: Ledger) -> None:
    token = ledger.agents.create(BOT)
    other = ledger.agents.create(replace(BOT, name="other"))
    for wrong, name in (
        (Secret("0" * 64), None), (Secret("0" * 64), "code-bot"), (token, "nobody"), (token, ""), (Secret(""), None),
        (other, "code-bot"), (Secret(token.reveal().upper()), "code-bot"),
    ):  # fmt: skip
        with pytest.raises(UnauthorizedError, match="give the token that `kruxos agent create` showed"):
            ledger.agents.authenticate(wrong, name)


def test_tokens_are_compared_in_constant_time(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    constant_time = hmac.compare_digest

    def watched(left: bytes, right: bytes) -> bool:
        compared.append(len(left))
        return constant_time(left, right)

    token = ledger.agents.create(BOT)
    monkeypatch.setattr(hmac, "compare_digest", watched)
    ledger.agents.authenticate(token, "code-bot")
    with pytest.raises(UnauthorizedError):
        ledger.agents.authenticate(token, "nobody")
    assert compared == [32, 32], "a name that there is not takes the same way"


def test_a_name_is_taken_once(ledger: Ledger) -> None:
    token = ledger.agents.create(BOT)
    with pytest.raises(BadAgentError, match="there is an agent `code-bot` already"):
        ledger.agents.create(BOT)
    assert ledger.agents.authenticate(token) == BOT


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "name is letters"), ("name", "-a", "name is letters"), ("name", "a" * 64, "name is letters"),
        ("name", "a b", "name is letters"), ("role", "boss", "no such role"), ("fallback", "some", "no such fallback"),
        ("purpose", "x" * 1025, "purpose is longer"),
    ],
)  # fmt: skip
def test_an_agent_that_makes_no_sense_is_refused(ledger: Ledger, field: str, value: str, message: str) -> None:
    with pytest.raises(BadAgentError, match=message):
        ledger.agents.create(replace(BOT, **{field: value}))  # type: ignore[arg-type]  # wrong on purpose
    assert ledger.agents.list() == []


def test_agents_are_listed_by_name(ledger: Ledger) -> None:
    for name in ("b", "A", "c"):
        ledger.agents.create(Agent(name, NOW))
    assert ledger.agents.list() == [Agent("A", NOW), Agent("b", NOW), Agent("c", NOW)]
    assert ledger.agents.get("b") == Agent("b", NOW)


def test_an_agent_can_be_given_another_provider(ledger: Ledger) -> None:
    token = ledger.agents.create(BOT)
    changed = replace(BOT, provider="deepseek", model="m", purpose="p", role=None, fallback="none")
    ledger.agents.change(changed)
    assert ledger.agents.authenticate(token) == changed
    with pytest.raises(BadAgentError, match="no such role"):
        ledger.agents.change(replace(BOT, role="boss"))  # type: ignore[arg-type]  # wrong on purpose


def test_a_revoked_agent_is_refused_and_restored_by_a_new_token(ledger: Ledger) -> None:
    old = ledger.agents.create(BOT)
    ledger.agents.revoke("code-bot", NOW + 1)
    ledger.agents.revoke("code-bot", NOW + 2)
    assert ledger.agents.get("code-bot").revoked_at == NOW + 1
    with pytest.raises(UnauthorizedError, match="the agent code-bot is revoked"):
        ledger.agents.authenticate(old)
    with pytest.raises(UnauthorizedError, match="give the token"):
        ledger.agents.authenticate(Secret("0" * 64), "code-bot")
    new = ledger.agents.rotate("code-bot")
    assert ledger.agents.authenticate(new) == BOT
    with pytest.raises(UnauthorizedError):
        ledger.agents.authenticate(old)


def test_a_removed_agent_is_gone(ledger: Ledger) -> None:
    token = ledger.agents.create(BOT)
    ledger.agents.remove("code-bot")
    with pytest.raises(UnauthorizedError):
        ledger.agents.authenticate(token)


def test_what_is_done_to_nobody_is_told(ledger: Ledger) -> None:
    for attempt in (
        lambda: ledger.agents.get("nobody"), lambda: ledger.agents.revoke("nobody", NOW),
        lambda: ledger.agents.rotate("nobody"), lambda: ledger.agents.remove("nobody"),
        lambda: ledger.agents.change(Agent("nobody", NOW)),
    ):  # fmt: skip
        with pytest.raises(BadAgentError, match="there is no agent `nobody`\n  fix: `kruxos agent list`"):
            attempt()
    with pytest.raises(BadAgentError, match="no agent of this name"):
        ledger.agents.get("\x1b[31m")


def test_tokens_come_from_the_systems_randomness(ledger: Ledger) -> None:
    asked: list[int] = []

    def counted(size: int) -> bytes:
        asked.append(size)
        return bytes(range(size))

    token = Agents(ledger._database, counted).create(BOT)
    assert asked == [32]
    assert token.reveal() == bytes(range(32)).hex()
