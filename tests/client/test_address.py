"""Addresses, tokens, and the words when nobody answers."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from kruxos.client import BlockingClient, Client
from kruxos.client.address import agent_path, control_path, session_path, unreachable
from kruxos.errors import GatewayUnreachableError


def test_the_address_is_the_data_directorys_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRUXOS_DATA_DIR", "/somewhere")
    assert agent_path() == "/somewhere/run/agents/agent.sock"
    assert control_path() == "/somewhere/run/control/control.sock"
    assert agent_path("ipc:///else/agent.sock") == agent_path(Path("/else/agent.sock")) == "/else/agent.sock"


def test_a_relative_address_is_refused() -> None:
    with pytest.raises(ValueError, match="absolute path"):
        agent_path("agent.sock")
    with pytest.raises(ValueError, match="absolute path"):
        Client(address="tcp://127.0.0.1:1")


def test_a_session_address_that_cannot_be_dialled_is_the_gateways_fault() -> None:
    assert session_path("ipc:///x/s-1.sock") == "/x/s-1.sock"
    with pytest.raises(GatewayUnreachableError, match="cannot be dialled"):
        session_path("tcp://127.0.0.1:1")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOENT, "kruxos serve"),
        (errno.ECONNREFUSED, "kruxos serve"),
        (errno.EACCES, "may not connect"),
        (errno.EPERM, "sandbox"),
        (errno.EAGAIN, "too many wait"),
        (errno.ECONNRESET, "admits only"),
        (errno.EMFILE, "Too many open files"),
    ],
)
def test_a_failed_connection_says_what_to_do(code: int, words: str) -> None:
    error = unreachable("/x/agent.sock", OSError(code, os.strerror(code)))
    assert words in str(error)
    assert "/x/agent.sock" in str(error)


def test_a_token_comes_from_the_environment_and_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRUXOS_DATA_DIR", "/somewhere")
    monkeypatch.setenv("KRUXOS_AGENT_TOKEN", "from-the-environment")
    for make in (Client, BlockingClient):
        for client in (make(agent="bot"), make(agent="bot", token="given")):
            shown = f"{client!r} {client._settings!r}"
            assert "from-the-environment" not in shown
            assert "given" not in shown
            assert (
                repr(client) == f"{make.__name__}(agent='bot', token=***, address='/somewhere/run/agents/agent.sock')"
            )
        assert make()._settings.token == "from-the-environment"
        assert make(token="given")._settings.token == "given"
    monkeypatch.delenv("KRUXOS_AGENT_TOKEN")
    assert "token=None" in repr(Client())
