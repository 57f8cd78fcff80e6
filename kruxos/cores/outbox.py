"""What waits for one agent to read it: bounded, merged, in order.

Frames of one call keep their order; runs of events that wait are joined into one frame. ``take`` gives one message
with everything that fits, so all that one turn of the scheduler produced leaves together. An outbox never drops: it
says when a call is over its bound (``pause``), and when there is room again (``resume``).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from kruxos import framing, wire

CALL_BYTES_MAX = 4 * 1024 * 1024
CALL_BYTES_PAUSE = 3 * 1024 * 1024
"""Where a call's worker is told to pause: what is on its way by then fits below the bound."""
CALL_BYTES_RESUME = 1024 * 1024
TAKE_BYTES_AIM = 256 * 1024


@dataclass(slots=True)
class _Waiting:
    """One call's frames that wait: runs of events, then perhaps its last frame."""

    number: int
    bodies: list[bytes] = field(default_factory=list[bytes])
    bytes: int = 0
    last: wire.Frame | None = None
    paused: bool = False


class Outbox:
    """All that waits for one agent."""

    def __init__(self) -> None:
        self._direct: deque[bytes] = deque()
        self._calls: dict[int, _Waiting] = {}
        self._order: deque[_Waiting] = deque()
        self._held: set[int] = set()
        self.queued_bytes = 0
        self.call_bytes_peak = 0
        """The most that ever waited of one call."""

    def __bool__(self) -> bool:
        return bool(self._direct or self._order)

    def put(self, frame: wire.Frame) -> None:
        """A frame that belongs to no call."""
        data = framing.encode(frame)
        self._direct.append(data)
        self.queued_bytes += len(data)

    def put_events(self, number: int, body: bytes) -> bool:
        """A run of events of a call. True: the call is over its bound now and was not before."""
        call = self._waiting(number)
        call.bodies.append(body)
        call.bytes += len(body)
        self.queued_bytes += len(body)
        self.call_bytes_peak = max(self.call_bytes_peak, call.bytes)
        if call.bytes > CALL_BYTES_PAUSE and not call.paused:
            call.paused = True
            return True
        return False

    def pause(self, number: int) -> bool:
        """Counts a call as over its bound whatever waits of it. True: it was not before."""
        call = self._calls.get(number)
        if call is None or call.paused:
            return False
        call.paused = True
        return True

    def hold(self, number: int) -> None:
        """Keeps what waits of a call, and what comes, until it is released."""
        if number in self._held:
            return
        self._held.add(number)
        call = self._calls.get(number)
        if call is not None:
            self._order.remove(call)

    def release(self, number: int) -> None:
        """Ends that; for a call that is not held nothing changes."""
        if number in self._held:
            self._held.discard(number)
            call = self._calls.get(number)
            if call is not None:
                self._order.append(call)

    def put_last(self, number: int, frame: wire.Frame) -> None:
        """A call's last frame; ``number`` stands for its id."""
        call = self._waiting(number)
        call.last = frame
        call.bytes += len(frame.body)
        self.queued_bytes += len(frame.body)

    def _waiting(self, number: int) -> _Waiting:
        call = self._calls.get(number)
        if call is None:
            call = self._calls[number] = _Waiting(number)
            if number not in self._held:
                self._order.append(call)
        return call

    def drop_events(self, number: int) -> None:
        """Forgets the runs of events of a call that wait: its agent is told of the loss by the last frame."""
        call = self._calls.get(number)
        if call is not None:
            self._forget(call, sum(map(len, call.bodies)))
            call.bodies.clear()

    def _forget(self, call: _Waiting, size: int) -> None:
        call.bytes -= size
        self.queued_bytes -= size

    def take(self) -> tuple[bytes, list[int]]:
        """One message with what waits, up to about ``TAKE_BYTES_AIM``, and the calls that have room again."""
        pieces: list[bytes] = []
        resumed: list[int] = []
        size = 0
        while self._direct and size < TAKE_BYTES_AIM:
            data = self._direct.popleft()
            self.queued_bytes -= len(data)
            pieces.append(data)
            size += len(data)
        while self._order and size < TAKE_BYTES_AIM:
            call = self._order[0]
            if size and size + call.bytes > wire.EVENT_BYTES_AIM:
                break  # what is large travels alone, so that a message stays under its cap
            self._order.popleft()
            taken = self._take_call(call)
            pieces += taken
            size += sum(map(len, taken))
            if call.paused and call.bytes <= CALL_BYTES_RESUME:
                call.paused = False
                resumed.append(call.number)
        return b"".join(pieces), resumed

    def _take_call(self, call: _Waiting) -> list[bytes]:
        frames: list[bytes] = []
        if call.bodies:
            bodies = _fitting(call.bodies)
            body = b"".join(bodies)
            frames.append(framing.encode(wire.Event(id=call.number, body=body)))
            del call.bodies[: len(bodies)]
            self._forget(call, len(body))
        if call.bodies:
            self._order.append(call)
            return frames
        if call.last is not None:
            frames.append(framing.encode(call.last, call.number))
            self._forget(call, len(call.last.body))
            call.last = None
        del self._calls[call.number]
        return frames


def _fitting(bodies: list[bytes]) -> list[bytes]:
    """As many of the first runs as fit one event frame, at least one."""
    size = 0
    for index, body in enumerate(bodies):
        size += len(body)
        if size > wire.EVENT_BYTES_AIM and index:
            return bodies[:index]
    return bodies[:]
