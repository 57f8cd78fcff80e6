"""Keys are written in the order in which they were decided about."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import partial

import trio
import trio.testing

from kruxos.service.keybook import KeyBook


@dataclass(slots=True)
class SlowKeys:
    """Keys whose first write takes until it is let go."""

    gate: threading.Event = field(default_factory=threading.Event)
    written: list[str] = field(default_factory=list[str])

    def claim(self, agent: str, key: str, body_digest: bytes, call_id: str, now: float) -> object:
        self.written.append(f"claim {key} for {call_id}")
        return None

    def settle(self, agent: str, key: str, state: str) -> None:
        self.written.append(f"settle {key}")

    def release(self, agent: str, key: str) -> None:
        assert self.gate.wait(10)
        self.written.append(f"release {key}")


def test_a_key_that_is_given_free_and_taken_again_ends_as_taken() -> None:
    keys = SlowKeys()

    async def main() -> None:
        book, begun = KeyBook(keys), trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(book.run)
            book.over("a", "k", kept=False)
            book.persist("a", "k", b"d", "call_2", begun.set)
            await trio.testing.wait_all_tasks_blocked()
            assert keys.written == []
            keys.gate.set()
            with trio.fail_after(10):
                await begun.wait()
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert keys.written == ["release k", "claim k for call_2"]


def test_a_call_begins_once_its_key_is_on_disk() -> None:
    keys = SlowKeys()
    seen: list[str] = []

    async def main() -> None:
        book, begun = KeyBook(keys), trio.Event()

        def then() -> None:
            seen.extend(keys.written)
            begun.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(book.run)
            book.persist("a", "k", b"d", "call_1", then)
            with trio.fail_after(10):
                await begun.wait()
            book.over("a", "k", kept=True)
            done = partial(book.persist, "a", "other", b"d", "call_2")
            again = trio.Event()
            done(again.set)
            with trio.fail_after(10):
                await again.wait()
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert seen == ["claim k for call_1"]
    assert keys.written == ["claim k for call_1", "settle k", "claim other for call_2"]
