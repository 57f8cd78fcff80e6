"""Showing the vault's passphrase holds for a while, for one session of one user."""

from __future__ import annotations

from kruxos.cores.unlocks import SESSIONS_MAX, UNLOCKED_S, Operator, Unlocks


def test_it_holds_for_a_while_in_the_same_session_only() -> None:
    unlocks, here = Unlocks(), Operator(1000, 7)
    assert unlocks.left_s(here, 0.0) == 0.0
    unlocks.proved(here, 0.0)
    assert unlocks.left_s(here, UNLOCKED_S - 1) == 1.0
    assert unlocks.left_s(here, UNLOCKED_S) == 0.0
    unlocks.proved(here, 0.0)
    assert unlocks.left_s(Operator(1000, 8), 1.0) == unlocks.left_s(Operator(0, 7), 1.0) == 0.0


def test_who_cannot_be_told_is_never_unlocked() -> None:
    assert Unlocks().left_s(None, 0.0) == 0.0


def test_locking_the_vault_ends_it_for_everybody() -> None:
    unlocks = Unlocks()
    unlocks.proved(Operator(1, 1), 0.0)
    unlocks.forget()
    assert unlocks.left_s(Operator(1, 1), 0.0) == 0.0


def test_the_sessions_that_are_remembered_are_bounded() -> None:
    unlocks = Unlocks()
    for session in range(SESSIONS_MAX + 1):
        unlocks.proved(Operator(1, session), 0.0)
    assert unlocks.left_s(Operator(1, 0), 0.0) == 0.0
    assert unlocks.left_s(Operator(1, 1), 0.0) == UNLOCKED_S
