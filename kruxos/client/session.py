"""The client's half of the protocol: from hello to the last answer. No I/O, no clock: bytes and ``now`` in, bytes out.

Theory of operation. A shell asks the agents' door once (``hello_question``, ``read_welcome``), dials the address that
it is told, and gives all that it receives there to one ``Session``. A session numbers calls, sorts what comes by
number, and says which calls have news. When its connection ends, so do its calls: each fails as ``connection_lost``,
labelled ``billed_maybe`` if it had left this process. A call is never sent twice; new calls need a new session.

    state of a call     on                      becomes
    in flight           end, error frame        over
    in flight           cancel()                forgotten; what still comes for it is passed over
    in flight           the connection ends     over: connection_lost
    in flight           silence                 a ping is sent; no sign of life after it either: the connection ends
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kruxos import __version__, errors, framing, wire
from kruxos.client import sp
from kruxos.client.answers import read_answer
from kruxos.client.call import Call

HELLO_S = 10.0
"""How long the door may take to answer, and a session to be dialled."""
RECONNECT_S = 10.0
"""How long a new call tries to find a gateway that was there before; a gateway that was never there fails at once."""
QUIET_S = 20.0
"""Silence after which the gateway is asked whether it lives, and silence after that which ends the connection."""
DEADLINE_GRACE_S = 5.0
"""The gateway ends a call at its deadline; when it has not done so this much later, the client does."""
OPEN_ATTEMPTS = 3
"""Connections that a call may find dead before its first byte is out."""
_BACKOFF_FIRST_S = 0.05
_BACKOFF_MAX_S = 1.0
_RECEIVE_BYTES_MAX = wire.MESSAGE_BYTES_MAX + 64 * 1024


def hello_question(agent: str | None, token: str | None) -> bytes:
    """The first question at the door."""
    return framing.encode(wire.Hello(package=__version__, agent=agent, token=token))


def read_welcome(answer: bytes) -> wire.Welcome:
    """The door's answer. Raises what the door says, or ``GatewayUnreachableError`` where that makes no sense."""
    frame = read_answer(answer)
    if not isinstance(frame, wire.Welcome) or not frame.session:
        raise errors.GatewayUnreachableError("the gateway did not answer the hello with a welcome")
    if frame.version != wire.VERSION:
        raise errors.UpgradeRequiredError(
            f"the gateway speaks version {frame.version} of the protocol, this client version {wire.VERSION}"
        )
    return frame


class Retrying:
    """How often and how long to try to connect. Times are monotonic seconds."""

    __slots__ = ("_failures", "_until")

    def __init__(self, *, now: float, was_connected: bool, deadline_at: float | None) -> None:
        until = now + (RECONNECT_S if was_connected else 0.0)
        self._until = until if deadline_at is None else min(until, deadline_at)
        self._failures = 0

    def pause_s(self, error: errors.KruxosError, *, now: float, jitter: float) -> float:
        """How long to pause after ``error``, which is raised when it is final or the time is over.

        ``jitter`` is a random number from 0 to 1.
        """
        pause_s = jitter * min(_BACKOFF_MAX_S, _BACKOFF_FIRST_S * 2.0**self._failures)
        self._failures += 1
        if not isinstance(error, _PASSING) or now + pause_s >= self._until:
            raise error
        return pause_s


_PASSING = (errors.GatewayUnreachableError, errors.DrainingError, errors.ConnectionLostError)


@dataclass(slots=True)
class News:
    """What happened: calls with something new, bytes to send, and why the connection has to end, if it has to."""

    calls: list[Call] = field(default_factory=list[Call])
    outgoing: bytes = b""
    lost: str | None = None


class Session:
    """The calls of one connection."""

    __slots__ = ("_calls", "_decoder", "_heard_at", "_last_id", "_lost", "_pinged_at")

    def __init__(self) -> None:
        self._decoder = sp.Decoder(sp.Protocol.PAIR0, message_bytes_max=_RECEIVE_BYTES_MAX)
        self._calls: dict[int, Call] = {}
        self._last_id = 0
        self._heard_at = 0.0
        self._pinged_at: float | None = None
        self._lost: str | None = None

    @property
    def greeting(self) -> bytes:
        """What the connection begins with."""
        return sp.greeting(sp.Protocol.PAIR0)

    @property
    def in_flight(self) -> int:
        """Calls that are not over."""
        return len(self._calls)

    def open(self, opening: wire.Open, now: float) -> tuple[Call, bytes]:
        """Starts a call: the call, and the bytes that ask for it. ``opening.id`` is given here.

        Once the connection is lost the call fails at once, unsent.
        """
        if not self._calls:
            self._heard_at, self._pinged_at = now, None
        self._last_id += 1
        give_up_at = None if opening.deadline_s is None else now + opening.deadline_s + DEADLINE_GRACE_S
        call = Call(self._last_id, give_up_at=give_up_at)
        if self._lost is not None:
            call.fail(errors.ConnectionLostError(self._lost))
            return call, b""
        self._calls[call.id] = call
        return call, _pack(opening, call.id)

    def leave(self, call: Call) -> bytes:
        """The agent is done with the call: the bytes that cancel it, or none if it was over."""
        if self._calls.pop(call.id, None) is None:
            return b""
        call.fail(errors.CancelledError("the call was cancelled"))
        return _pack(wire.Cancel(id=call.id))

    def hold(self, call: Call) -> bytes:
        """Too much of the call is unread: the bytes that have the gateway hold the rest."""
        call.held = True
        return _pack(wire.Pause(id=call.id))

    def resume(self, call: Call) -> bytes:
        """Enough was read: the bytes that have the gateway go on."""
        call.held = False
        return b"" if call.over else _pack(wire.Resume(id=call.id))

    def receive(self, data: bytes, now: float) -> News:
        """Takes what the connection brought."""
        self._heard_at, self._pinged_at = now, None
        news = News()
        try:
            for message in self._decoder.feed(data):
                for frame in framing.decode_message(message):
                    self._take(frame, news)
        except (sp.SpError, errors.CallerError) as error:
            news.lost = f"the gateway's answer cannot be read: {error}"
        return news

    def _take(self, frame: wire.Frame, news: News) -> None:
        match frame:
            case wire.Event() | wire.End() | wire.Error() if frame.id in self._calls:
                call = self._calls[frame.id]
                call.take(frame)
                news.calls.append(call)
                if call.over:
                    del self._calls[call.id]
                    if isinstance(frame, wire.Event):
                        news.outgoing += _pack(wire.Cancel(id=call.id))
            case wire.Ping():
                news.outgoing += _pack(wire.Pong(id=frame.id, body=frame.body))
            case wire.Bye():
                news.lost = f"the gateway closed the connection: {frame.reason or 'it gave no reason'}"
            case wire.Error(id=0):
                news.lost = f"the gateway closed the connection: {errors.from_wire(frame.error)}"
            case _:
                pass  # an answer to a call that was left, or a kind that concerns others

    def tick(self, now: float) -> News:
        """To be called every now and then: pings a gateway that has been silent for long, then gives it up."""
        if not self._calls or now - self._heard_at < QUIET_S:
            return News()
        if self._pinged_at is None:
            self._pinged_at = now
            return News(outgoing=_pack(wire.Ping()))
        if now - self._pinged_at < QUIET_S:
            return News()
        return News(lost=f"the gateway has given no sign of life for {now - self._heard_at:.0f} s")

    def lose(self, reason: str) -> list[Call]:
        """The connection is gone: the calls that fail with it."""
        self._lost = reason
        calls = list(self._calls.values())
        self._calls.clear()
        for call in calls:
            call.fail(errors.ConnectionLostError(reason, billed_maybe=call.dispatched))
        return calls


def _pack(frame: wire.Frame, number: int | None = None) -> bytes:
    return sp.frame(framing.encode(frame, number))
