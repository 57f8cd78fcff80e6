"""One agent's session: which calls it has open, and what its frames mean.

An agent opens calls under numbers of its own choosing, cancels them, has their events held back for a while, pings, and
goes. A number is free again once its call is over. Opening a number that is in use with the same request again changes
nothing (it is the same call); with another request it is an error. Anything else that an agent may not say ends the
session.

    open -> over      the agent goes, says bye, or breaks the rules; or the gateway closes
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from kruxos import wire
from kruxos.errors import BadRequestError, KruxosError, OverloadedError

CALLS_MAX = 4096
BATCH_OPS = (
    "batch.begin", "batch.append", "batch.submit", "batch.list", "batch.show", "batch.results", "batch.cancel",
)  # fmt: skip
OPS = ("chat", "count_tokens", *BATCH_OPS)


@dataclass(frozen=True, slots=True)
class OpenCall:
    """Start the call that this frame asks for."""

    frame: wire.Open


@dataclass(frozen=True, slots=True)
class CancelCall:
    """Cancel the call of this number."""

    number: int


@dataclass(frozen=True, slots=True)
class HoldCall:
    """Keep what comes of the call of this number until it is released."""

    number: int


@dataclass(frozen=True, slots=True)
class ReleaseCall:
    """Give what was kept of it, and what comes."""

    number: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Send this frame to the agent."""

    frame: wire.Frame


@dataclass(frozen=True, slots=True)
class End:
    """Close the session; ``error`` is told to the agent first where there is one."""

    error: KruxosError | None = None


Command: TypeAlias = OpenCall | CancelCall | HoldCall | ReleaseCall | Answer | End


@dataclass(slots=True)
class Session:
    """The state machine of one session."""

    agent: str
    state: Literal["open", "over"] = "open"
    _calls: dict[int, wire.Open] = field(default_factory=dict[int, wire.Open])

    @property
    def open_calls(self) -> int:
        """How many calls are under way."""
        return len(self._calls)

    def frame(self, frame: wire.Frame) -> list[Command]:
        """The agent said this."""
        if self.state == "over":
            return []
        match frame:
            case wire.Open():
                return self._open(frame)
            case wire.Cancel():
                return [CancelCall(frame.id)] if frame.id in self._calls else []
            case wire.Pause():
                return [HoldCall(frame.id)] if frame.id in self._calls else []
            case wire.Resume():
                return [ReleaseCall(frame.id)]
            case wire.Ping():
                return [Answer(wire.Pong(id=frame.id, body=frame.body))]
            case wire.Pong() | wire.Hello():
                return []
            case wire.Bye():
                return self.gone()
            case _:
                return self.broken(BadRequestError(f"an agent does not send {frame.kind} frames"))

    def _open(self, frame: wire.Open) -> list[Command]:
        known = self._calls.get(frame.id)
        if known is not None and _is_same(known, frame):
            return []
        if error := self._refusal(frame, known):
            return [Answer(wire.Error(id=frame.id, error=error.to_wire(), failure="never_sent"))]
        self._calls[frame.id] = frame
        return [OpenCall(frame)]

    def _refusal(self, frame: wire.Open, known: wire.Open | None) -> KruxosError | None:
        if frame.id == 0:
            return BadRequestError("a call needs a number from 1", field="id")
        if known is not None:
            return BadRequestError("this number is in use by another call", field="id")
        if frame.op not in OPS:
            return BadRequestError(f"unknown operation; there are {', '.join(OPS)}", field="op")
        if len(self._calls) >= CALLS_MAX:
            return OverloadedError(f"the session has {CALLS_MAX} calls open")
        return None

    def call_over(self, number: int) -> None:
        """The call has had its last frame."""
        self._calls.pop(number, None)

    def broken(self, error: KruxosError) -> list[Command]:
        """The agent sent something that is not of the protocol."""
        return [*self.gone(), End(error)]

    def gone(self) -> list[Command]:
        """The agent is gone: nothing of it goes on."""
        if self.state == "over":
            return []
        self.state = "over"
        cancelled: list[Command] = [CancelCall(number) for number in self._calls]
        return [*cancelled, End()]


def _is_same(known: wire.Open, frame: wire.Open) -> bool:
    """Whether a call is asked for again; the time that it has left may be another by now."""
    ours = (known.op, known.provider, known.model, known.key, known.body)
    return ours == (frame.op, frame.provider, frame.model, frame.key, frame.body)
