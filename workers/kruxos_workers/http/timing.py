"""Time limits by name, and when the parts of an exchange happened."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import TracebackType

import trio

from kruxos.errors import ProviderTimeoutError

STEPS = 64
"""Moving a deadline costs as much as reading an event; a limit's time is divided into so many steps instead."""


class TimeLimit:
    """A limit that moves on with the call: connect, first event, idle. Given to ``ProviderClient.send``.

    Who sends sets it: ``limit.start("first event", 120)`` before, ``limit.start("idle", 120)`` at every event,
    ``limit.stop()`` while a slow reader, and not the provider, holds the call up. When it passes, the connection
    is closed, and ``send`` raises what that means at this point. It serves one call.
    """

    __slots__ = ("_name", "_scope", "_seconds", "_until")

    def __init__(self) -> None:
        self._scope = trio.CancelScope()
        self._name = ""
        self._seconds = math.inf
        self._until = math.inf

    def start(self, name: str, seconds: float) -> None:
        """From now on ``seconds`` for what ``name`` says; it replaces what was set before.

        The same limit started again at every event is moved on only by steps: it may pass a 64th of its time early.
        """
        until = trio.current_time() + seconds
        if name == self._name and seconds == self._seconds and 0 <= until - self._until < seconds / STEPS:
            return
        self._name, self._seconds, self._until = name, seconds, until
        self._scope.deadline = until

    def stop(self) -> None:
        """No limit until the next ``start``."""
        self._scope.deadline = self._until = math.inf

    @property
    def passed(self) -> bool:
        """Whether it ended the call."""
        return self._scope.cancelled_caught

    def error(self) -> ProviderTimeoutError:
        """What to tell when it has passed."""
        return ProviderTimeoutError(f"no {self._name} within {self._seconds:g} s")

    def __enter__(self) -> None:
        self._scope.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return self._scope.__exit__(kind, error, traceback)


@dataclass(slots=True)
class Timing:
    """When an exchange's parts happened, by trio's clock (monotonic seconds); None for what has not happened.

    ``asked_at``: the call came. ``request_started_at``: a connection was there, the first byte was about to go out.
    ``first_byte_at`` and ``last_byte_at``: of the answer. ``reused``: the connection had served before.
    """

    asked_at: float
    request_started_at: float | None = None
    first_byte_at: float | None = None
    last_byte_at: float | None = None
    reused: bool = False
