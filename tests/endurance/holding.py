"""A provider that stops where it is told to, in a thread of its own: before the first byte, within the stream, unread.

What the prompt says decides: ``hold-first`` and ``hold-middle`` for ever, ``-while`` behind them for two seconds. It
tells when it has come to that point. A sink reads one byte of what is sent to it, and never more.
"""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import h11
import trio

from tests.hostile.behaviours import BARE_SSE, END, GOOD_STREAM, delta
from tests.service.running import WITHIN_S
from tests.workers.http.helpers import read_request

WHILE_S = 2.0
_GONE = (trio.BrokenResourceError, trio.ClosedResourceError, ConnectionError, h11.RemoteProtocolError)
"""How the end of a worker shows here."""
_HOLD = re.compile(rb"hold-(first|middle)(-while)? as ([a-z0-9-]+)\.")


@dataclass
class Holding:
    """What runs. ``arrived``: for each caller that names itself, and each sink, when a request is where it is held."""

    port: int = 0
    sinks: dict[str, int] = field(default_factory=dict[str, int])
    arrived: dict[str, queue.Queue[None]] = field(default_factory=dict[str, "queue.Queue[None]"])

    def wait(self, name: str) -> None:
        """Waits until a request of this caller is held."""
        try:
            self.arrived[name].get(timeout=WITHIN_S)
        except queue.Empty:
            raise AssertionError(f"no request of {name} came") from None


def prompt(name: str, where: str, *, for_ever: bool) -> str:
    """What a caller says to be held ``where``: first, middle."""
    return f"hold-{where}{'' if for_ever else '-while'} as {name}."


@contextmanager
def holding(callers: tuple[str, ...], sinks: tuple[str, ...]) -> Generator[Holding]:
    """It listens for the length of the block."""
    made = Holding(arrived={name: queue.Queue() for name in (*callers, *sinks)})
    up, scope, token = threading.Event(), trio.CancelScope(), list[trio.lowlevel.TrioToken]()

    async def main() -> None:
        token.append(trio.lowlevel.current_trio_token())
        with scope:
            await _serve(made, sinks, up)

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    assert up.wait(WITHIN_S)
    try:
        yield made
    finally:
        token[0].run_sync_soon(scope.cancel)
        thread.join()


async def _serve(made: Holding, sinks: tuple[str, ...], up: threading.Event) -> None:
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        made.port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, _Answering(made), listeners)
        for name in sinks:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            made.sinks[name] = listeners[0].socket.getsockname()[1]
            nursery.start_soon(trio.serve_listeners, _Sink(made, name), listeners)
        up.set()


@dataclass
class _Answering:
    made: Holding

    async def __call__(self, stream: trio.SocketStream) -> None:
        try:
            while request := await read_request(stream):
                await self._answer(stream, _HOLD.search(request))
        except _GONE:
            return

    async def _answer(self, stream: trio.SocketStream, hold: re.Match[bytes] | None) -> None:
        if hold is None:
            await stream.send_all(GOOD_STREAM)
            return
        if hold[1] == b"middle":
            await stream.send_all(BARE_SSE + delta("half"))
        self.made.arrived[hold[3].decode()].put(None)
        if hold[2] is None:
            await _wait_end(stream)
            return
        await trio.sleep(WHILE_S)
        await stream.send_all(delta("whole") + END if hold[1] == b"middle" else BARE_SSE + delta("whole") + END)
        await stream.aclose()


async def _wait_end(stream: trio.SocketStream) -> None:
    while await stream.receive_some():
        pass


@dataclass
class _Sink:
    made: Holding
    name: str
    before: trio.SocketStream | None = None

    async def __call__(self, stream: trio.SocketStream) -> None:
        if self.before is not None:
            await self.before.aclose()
        self.before = stream
        try:
            if await stream.receive_some(1):
                self.made.arrived[self.name].put(None)
        except _GONE:
            return
        await trio.sleep_forever()
