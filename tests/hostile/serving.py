"""All hostile providers at once: a listener for each, in a thread of their own."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from tests.hostile.behaviours import Hostile, behaviours, good
from tests.workers.http.helpers import Handler


@dataclass
class Providers:
    """What runs. ``visitors``: how often somebody came where nobody may."""

    by_name: dict[str, Hostile] = field(default_factory=dict[str, Hostile])
    ports: dict[str, int] = field(default_factory=dict[str, int])
    visitors: list[bytes] = field(default_factory=list[bytes])
    spent: set[str] = field(default_factory=set[str])
    """Those that have had their first request, and are good from now on."""


@contextmanager
def providers() -> Generator[Providers]:
    """They listen for the length of the block."""
    made, up = Providers(), threading.Event()
    token: list[trio.lowlevel.TrioToken] = []
    scope = trio.CancelScope()

    async def main() -> None:
        token.append(trio.lowlevel.current_trio_token())
        with scope:
            await _serve(made, up)

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    assert up.wait(10.0)
    try:
        yield made
    finally:
        token[0].run_sync_soon(scope.cancel)
        thread.join()


async def _serve(made: Providers, up: threading.Event) -> None:
    async with trio.open_nursery() as nursery:

        async def visited(stream: trio.SocketStream) -> None:
            made.visitors.append(bytes(await stream.receive_some()))

        async def listen(handler: Handler) -> int:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, handler, [listener])
            return int(listener.socket.getsockname()[1])

        elsewhere = f"http://127.0.0.1:{await listen(visited)}/x"
        made.by_name = behaviours(elsewhere)
        for name, hostile in made.by_name.items():
            made.ports[name] = await listen(_handler(made, name, hostile))
        up.set()


def _handler(made: Providers, name: str, hostile: Hostile) -> Handler:
    async def handle(stream: trio.SocketStream) -> None:
        behave = good if name in made.spent else hostile.behave
        made.spent.add(name)
        try:
            async with stream:
                await behave(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError, ConnectionError):
            return  # the worker has had enough

    return handle
