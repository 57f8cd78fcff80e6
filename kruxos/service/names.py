"""Names of providers' hosts, looked up for workers: these have no resolver in their cage.

A name is looked up once for all who ask at the same time, on a thread, and remembered (``kruxos.cores.names``).
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from functools import partial

import trio

from kruxos import wire
from kruxos.cores.names import Found, Name, NameCache
from kruxos.link import Link
from kruxos.service.journal import LOG

LOOKUP_WITHIN_S = 10.0
LOOKUPS_MAX = 16
"""Threads that wait for the system's resolver at most; one that hangs keeps its place until the resolver gives up."""

QUESTIONS_MAX = 64
"""Names that one worker may be waiting for at once."""

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


class Asker:
    """One worker's questions. It is told the names that models.yaml sends it to, and no others.

    What is asked leaves this machine by DNS, so a captured worker could send out what it knows as a name.
    """

    def __init__(self, provider: str, names: Names, own: frozenset[Name], link: Link) -> None:
        self._provider, self._names, self._own, self._link = provider, names, own, link
        self._waiting = 0
        self._warned = False

    def ask(self, question: wire.Resolve) -> None:
        """Answers over the worker's link, now or later; not at all once that is closed."""
        if (question.host, question.port) not in self._own:
            self._warn()
            self._answer(question.id, Found(reason="not a name of this provider"))
        elif self._waiting >= QUESTIONS_MAX:
            self._answer(question.id, Found(reason="too many questions at once"))
        else:
            self._waiting += 1
            self._names.ask(question.host, question.port, partial(self._found, question.id))

    def _found(self, number: int, found: Found) -> None:
        self._waiting -= 1
        self._answer(number, found)

    def _answer(self, number: int, found: Found) -> None:
        if not self._link.closed:
            self._link.send(wire.Resolved(id=number, addresses=list(found.addresses), reason=found.reason))

    def _warn(self) -> None:
        """Once: a captured worker does not fill the log."""
        if not self._warned:
            self._warned = True
            LOG.warning("provider %s: its worker asked for a name that is not its own", self._provider)


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
