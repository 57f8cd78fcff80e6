"""The life of a login, by scripts: asked for, renewed, stored, and only then used; refused once and for all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.login import Login, read_login
from kruxos_workers.oauth import life
from kruxos_workers.oauth.life import (
    AGAIN_S,
    AGE_MAX_S,
    MARGIN_S,
    MOVES,
    Ask,
    Draining,
    Failed,
    GiveBack,
    Life,
    NotPermitted,
    NotStored,
    Permitted,
    Refresh,
    Rejected,
    Renewed,
    Store,
    Stored,
    Tick,
    Use,
)
from tests.cores.playbook import Script

END = 10_000.0
DUE = END - MARGIN_S
OLD = Login("access-1", "refresh-1", "account", END, 1.0)
NEW = Login("access-2", "refresh-2", "account", 2 * END, DUE)


def fresh() -> Life:
    return Life(OLD, lambda: 1.0)


def refreshing() -> Life:
    login = fresh()
    login.step(Tick(), DUE)
    login.step(Permitted(OLD), DUE)
    assert login.state == "refreshing"
    return login


def storing() -> Life:
    login = refreshing()
    login.step(Renewed(NEW), DUE)
    return login


def test_a_login_is_renewed_before_it_ends_and_used_when_it_is_stored() -> None:
    login = fresh()
    with Script(login) as script:
        script.at(DUE - 1, Tick()).gives_nothing()
        script.at(DUE, Tick()).gives(Ask())
        script.at(DUE, Tick()).gives_nothing()
        script.at(DUE, Permitted(OLD)).gives(Refresh(OLD))
        script.at(DUE + 1, Renewed(NEW)).gives(Store(NEW))
        assert login.login == OLD
        script.at(DUE + 2, Stored()).gives(Use(NEW))
    assert (login.state, login.login) == ("fresh", NEW)


def test_while_it_is_renewed_the_old_token_is_used_as_long_as_it_lasts() -> None:
    login = storing()
    assert login.usable(DUE)
    assert not login.usable(END - 5)
    assert login.busy


def test_what_somebody_else_has_stored_is_taken_and_nobody_asks_the_issuer() -> None:
    login = fresh()
    with Script(login) as script:
        script.at(DUE, Tick()).gives(Ask())
        script.at(DUE, Permitted(NEW)).gives(GiveBack(), Use(NEW))
    assert login.login == NEW


def test_a_refused_token_is_renewed_at_once() -> None:
    with Script(fresh()) as script:
        script.at(5.0, Rejected("access-1")).gives(Ask())


def test_a_refusal_of_a_token_that_is_not_used_any_more_changes_nothing() -> None:
    with Script(fresh()) as script:
        script.at(5.0, Rejected("access-0")).gives_nothing()


def test_a_provider_that_refuses_the_remedy_too_is_not_given_another_for_a_while() -> None:
    remedy = replace(NEW, renewed_at=6.0)
    with Script(fresh()) as script:
        script.at(5.0, Rejected("access-1")).gives(Ask())
        script.at(5.0, Permitted(OLD)).gives(Refresh(OLD))
        script.at(6.0, Renewed(remedy)).gives(Store(remedy))
        script.at(6.0, Stored()).gives(Use(remedy))
        script.at(7.0, Rejected("access-2")).gives_nothing()
        script.at(6.0 + AGAIN_S, Rejected("access-2")).gives(Ask())


@pytest.mark.parametrize("reason", ["refresh_token_reused", "status 401"])
def test_a_final_refusal_ends_the_login_and_is_stored_without_its_tokens(reason: str) -> None:
    login = refreshing()
    with Script(login) as script:
        script.at(DUE, Failed(reason, final=True)).gives(Store(OLD.over(reason)))
        script.at(DUE, Stored()).gives_nothing()
        script.at(2 * END, Tick()).gives_nothing()
        script.at(2 * END, Rejected("access-1")).gives_nothing()
    assert login.state == "refused"
    assert not login.usable(0.0)
    record = OLD.over(reason).to_record()
    assert b"refresh-1" not in record
    assert read_login(record).ended == reason


def test_another_failure_keeps_the_tokens_and_is_tried_again_later_and_later() -> None:
    login = fresh()
    now, waits = DUE, []
    for _ in range(9):
        with Script(login) as script:
            script.at(now, Tick()).gives(Ask())
            script.at(now, Permitted(OLD)).gives(Refresh(OLD))
            script.at(now, Failed("status 503", final=False)).gives(GiveBack())
            script.at(now, Tick()).gives_nothing()
            script.at(now, Rejected("access-1")).gives_nothing()
        waits.append(login.next_wake() - now)
        now = login.next_wake()
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert login.login == OLD


def test_what_cannot_be_stored_is_not_used_and_is_offered_again() -> None:
    login = storing()
    with Script(login) as script:
        script.at(DUE, NotStored("vault_locked")).gives_nothing()
        script.at(DUE, Tick()).gives_nothing()
        assert login.login == OLD
        script.at(DUE + 1, Tick()).gives(Store(NEW))
        script.at(DUE + 1, Tick()).gives_nothing()
        script.at(DUE + 1, Stored()).gives(Use(NEW))


def test_a_login_that_was_replaced_meanwhile_gives_way() -> None:
    third = replace(NEW, access_token="access-3", refresh_token="refresh-3")
    with Script(storing()) as script:
        script.at(DUE, NotStored("login_changed")).gives(Ask())
        script.at(DUE, Permitted(third)).gives(GiveBack(), Use(third))


def test_a_new_login_revives_one_that_was_refused() -> None:
    login = refreshing()
    with Script(login) as script:
        script.at(DUE, Failed("refresh_token_reused", final=True)).gives(Store(OLD.over("refresh_token_reused")))
        script.at(DUE, NotStored("login_changed")).gives(Ask())
        script.at(DUE, Permitted(NEW)).gives(GiveBack(), Use(NEW))
    assert login.usable(DUE)


def test_without_a_login_in_the_vault_there_is_nothing_to_use() -> None:
    login = fresh()
    with Script(login) as script:
        script.at(DUE, Tick()).gives(Ask())
        script.at(DUE, NotPermitted("needs_login")).gives_nothing()
    assert login.state == "refused"


def test_who_is_not_permitted_asks_again_later() -> None:
    login = fresh()
    with Script(login) as script:
        script.at(DUE, Tick()).gives(Ask())
        script.at(DUE, NotPermitted("vault_locked")).gives_nothing()
        script.at(DUE + 0.9, Tick()).gives_nothing()
        script.at(DUE + 1, Tick()).gives(Ask())
    assert login.problem == "vault_locked"


def test_a_worker_that_is_replaced_ends_what_it_has_begun_and_begins_nothing() -> None:
    login = refreshing()
    with Script(login) as script:
        script.at(DUE, Draining()).gives_nothing()
        script.at(DUE, Renewed(replace(NEW, expires_at=DUE + 1))).gives(Store(replace(NEW, expires_at=DUE + 1)))
        script.at(DUE, Stored()).gives(Use(replace(NEW, expires_at=DUE + 1)))
        script.at(DUE + 10, Tick()).gives_nothing()
        script.at(DUE + 10, Rejected("access-2")).gives_nothing()
    assert not login.busy


def test_a_token_that_does_not_say_when_it_ends_is_renewed_by_its_age() -> None:
    login = Life(replace(OLD, expires_at=None), lambda: 1.0)
    assert login.usable(1e9)
    with Script(login) as script:
        script.at(AGE_MAX_S, Tick()).gives_nothing()
        script.at(AGE_MAX_S + 1, Tick()).gives(Ask())


def test_a_short_life_is_renewed_in_its_middle_not_all_the_time() -> None:
    login = Life(replace(OLD, renewed_at=100.0, expires_at=104.0), lambda: 1.0)
    assert login.next_wake() == 102.0
    assert login.usable(102.9)
    assert not login.usable(103.1)


logins = st.sampled_from([OLD, NEW, replace(NEW, access_token="access-3", renewed_at=DUE + 50)])
reasons = st.sampled_from(["status 503", "refresh_token_reused"])
codes = st.sampled_from(["needs_login", "vault_locked", "login_changed", "not_permitted"])
events: st.SearchStrategy[life.Event] = st.one_of(
    st.just(Tick()),
    st.builds(Rejected, st.sampled_from(["access-1", "access-2"])),
    st.builds(Permitted, logins),
    st.builds(NotPermitted, codes),
    st.builds(Renewed, logins),
    st.builds(Failed, reasons, final=st.booleans()),
    st.just(Stored()),
    st.builds(NotStored, codes),
)


@given(st.lists(st.tuples(st.floats(0.0, 4000.0), events), max_size=60))
def test_whatever_happens_the_issuer_is_asked_once_a_permission_and_tokens_are_used_when_they_are_stored(
    history: list[tuple[float, life.Event]],
) -> None:
    login, now, permissions = fresh(), 0.0, 0
    offered: list[Login] = [OLD]
    for passed, event in history:
        now += passed
        before = login.state
        if isinstance(event, Permitted) and before == "asking":
            permissions += 1
            offered.append(event.login)
        for command in login.step(event, now):
            if isinstance(command, Refresh):
                permissions -= 1
                assert before == "asking"
            if isinstance(command, Store):
                offered.append(command.login)
            if isinstance(command, Use):
                assert command.login in offered
                assert isinstance(event, Stored | Permitted)
        assert login.state == before or login.state in MOVES[before]
        assert permissions >= 0
