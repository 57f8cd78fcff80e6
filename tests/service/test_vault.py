"""The vault's key is not there: what serves all the same, what waits, and what brings it back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kruxos.errors import KruxosError, VaultLockedError
from tests.cli.upstream import Upstream, running_upstream
from tests.service.running import Installation, kill, wait_gone

pytestmark = pytest.mark.real

PASSPHRASE = "correct horse battery staple"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running_upstream() as server:
        yield server


@pytest.fixture
def locked(own: Installation, upstream: Upstream) -> Installation:
    """An installation whose vault has a passphrase, and a provider that needs no key."""
    text = (own.kruxos.root / "models.yaml").read_text()
    keyless = f"providers:\n  keyless:\n    type: openai\n    base_url: {upstream.root}/v1\n    auth: none\n"
    keyless += "    model: gpt-5\n"
    own.kruxos.write_models(text.replace("providers:\n", keyless, 1))
    with own.serving():
        own.store_keys(["claude", "gpt"])
        own.control("vault.set_passphrase", place="passphrase", passphrase=PASSPHRASE)
    return own


def test_after_a_restart_keyless_providers_serve_and_the_others_say_what_to_do(locked: Installation) -> None:
    with locked.serving() as daemon, locked.client() as client:
        locked.wait_ready("keyless")
        daemon.wait_log("provider claude: starting -> failed")
        status = locked.status()
        assert status["vault"]["state"] == "locked"
        claude = locked.worker("claude")
        assert (claude["state"], claude["reason"]) == ("failed", "vault_locked")
        assert "kruxos vault unlock" in locked.kruxos.well("status")
        with pytest.raises(VaultLockedError) as caught:
            client.chat("Hello", provider="claude", fallback="none")
        assert "kruxos vault unlock" in (caught.value.recovery or "")
        assert client.chat("Hello", provider="keyless", fallback="none").text == "Ready and waiting."


def test_unlocking_makes_the_rest_ready_and_a_wrong_passphrase_does_not(locked: Installation) -> None:
    with locked.serving(), locked.client() as client:
        with pytest.raises(KruxosError) as caught:
            locked.control("vault.unlock", passphrase="wrong")
        assert PASSPHRASE not in str(caught.value)
        assert locked.worker("claude")["state"] == "failed"
        assert locked.control("vault.unlock", passphrase=PASSPHRASE)["state"] == "unlocked"
        locked.wait_ready("claude", "gpt")
        assert client.chat("Hello", provider="claude").provider == "claude"
        assert locked.worker("spare")["reason"] == "no_credentials"


def test_locking_leaves_workers_alone_and_a_dead_one_waits(locked: Installation) -> None:
    with locked.serving() as daemon, locked.client() as client:
        locked.control("vault.unlock", passphrase=PASSPHRASE)
        locked.wait_ready("claude", "gpt")
        locked.control("vault.lock")
        assert client.chat("Hello", provider="claude").provider == "claude"
        pid = locked.workers()["claude"]
        kill(pid)
        assert wait_gone(pid)
        daemon.wait_log(r"provider claude: \w+ -> failed \(vault_locked\)")
        assert client.chat("Hello", provider="claude").provider == "gpt"
        locked.control("vault.unlock", passphrase=PASSPHRASE)
        locked.wait_ready("claude")


def test_what_touches_agents_asks_for_the_passphrase_until_it_was_shown_in_this_session(locked: Installation) -> None:
    with locked.serving():
        locked.control("model.default", role="fallback", name="gpt")
        with pytest.raises(VaultLockedError, match="kruxos vault unlock") as refused:
            locked.control("agent.create", name="bot")
        assert refused.value.detail.field == "passphrase"
        assert round(locked.control("vault.unlock", passphrase=PASSPHRASE)["unlocked_s"]) == 900
        locked.control("agent.create", name="bot")
        locked.control("agent.set_policy", name="bot", limits=["1usd/day"])
        with locked.kruxos.at_terminal("agent", "revoke", "bot", "--yes") as other:
            other.wait_for("Vault passphrase:")
            other.type(PASSPHRASE + "\n")
            other.wait_for("Revoked bot")
        locked.control("vault.lock")
        with pytest.raises(VaultLockedError):
            locked.control("agent.restore", name="bot")


def test_without_a_gateway_it_is_asked_for_each_time(locked: Installation) -> None:
    assert "asks for it" in locked.kruxos("agent", "create", "bot").err
    with locked.kruxos.at_terminal("agent", "create", "bot") as terminal:
        terminal.wait_for("Vault passphrase:")
        terminal.type(PASSPHRASE + "\n")
        terminal.wait_for("Agent created successfully.")
