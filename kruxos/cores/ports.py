"""What the tables of calls and of providers need of the world around them: time, timers, and each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from kruxos import wire
from kruxos.cores.routing import HealthView


class Clock(Protocol):
    """Both times: monotonic for what is decided here, Unix for what others read."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def unix(self) -> float:
        """Unix seconds."""
        ...


class Timer(Protocol):
    """One waking to come."""

    @property
    def at(self) -> float:
        """When, in monotonic seconds."""
        ...

    def cancel(self) -> None:
        """It is not needed any more."""
        ...


class Timers(Protocol):
    """Wakes whoever asks for it."""

    def at(self, when: float, action: Callable[[], None]) -> Timer:
        """Calls ``action`` at ``when`` (monotonic seconds)."""
        ...


class Sink(Protocol):
    """Whoever waits for the frames of one dispatch."""

    def on_frame(self, frame: wire.Frame) -> None:
        """One frame about the dispatch."""
        ...

    def on_lost(self, reason: str) -> None:
        """The worker is gone, or there is none."""
        ...


class Providers(HealthView, Protocol):
    """All providers, as the table of calls sees them. A dispatch is one attempt of one call."""

    def next_number(self) -> int:
        """A number for a dispatch to come."""
        ...

    def dispatch(self, name: str, number: int, frame: wire.Open, sink: Sink) -> None:
        """Hands one attempt to the provider. The sink may be told of the loss before this returns."""
        ...

    def cancel(self, name: str, number: int) -> None:
        """The attempt is not wanted any more; its sink still hears how it ended."""
        ...

    def pause(self, name: str, number: int) -> None:
        """The attempt's reader is slow."""
        ...

    def resume(self, name: str, number: int) -> None:
        """The attempt's reader has caught up."""
        ...
