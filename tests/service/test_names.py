"""Looking names up for workers."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from kruxos.cores.names import Found
from kruxos.service.names import LOOKUP_WITHIN_S, Names, SystemResolver

GOOD = Found(("192.0.2.1",))


class Resolver:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.go = trio.Event()

    async def __call__(self, host: str, port: int) -> Found:
        self.asked.append((host, port))
        await self.go.wait()
        return GOOD


def test_all_who_ask_at_once_share_one_look_up_and_later_ones_its_answer() -> None:
    async def main() -> None:
        resolver, told = Resolver(), list[Found]()
        async with trio.open_nursery() as nursery:
            asked = Names(nursery, resolver)
            for _ in range(3):
                asked.ask("api.example.com", 443, told.append)
            await trio.testing.wait_all_tasks_blocked()
            assert told == []
            resolver.go.set()
        async with trio.open_nursery():
            asked.ask("api.example.com", 443, told.append)
        assert told == [GOOD] * 4
        assert resolver.asked == [("api.example.com", 443)]

    trio.run(main)


def test_a_resolver_that_hangs_is_given_up() -> None:
    async def main() -> None:
        told = list[Found]()
        async with trio.open_nursery() as nursery:
            Names(nursery, Resolver()).ask("api.example.com", 443, told.append)
        assert told == [Found(reason="the system's resolver took too long", passing=True)]
        assert trio.current_time() >= LOOKUP_WITHIN_S

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.real
@pytest.mark.parametrize("host", ["", "a..b", "x" * 64 + ".invalid", "\x00"])
def test_what_is_no_name_is_an_answer_with_a_reason(host: str) -> None:
    found = trio.run(SystemResolver(), host or "name with spaces.invalid", 443)
    assert found.addresses == ()
    assert found.reason


@pytest.mark.real
def test_the_systems_resolver_knows_this_machine() -> None:
    found = trio.run(SystemResolver(), "localhost", 443)
    assert set(found.addresses) <= {"127.0.0.1", "::1"}
    assert found.addresses
