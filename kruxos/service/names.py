"""Names of providers' hosts, looked up for workers: these have no resolver in their cage.

A name is looked up once for all who ask at the same time, on a thread, and remembered (``kruxos.cores.names``). Who may
ask for which name is the fleet's business.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

import trio

from kruxos.cores.names import Found, Name, NameCache

LOOKUP_WITHIN_S = 10.0
LOOKUPS_MAX = 16
"""Threads that wait for the system's resolver at most; one that hangs keeps its place until the resolver gives up."""

LookUp = Callable[[str, int], Awaitable[Found]]
Tell = Callable[[Found], None]


class Names:
    """``ask`` may be called at any time from the supervisor's thread; ``nursery`` is where look-ups run."""

    def __init__(self, nursery: trio.Nursery, look_up: LookUp | None = None) -> None:
        self._nursery = nursery
        self._look_up = look_up or SystemResolver()
        self._cache = NameCache()
        self._asking: dict[Name, list[Tell]] = {}

    def ask(self, host: str, port: int, tell: Tell) -> None:
        """Tells the addresses: before this returns where they are known, else later. ``tell`` must not raise."""
        name = (host, port)
        known = self._cache.known(name, trio.current_time())
        if known is not None:
            tell(known)
        elif name in self._asking:
            self._asking[name].append(tell)
        else:
            self._asking[name] = [tell]
            self._nursery.start_soon(self._run, name)

    async def _run(self, name: Name) -> None:
        found = Found(reason="the system's resolver took too long", passing=True)
        with trio.move_on_after(LOOKUP_WITHIN_S):
            found = await self._look_up(*name)
        found = self._cache.learned(name, found, trio.current_time())
        for tell in self._asking.pop(name):
            tell(found)


class SystemResolver:
    """The system's own resolver, on threads that are left behind when nobody waits any more."""

    def __init__(self) -> None:
        self._threads = trio.CapacityLimiter(LOOKUPS_MAX)

    async def __call__(self, host: str, port: int) -> Found:
        """What ``host`` has now."""
        return await trio.to_thread.run_sync(_resolve, host, port, abandon_on_cancel=True, limiter=self._threads)


def _resolve(host: str, port: int) -> Found:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        passing = error.errno in (socket.EAI_AGAIN, socket.EAI_SYSTEM, socket.EAI_MEMORY)
        return Found(reason=(error.strerror or "no address").lower(), passing=passing)
    except (OSError, UnicodeError) as error:
        return Found(reason=type(error).__name__)
    return Found(tuple(dict.fromkeys(str(address[0]) for *_, address in rows)))
