r"""A network in memory that follows a script: for tests of whatever speaks HTTP.

A script says what one connection does: bytes in any pieces, an end, a reset, waiting, and where a request must come
first. One ``receive_some`` gets one piece.

    network = ScriptedNetwork([Script([b"HTTP/1.1 200 OK\r\n", Wait(event), b"...", RESET])])
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, Literal, TypeAlias

import trio

from kruxos.errors import KruxosError, ProviderUnreachableError

from .network import Stream, StreamReset, StreamTruncated


class Happening(Enum):
    """What can happen beside bytes."""

    END = auto()
    """The peer closes; so it goes on to the end of the script."""
    RESET = auto()
    CUT = auto()
    """TLS ends without its closing message."""
    REQUEST = auto()
    """Nothing more comes before the next request."""


END: Final = Happening.END
RESET: Final = Happening.RESET
CUT: Final = Happening.CUT
REQUEST: Final = Happening.REQUEST


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing comes until the event is set; one that nobody sets is a silent peer."""

    event: trio.Event = field(default_factory=trio.Event)


Step: TypeAlias = bytes | Happening | Wait


@dataclass(frozen=True, slots=True)
class Script:
    """One connection: its steps, and where sending, TLS or connecting fail.

    ``send_breaks_at``: a reset after so many bytes were sent; ``send_blocks_at``: sending stops there and waits.
    """

    steps: Sequence[Step] = ()
    connect_error: KruxosError | None = None
    connect_wait: Wait | None = None
    tls_error: KruxosError | None = None
    tls_wait: Wait | None = None
    send_breaks_at: int | None = None
    send_blocks_at: int | None = None


class ScriptedStream:
    """One scripted connection. ``sent`` is what it was given; ``closed`` how it was closed, if it was."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._steps = list(script.steps)
        self.sent = bytearray()
        self.secured_for: list[str] = []
        self.closed: Literal["close", "abort"] | None = None

    async def send_all(self, data: bytes) -> None:
        """Take the bytes, up to where the script lets them."""
        self._require_open()
        if self._steps[:1] == [REQUEST]:
            del self._steps[0]
        breaks_at, blocks_at = self._script.send_breaks_at, self._script.send_blocks_at
        end = min(at for at in (breaks_at, blocks_at, len(self.sent) + len(data)) if at is not None)
        whole = end >= len(self.sent) + len(data)
        self.sent += data[: max(0, end - len(self.sent))]
        if not whole and end == blocks_at:
            await trio.sleep_forever()
        if not whole:
            raise StreamReset("connection reset by peer")

    async def receive_some(self) -> bytes:
        """The next piece of the script."""
        while True:
            await trio.lowlevel.checkpoint()
            self._require_open()
            step = self._steps[0] if self._steps else END
            if step is END or step is RESET:  # and for ever
                return _delivered(step)
            if step is REQUEST:
                await trio.sleep_forever()
            if isinstance(step, Wait):
                await step.event.wait()
            del self._steps[0]
            if not isinstance(step, Wait):
                return _delivered(step)

    async def start_tls(self, context: ssl.SSLContext, hostname: str) -> Stream:
        """No encryption: the same stream, which remembers the name."""
        assert context.check_hostname, "a client checks whom it speaks to"
        if self._script.tls_wait is not None:
            await self._script.tls_wait.event.wait()
        await trio.lowlevel.checkpoint()
        if self._script.tls_error is not None:
            self.abort()
            raise self._script.tls_error
        self.secured_for.append(hostname)
        return self

    def is_readable(self) -> bool:
        """Whether the next step is there without waiting."""
        return not self._steps or not (self._steps[0] is REQUEST or isinstance(self._steps[0], Wait))

    def close(self) -> None:
        """Remember it."""
        self.closed = self.closed or "close"

    def abort(self) -> None:
        """Remember it."""
        self.closed = self.closed or "abort"

    def _require_open(self) -> None:
        if self.closed is not None:
            raise StreamReset("closed on our side meanwhile")


class ScriptedNetwork:
    """Gives each new connection the next script. ``asked`` is whom it was to connect to; ``streams`` what it opened."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        self._scripts = list(scripts)
        self.asked: list[tuple[str, int]] = []
        self.streams: list[ScriptedStream] = []

    async def connect_tcp(self, host: str, port: int) -> Stream:
        """Open a connection by the next script; where there is none left, nobody answers."""
        self.asked.append((host, port))
        script = self._scripts.pop(0) if self._scripts else Script(connect_error=ProviderUnreachableError("no script"))
        await trio.lowlevel.checkpoint()
        if script.connect_wait is not None:
            await script.connect_wait.event.wait()
        if script.connect_error is not None:
            raise script.connect_error
        stream = ScriptedStream(script)
        self.streams.append(stream)
        return stream


def _delivered(step: bytes | Happening) -> bytes:
    if step is RESET:
        raise StreamReset("connection reset by peer")
    if step is CUT:
        raise StreamTruncated("TLS ended without its closing message")
    return step if isinstance(step, bytes) else b""
