"""A worker's questions to the supervisor."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import trio
import trio.testing

from kruxos import wire
from kruxos_workers.names import AskedNames


@dataclass
class Sent:
    """What went to the supervisor."""

    frames: list[wire.Frame] = field(default_factory=list[wire.Frame])

    def send(self, frame: wire.Frame) -> None:
        self.frames.append(frame)


def test_each_question_gets_its_own_answer_in_whatever_order_they_come() -> None:
    async def main() -> None:
        sent, found = Sent(), dict[str, list[str]]()
        names = AskedNames(sent)

        async def ask(host: str) -> None:
            found[host] = await names.resolve(host, 443)

        async with trio.open_nursery() as nursery:
            for host in ("a.example", "b.example"):
                nursery.start_soon(ask, host)
            await trio.testing.wait_all_tasks_blocked()
            for question in reversed(sent.frames):
                assert isinstance(question, wire.Resolve)
                names.on_answer(wire.Resolved(id=question.id, addresses=[f"{question.host}'s"]))
        assert found == {"a.example": ["a.example's"], "b.example": ["b.example's"]}

    trio.run(main)


def test_a_name_without_addresses_is_an_error_with_the_reason() -> None:
    async def main() -> None:
        names = AskedNames(Sent())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_expect_failure, names)
            await trio.testing.wait_all_tasks_blocked()
            names.on_answer(wire.Resolved(id=1, reason="name or service not known"))

    trio.run(main)


async def _expect_failure(names: AskedNames) -> None:
    with pytest.raises(OSError, match="name or service not known"):
        await names.resolve("nobody.invalid", 443)


def test_an_answer_that_nobody_waits_for_any_more_changes_nothing() -> None:
    async def main() -> None:
        names = AskedNames(Sent())
        with trio.move_on_after(0):
            await names.resolve("a.example", 443)
        names.on_answer(wire.Resolved(id=1, addresses=["192.0.2.1"]))
        names.on_answer(wire.Resolved(id=99, addresses=["192.0.2.1"]))

    trio.run(main)
