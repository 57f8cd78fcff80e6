"""Who may renew a login, by scripts: never two at a time, never the predecessor once there is a successor."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kruxos.cores.renewals import Asked, Closed, Deny, Event, Gone, Permit, Promoted, Renewals, Settled
from tests.cores.playbook import Script


def test_the_process_that_takes_calls_may_renew() -> None:
    with Script(Renewals()) as script:
        script.at(0, Promoted(1)).gives_nothing()
        script.at(1, Asked(1, 7)).gives(Permit(1, 7))
        script.at(2, Settled(1)).gives_nothing()
        script.at(3, Asked(1, 8)).gives(Permit(1, 8))


def test_a_process_that_does_not_take_calls_yet_may_not() -> None:
    with Script(Renewals()) as script:
        script.at(0, Asked(1, 7)).gives(Deny(1, 7))
        script.at(1, Promoted(1)).gives_nothing()
        script.at(2, Asked(2, 1)).gives(Deny(2, 1))


def test_a_successor_waits_until_the_predecessor_has_stored_what_it_renewed() -> None:
    with Script(Renewals()) as script:
        script.at(0, Promoted(1)).gives_nothing()
        script.at(1, Asked(1, 7)).gives(Permit(1, 7))
        script.at(2, Promoted(2)).gives_nothing()
        script.at(3, Asked(2, 1)).gives_nothing()
        script.at(4, Settled(1)).gives(Permit(2, 1))
        script.at(5, Asked(1, 8)).gives(Deny(1, 8))


def test_a_predecessor_that_waited_is_denied_when_its_successor_comes() -> None:
    renewals = Renewals(holder=1, renewing=9)
    with Script(renewals) as script:
        script.at(0, Asked(1, 7)).gives_nothing()
        script.at(1, Promoted(2)).gives(Deny(1, 7))


def test_a_process_that_dies_gives_its_permission_back() -> None:
    with Script(Renewals()) as script:
        script.at(0, Promoted(1)).gives_nothing()
        script.at(1, Asked(1, 7)).gives(Permit(1, 7))
        script.at(2, Promoted(2)).gives_nothing()
        script.at(3, Asked(2, 1)).gives_nothing()
        script.at(4, Gone(1)).gives(Permit(2, 1))


def test_what_is_told_by_one_that_was_not_permitted_frees_nothing() -> None:
    with Script(Renewals()) as script:
        script.at(0, Promoted(1)).gives_nothing()
        script.at(1, Asked(1, 7)).gives(Permit(1, 7))
        script.at(2, Promoted(2)).gives_nothing()
        script.at(3, Asked(2, 1)).gives_nothing()
        script.at(4, Settled(2)).gives_nothing()


def test_a_gateway_that_stops_permits_nothing_more() -> None:
    with Script(Renewals()) as script:
        script.at(0, Promoted(1)).gives_nothing()
        script.at(1, Closed()).gives_nothing()
        script.at(2, Asked(1, 7)).gives(Deny(1, 7))


numbers = st.integers(1, 4)
histories = st.lists(
    st.one_of(
        st.builds(Promoted, numbers),
        st.builds(Asked, numbers, st.integers(1, 9)),
        st.builds(Settled, numbers),
        st.builds(Gone, numbers),
    ),
    max_size=60,
)


@given(histories)
def test_there_is_never_a_second_permission_before_the_first_is_settled(history: list[Event]) -> None:
    renewals, renewing = Renewals(), None
    for event in history:
        if isinstance(event, Settled | Gone) and event.number == renewing:
            renewing = None
        for command in renewals.step(event):
            if isinstance(command, Permit):
                assert renewing is None
                assert command.number == renewals.holder
                renewing = command.number
        assert renewals.renewing == renewing
