"""The simulator as a server: a listener on loopback, and the life of its connections.

    async with Simulator(Settings(timing=FAST)).running(nursery) as base_url: ...

serves inside a trio program; ``kruxos simulate`` serves as a process of its own.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import trio

from .connection import Connection
from .journal import Recorded
from .settings import Settings
from .world import World, read_faults


class Simulator:
    """One simulator. ``clock`` gives Unix seconds; models retire and limits refill by it.

    Raises ``BadRequestError`` where the settings name a fault that is none.
    """

    def __init__(self, settings: Settings | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings or Settings()
        self._world = World(self.settings)
        self._clock = clock
        self._room = trio.CapacityLimiter(self.settings.connections_max)

    def fault(self, *texts: str) -> None:
        """These faults are on for all requests from now on, in place of those before; none: all is well again."""
        self._world.switches.switch(read_faults(list(texts)))

    def requests(self) -> list[Recorded]:
        """What was asked lately, oldest first."""
        return self._world.journal.all()

    def reset(self) -> None:
        """As at the start."""
        self._world.reset()

    @asynccontextmanager
    async def running(self, nursery: trio.Nursery) -> AsyncGenerator[str]:
        """Serves in the background of a nursery while the block runs; gives the base URL. Raises ``OSError``."""
        scope = trio.CancelScope()
        url: str = await nursery.start(self._serve_in, scope)
        try:
            yield url
        finally:
            scope.cancel()

    async def _serve_in(
        self, scope: trio.CancelScope, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
    ) -> None:
        with scope:
            await self.serve(task_status=task_status)

    async def serve(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Serves until it is cancelled; ``task_status`` gets the base URL. Raises ``OSError`` for a taken port."""
        listeners = await trio.open_tcp_listeners(self.settings.port, host=self.settings.host)
        async with trio.open_nursery() as connections:
            task_status.started(base_url(listeners))
            await trio.serve_listeners(self._handle, listeners, handler_nursery=connections)

    async def _handle(self, stream: trio.SocketStream) -> None:
        try:
            self._room.acquire_on_behalf_of_nowait(stream)
        except trio.WouldBlock:
            return  # no room: the client sees its connection closed, and may try again
        try:
            await Connection(stream.socket, self._world, self._clock).serve()
        finally:
            self._room.release_on_behalf_of(stream)


def base_url(listeners: list[trio.SocketListener]) -> str:
    """The address that clients use; the providers' own paths follow it."""
    host, port = listeners[0].socket.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
