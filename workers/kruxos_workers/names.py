"""A worker's resolver: it asks the supervisor, over its link. In the cage there is no other."""

from __future__ import annotations

import itertools
from typing import Protocol

import trio

from kruxos import wire


class Outlet(Protocol):
    """Where frames go."""

    def send(self, frame: wire.Frame) -> None:
        """Queues a frame."""
        ...


class AskedNames:
    """``resolve`` is what ``TrioNetwork`` wants; ``on_answer`` takes the supervisor's frames."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._numbers = itertools.count(1)
        self._waiting: dict[int, trio.Event] = {}
        self._answers: dict[int, wire.Resolved] = {}

    async def resolve(self, host: str, port: int) -> list[str]:
        """Addresses of a host, the preferred first. Raises ``OSError`` where it has none."""
        number = next(self._numbers)
        answered = self._waiting[number] = trio.Event()
        try:
            self._outlet.send(wire.Resolve(id=number, host=host, port=port))
            await answered.wait()
        finally:
            del self._waiting[number]
            answer = self._answers.pop(number, None)
        assert answer is not None
        if not answer.addresses:
            raise OSError(answer.reason)
        return answer.addresses

    def on_answer(self, answer: wire.Resolved) -> None:
        """An answer; nobody may be waiting for it any more."""
        waiting = self._waiting.get(answer.id)
        if waiting is not None:
            self._answers[answer.id] = answer
            waiting.set()
