"""Subscriptions, as people use them: signing in, calls, renewal, what ends a login, leaving. All processes are real.

The issuer and the backend are the simulator's; the login is theirs, so its tokens are looked for in all that is said.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

import pytest

from kruxos.simulator import Simulator
from kruxos.simulator.journal import Journal, Recorded
from kruxos.simulator.steps import Asked
from tests.cli.running import WITHIN_S, Done, Gateway, Kruxos
from tests.simulator.support import served

pytestmark = pytest.mark.real
ADD = ("model", "add", "openai-codex", "--auth", "oauth")


@dataclass
class Issuer:
    """The simulator, and a way to wait for what it is asked."""

    url: str
    simulator: Simulator
    asked: list[str] = field(default_factory=list[str])
    news: Condition = field(default_factory=Condition)

    @property
    def accounts(self) -> Any:
        return self.simulator._world.accounts

    def wait_asked(self, path: str, times: int = 1) -> None:
        with self.news:
            came = self.news.wait_for(lambda: self.asked.count(path) >= times, WITHIN_S)
        assert came, self.asked

    def statuses(self, path: str) -> list[int | None]:
        return [each.status for each in self.simulator.requests() if each.path == path]

    def tokens(self) -> set[str]:
        """Every token that is or was good."""
        logins = self.accounts.logins
        return {token for each in logins for token in (each.access, each.refresh, *each.spent) if token}


@contextmanager
def issuer(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Generator[Issuer]:
    with served(**{"logins": "approve"} | settings) as (url, simulator):
        here = Issuer(url, simulator)
        journal = simulator._world.journal
        before = journal.open

        def opened(asked: Asked, now: float) -> Recorded:
            recorded = before(asked, now)
            with here.news:
                here.asked.append(asked.path)
                here.news.notify_all()
            return recorded

        monkeypatch.setattr(Journal, "open", lambda _self, asked, now: opened(asked, now))
        yield here


def add(kruxos: Kruxos, here: Issuer, *words: str) -> Done:
    return kruxos(*ADD, "--endpoint", f"{here.url}/backend-api/codex", "--yes", *words)


def nothing_is_left(kruxos: Kruxos) -> bool:
    """Whether neither models.yaml nor the vault knows of a login."""
    return "openai-codex" not in kruxos.well("model", "list") + kruxos.well("vault", "list")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, kruxos: Kruxos) -> Iterator[Issuer]:
    """The issuer; at the end no token of it may have been told anywhere."""
    with issuer(monkeypatch) as found:
        yield found
        tell_nothing(kruxos, found)


def tell_nothing(kruxos: Kruxos, found: Issuer, *logs: str) -> None:
    written = [path.read_bytes() for path in kruxos.root.rglob("*") if path.is_file()]
    said = "".join([*kruxos.outputs, *logs]).encode() + b"".join(written)
    assert found.tokens()
    assert not [token for token in found.tokens() if token.encode() in said]


# Signing in


def test_signing_in_shows_whose_terms_apply_and_where_to_type_which_code(kruxos: Kruxos, here: Issuer) -> None:
    done = add(kruxos, here)
    assert done.code == 0, done.said
    lines = done.out.splitlines()
    assert lines[0] == f"Signing in with a ChatGPT account at {here.url}."
    assert "OpenAI's terms apply" in lines[1]
    assert f"Open   {here.url}/codex/device" in lines
    assert re.search(r"^Enter  [A-Z]{4}-\d{5}   \(good for 15 minutes\)$", done.out, re.MULTILINE)
    assert "Added openai-codex: gpt-5.4" in done.out
    assert re.search(r"^model-provider:openai-codex +oauth ", kruxos.well("vault", "list"), re.MULTILINE)
    text = (kruxos.root / "models.yaml").read_text()
    assert "    type: openai-codex\n    auth: oauth\n" in text
    assert "    model: gpt-5.4\n" in text


def test_a_person_says_yes_to_the_terms_and_approves_the_code_elsewhere(
    kruxos: Kruxos, monkeypatch: pytest.MonkeyPatch
) -> None:
    with issuer(monkeypatch, logins="ask") as here:
        with kruxos.at_terminal(*ADD, "--endpoint", f"{here.url}/backend-api/codex") as terminal:
            terminal.wait_for("Do you agree, and sign in? [y/N] ")
            terminal.type("y\n")
            terminal.wait_for("Ctrl-C gives up.")
            here.wait_asked("/api/accounts/deviceauth/token")
            (device,) = here.accounts.devices
            assert device.user_code in terminal.text
            here.accounts.answer(device.user_code, yes=True)
            terminal.wait_for("Added openai-codex")
            assert terminal.end() == 0
        assert 403 in here.statuses("/api/accounts/deviceauth/token")


def test_without_consent_nobody_is_asked_for_anything(kruxos: Kruxos, monkeypatch: pytest.MonkeyPatch) -> None:
    with issuer(monkeypatch) as here:
        done = kruxos(*ADD, "--endpoint", f"{here.url}/backend-api/codex")
        assert (done.code, here.asked) == (1, [])
        assert "give it with --yes" in done.err
        with kruxos.at_terminal(*ADD, "--endpoint", f"{here.url}/backend-api/codex") as terminal:
            terminal.wait_for("[y/N] ")
            terminal.type("n\n")
            assert terminal.end() == 1
        assert here.asked == []


@pytest.mark.parametrize(
    ("policy", "words"), [("deny", "the login was denied"), ("expire", "nobody approved the code in time")]
)
def test_a_login_that_comes_to_nothing_says_why_and_leaves_nothing_behind(
    kruxos: Kruxos, monkeypatch: pytest.MonkeyPatch, policy: str, words: str
) -> None:
    with issuer(monkeypatch, logins=policy) as here:
        done = add(kruxos, here)
        assert done.code == 1
        assert f"error: {words}" in done.err
        assert "run the command again" in done.err
    assert nothing_is_left(kruxos)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("404 on=usercode", "this issuer gives no codes"),
        ("500 on=usercode", "the login failed (server_error)"),
        ("400 on=tokens", "the login failed (simulated)"),
        ("cut on=usercode", "the issuer cannot be reached"),
    ],
)
def test_an_issuer_that_refuses_is_told_in_plain_words(
    kruxos: Kruxos, monkeypatch: pytest.MonkeyPatch, fault: str, words: str
) -> None:
    with issuer(monkeypatch, faults=(fault,)) as here:
        done = add(kruxos, here)
        assert (done.code, words in done.err) == (1, True), done.said
    assert nothing_is_left(kruxos)


def test_an_issuer_that_stumbles_while_a_person_is_waited_for_is_asked_again(
    kruxos: Kruxos, monkeypatch: pytest.MonkeyPatch
) -> None:
    with issuer(monkeypatch, faults=("503 on=device times=1",)) as here:
        assert add(kruxos, here).code == 0
        assert here.statuses("/api/accounts/deviceauth/token") == [503, 200]


def test_ctrl_c_leaves_nothing_behind(kruxos: Kruxos, monkeypatch: pytest.MonkeyPatch) -> None:
    with issuer(monkeypatch, logins="ask") as here:
        with kruxos.at_terminal(*ADD, "--endpoint", f"{here.url}/backend-api/codex", "--yes") as terminal:
            terminal.wait_for("Ctrl-C gives up.")
            here.wait_asked("/api/accounts/deviceauth/token")
            terminal.interrupt()
            assert terminal.end() == 130
        assert here.accounts.logins == []
    assert nothing_is_left(kruxos)


def test_a_login_that_cannot_be_stored_is_revoked(kruxos: Kruxos, monkeypatch: pytest.MonkeyPatch) -> None:
    with issuer(monkeypatch, logins="ask") as here:
        with kruxos.at_terminal(*ADD, "--endpoint", f"{here.url}/backend-api/codex", "--yes") as terminal:
            here.wait_asked("/api/accounts/deviceauth/token")
            kruxos.well("model", "add", "local", "--name", "openai-codex")  # somebody else takes the name
            here.accounts.answer(here.accounts.devices[0].user_code, yes=True)
            terminal.wait_for("there is a provider openai-codex already")
            assert terminal.end() == 1
        assert "/oauth/revoke" in here.asked
        assert [each.is_over for each in here.accounts.logins] == [True]


# Calls, and renewal


def test_a_call_is_signed_with_the_login_and_names_us(kruxos: Kruxos, here: Issuer) -> None:
    assert add(kruxos, here).code == 0
    with Gateway(kruxos) as gateway:
        gateway.wait_ready("openai-codex")
        assert "openai-codex works: gpt-5.4 answered" in kruxos.well("model", "test", "openai-codex")
    assert here.statuses("/backend-api/codex/responses") == [200]
    tell_nothing(kruxos, here, gateway.log)


def test_a_login_is_renewed_before_it_ends(kruxos: Kruxos, monkeypatch: pytest.MonkeyPatch) -> None:
    with issuer(monkeypatch, login_tokens_s=8.0) as here:
        assert add(kruxos, here).code == 0
        with Gateway(kruxos) as gateway:
            gateway.wait_log("the login of openai-codex was renewed")
            kruxos.well("model", "test", "openai-codex")
        assert set(here.statuses("/oauth/token")) == {200}
        assert here.statuses("/backend-api/codex/responses") == [200]
        tell_nothing(kruxos, here, gateway.log)


def test_a_refused_token_is_renewed_within_the_call(kruxos: Kruxos, here: Issuer) -> None:
    assert add(kruxos, here).code == 0
    with Gateway(kruxos) as gateway:
        gateway.wait_ready("openai-codex")
        here.accounts.refuse_access()
        assert "works" in kruxos.well("model", "test", "openai-codex")
        gateway.wait_log("the login of openai-codex was renewed")
    assert here.statuses("/backend-api/codex/responses") == [401, 200]
    assert here.statuses("/oauth/token") == [200, 200]


def test_what_was_renewed_survives_a_restart_of_the_gateway(kruxos: Kruxos, here: Issuer) -> None:
    assert add(kruxos, here).code == 0
    for _ in range(2):
        with Gateway(kruxos) as gateway:
            gateway.wait_ready("openai-codex")
            here.accounts.refuse_access()
            kruxos.well("model", "test", "openai-codex")
    assert here.statuses("/oauth/token") == [200, 200, 200]


def test_an_issuer_that_is_down_costs_a_call_and_no_login(kruxos: Kruxos, here: Issuer) -> None:
    assert add(kruxos, here).code == 0
    with Gateway(kruxos) as gateway:
        gateway.wait_ready("openai-codex")
        here.accounts.refuse_access()
        here.simulator.fault("503 on=refresh times=1")
        failed = kruxos("model", "test", "openai-codex")
        assert (failed.code, "kruxos model login" in failed.said) == (1, False)
        here.simulator.fault()
        here.wait_asked("/oauth/token", 2)
        assert "needs_login" not in gateway.log + kruxos.well("status")
        assert "works" in again(kruxos)


def again(kruxos: Kruxos) -> str:
    """A test that may come while the worker waits a moment before it asks the issuer again."""
    tried = (kruxos("model", "test", "openai-codex") for _ in range(20))
    return next(done.out for done in tried if done.code == 0)


# What ends a login


def test_a_login_that_is_refused_for_good_is_told_with_the_command_and_never_tried_again(
    kruxos: Kruxos, here: Issuer
) -> None:
    assert add(kruxos, here).code == 0
    with Gateway(kruxos) as gateway:
        gateway.wait_ready("openai-codex")
        here.accounts.end_logins()
        here.accounts.refuse_access()
        done = kruxos("model", "test", "openai-codex")
        assert "kruxos model login openai-codex" in done.err
        gateway.wait_log(r"provider openai-codex: ready -> failed \(needs_login\)")
        assert "kruxos model login openai-codex" in kruxos.well("status")
        kruxos("model", "test", "openai-codex")
        kruxos.well("worker", "start", "openai-codex")
        gateway.wait_log(r"-> failed \(needs_login\)", 2)
    with Gateway(kruxos) as gateway:
        gateway.wait_log(r"-> failed \(needs_login\)")
        assert here.statuses("/oauth/token") == [200, 401]
        again_in = kruxos("model", "login", "openai-codex", "--yes")
        assert "Signed in: the login of openai-codex is in the vault." in again_in.out
        gateway.wait_ready("openai-codex")
        assert "works" in kruxos.well("model", "test", "openai-codex")


def test_a_worker_killed_between_rotation_and_storing_ends_in_needs_login(kruxos: Kruxos, here: Issuer) -> None:
    assert add(kruxos, here).code == 0
    with Gateway(kruxos) as gateway:
        gateway.wait_ready("openai-codex")
        here.accounts.refuse_access()
        here.simulator.fault("silence where=first on=refresh times=1")
        with kruxos.at_terminal("model", "test", "openai-codex") as terminal:
            here.wait_asked("/oauth/token", 2)  # the token is spent, and the new ones never arrive
            os.kill(worker_pid(kruxos), signal.SIGKILL)
            terminal.end()
        gateway.wait_log("starting -> ready", 2)
        done = kruxos("model", "test", "openai-codex")
        assert "kruxos model login openai-codex" in done.said
        gateway.wait_log(r"-> failed \(needs_login\)")
        kruxos("model", "test", "openai-codex")
    assert here.statuses("/oauth/token")[2:] == [401]


def worker_pid(kruxos: Kruxos) -> int:
    found = re.search(r'"pid": (\d+)', kruxos.well("worker", "list", "--json"))
    assert found is not None
    return int(found[1])


def test_a_hand_over_never_renews_twice(kruxos: Kruxos, here: Issuer) -> None:
    assert add(kruxos, here).code == 0
    with Gateway(kruxos) as gateway:
        gateway.wait_ready("openai-codex")
        first = worker_pid(kruxos)
        here.accounts.refuse_access()
        here.simulator.fault("silence where=headers seconds=2 on=refresh times=1")
        with kruxos.at_terminal("model", "test", "openai-codex") as slow:
            here.wait_asked("/oauth/token", 2)
            kruxos.well("worker", "restart", "openai-codex")  # the successor is ready while the first one renews
            assert "works" in again(kruxos)
            assert slow.end() == 0
        assert worker_pid(kruxos) != first
    assert here.statuses("/oauth/token") == [200, 200]
    assert [each.is_over for each in here.accounts.logins] == [False]


SLOW = "silence where=headers seconds=2 on=refresh times=1"
"""The tokens are spent and given, and come two seconds later."""


def test_a_worker_that_only_renews_is_waited_for_when_it_is_replaced(
    kruxos: Kruxos, monkeypatch: pytest.MonkeyPatch
) -> None:
    with issuer(monkeypatch, login_tokens_s=8.0, faults=(SLOW,)) as here:
        assert add(kruxos, here).code == 0
        with Gateway(kruxos) as gateway:
            gateway.wait_ready("openai-codex")
            here.wait_asked("/oauth/token", 2)
            kruxos.well("worker", "restart", "openai-codex")
            gateway.wait_log("the login of openai-codex was renewed")
            assert "works" in again(kruxos)
        assert set(here.statuses("/oauth/token")) == {200}


def test_a_gateway_that_stops_waits_until_what_is_renewed_is_stored(
    kruxos: Kruxos, monkeypatch: pytest.MonkeyPatch
) -> None:
    with issuer(monkeypatch, login_tokens_s=8.0, faults=(SLOW,)) as here:
        assert add(kruxos, here).code == 0
        with Gateway(kruxos) as gateway:
            gateway.wait_ready("openai-codex")
            here.wait_asked("/oauth/token", 2)
            assert gateway.stop() == 0
        assert "the login of openai-codex was renewed" in gateway.log
        with Gateway(kruxos) as gateway:
            gateway.wait_ready("openai-codex")
            assert "works" in again(kruxos)
        assert set(here.statuses("/oauth/token")) == {200}


# Again, and leaving


def test_the_same_command_again_renews_the_login_of_a_running_gateway(kruxos: Kruxos, here: Issuer) -> None:
    assert add(kruxos, here).code == 0
    with Gateway(kruxos) as gateway:
        gateway.wait_ready("openai-codex")
        done = add(kruxos, here)
        assert "openai-codex is there already; its login is renewed." in done.out
        assert done.code == 0
        first, _ = here.accounts.logins
        first.is_over, first.access = True, ""  # whoever still used it would be refused, and could not renew it
        assert "works" in again(kruxos)
    assert here.statuses("/oauth/token") == [200, 200]


@pytest.mark.parametrize("is_running", [True, False])
def test_removing_revokes_the_login_and_deletes_it(kruxos: Kruxos, here: Issuer, is_running: bool) -> None:
    assert add(kruxos, here).code == 0
    if is_running:
        with Gateway(kruxos) as gateway:
            gateway.wait_ready("openai-codex")
            done = kruxos("model", "remove", "openai-codex")
    else:
        done = kruxos("model", "remove", "openai-codex")
    assert (done.code, "Removed openai-codex and its credentials." in done.out) == (0, True)
    assert f"the login was revoked at {here.url}" in done.err
    assert [each.is_over for each in here.accounts.logins] == [True]
    assert nothing_is_left(kruxos)


def test_a_login_that_cannot_be_revoked_is_removed_and_that_is_told(kruxos: Kruxos, here: Issuer) -> None:
    assert add(kruxos, here).code == 0
    here.simulator.fault("500 on=revoke")
    done = kruxos("model", "remove", "openai-codex")
    assert done.code == 0
    assert "could not be revoked" in done.err
    assert "sign out there yourself" in done.err
    assert nothing_is_left(kruxos)


def test_a_login_goes_nowhere_but_where_it_was_made_for(kruxos: Kruxos, here: Issuer) -> None:
    assert add(kruxos, here).code == 0
    models = kruxos.root / "models.yaml"
    models.write_text(models.read_text().replace("    auth: oauth\n", "    auth: oauth\n    oauth_issuer: https://h\n"))
    with Gateway(kruxos) as gateway:
        gateway.wait_log(r"-> failed \(destination_changed\)")
