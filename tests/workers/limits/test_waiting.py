"""The waiting room against a plain list that is walked for everything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kruxos_workers.limits.waiting import PLACE_WITHIN_S, Ask, Waiter, WaitingRoom

CALLS = st.tuples(st.sampled_from("abc"), st.sampled_from(["m", "n"]), st.none() | st.floats(0.0, 30.0))
STEPS = st.lists(st.tuples(st.sampled_from(["add", "take", "remove", "over"]), CALLS, st.integers(0, 9)), max_size=60)


def ends_at(waiter: Waiter) -> float:
    wait_s = waiter.ask.wait_s
    return waiter.since + (PLACE_WITHIN_S if wait_s is None else wait_s)


def first_of_each_model(waiters: list[Waiter]) -> dict[str, Waiter]:
    return {waiter.ask.model: waiter for waiter in reversed(waiters)}


@given(STEPS)
def test_it_is_what_a_list_would_be(steps: list[tuple[str, tuple[str, str, float | None], int]]) -> None:
    room, there, now = WaitingRoom(), list[Waiter](), 0.0
    for number, (what, (agent, model, wait_s), which) in enumerate(steps):
        now += 1.0
        if what == "add":
            waiter = Waiter(Ask(number, agent, model, wait_s=wait_s), now)
            room.add(waiter)
            there.append(waiter)
        elif what == "take" and there:
            head = next(room.heads())
            room.take(head)
            there.remove(head)
        elif what == "remove" and there:
            waiter = there.pop(which % len(there))
            room.remove(waiter)
        elif what == "over":
            over = room.over(now)
            assert {each.ask.id for each in over} == {each.ask.id for each in there if ends_at(each) <= now}
            for each in over:
                room.remove(each)
                there.remove(each)
        assert {each.ask.id for each in room} == {each.ask.id for each in there}
        assert len(room) == len(there) == sum(room.models.values())
        assert room.next_end() == min(map(ends_at, there), default=None)
        assert {head.ask.model for head in room.heads()} == set(first_of_each_model(there))
        assert room.vague == sum(each.ask.wait_s is None for each in there)


def test_each_line_keeps_its_order_and_lines_take_turns() -> None:
    room = WaitingRoom()
    for number, agent in enumerate("aaab"):
        room.add(Waiter(Ask(number, agent, "m"), 0.0))
    order: list[int] = []
    while len(room):
        head = next(room.heads())
        room.take(head)
        order.append(head.ask.id)
    assert order == [0, 3, 1, 2]


def test_calls_that_are_gone_leave_no_pile_of_times() -> None:
    room = WaitingRoom()
    for number in range(10_000):
        waiter = Waiter(Ask(number, "a", "m", wait_s=1e6), 0.0)
        room.add(waiter)
        room.remove(waiter)
    assert len(room._ends) < 100
    assert room.peak == 1
