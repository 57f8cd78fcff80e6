"""Opening TCP connections: names to addresses, and the race between addresses (RFC 8305)."""

from __future__ import annotations

import ipaddress
import itertools
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import trio

from kruxos.errors import ProviderUnreachableError

from .network import Stream
from .sockets import SocketStream

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""``(host, port)`` to IP addresses, the preferred first. Raises ``OSError`` where there are none."""

NEXT_ADDRESS_AFTER_S = 0.25
"""How long an address is tried alone before the next one joins in."""
ADDRESSES_MAX = 16

# Keep-alive finds a dead peer within 45 + 4 * 10 s; names that a system lacks are left out.
_OPTIONS = [
    (level, getattr(socket, name), value)
    for level, name, value in (
        (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 45),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 10),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 4),
    )
    if hasattr(socket, name)
]


async def resolve_here(host: str, port: int) -> list[str]:
    """Ask this process's own resolver. A caged worker cannot: it is given a ``Resolve`` that asks the supervisor."""
    found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class TrioNetwork:
    """The real network. See ``network.Network``."""

    def __init__(self, resolve: Resolve = resolve_here) -> None:
        self._resolve = resolve

    async def connect_tcp(self, host: str, port: int) -> Stream:
        """Race the host's addresses; the first that connects wins, the others are closed."""
        addresses = await self._addresses(host, port)
        try:
            return SocketStream(await first_to_connect(addresses, port))
        except OSError as error:
            why = (error.strerror or type(error).__name__).lower()
            raise ProviderUnreachableError(f"no connection to {host} port {port}: {why}") from None

    async def _addresses(self, host: str, port: int) -> list[str]:
        if is_address(host):
            return [host]
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError):
            found = list[str]()
        addresses = families_in_turn([address for address in dict.fromkeys(found) if is_address(address)])
        if not addresses:
            raise ProviderUnreachableError(f"the host name {host} has no address")
        return addresses[:ADDRESSES_MAX]


def is_address(host: str) -> bool:
    """Whether it is an IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def families_in_turn(addresses: Sequence[str]) -> list[str]:
    """The same addresses, IPv6 and IPv4 in turn, beginning with the family of the first."""
    first_is_v6 = bool(addresses) and ":" in addresses[0]
    same = [address for address in addresses if (":" in address) == first_is_v6]
    other = [address for address in addresses if (":" in address) != first_is_v6]
    pairs = itertools.zip_longest(same, other)
    return [address for pair in pairs for address in pair if address is not None]


async def first_to_connect(addresses: Sequence[str], port: int) -> socket.socket:
    """The socket of the address that answers first. Raises the last ``OSError`` where none does."""
    if len(addresses) == 1:
        return await _connect(addresses[0], port)
    race = _Race(port)
    try:
        await race.run(addresses)
    except BaseException:
        race.give_up()
        raise
    return race.result()


class _Race:
    """Each address starts when the one before has failed, or has taken too long; the first to connect ends it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._winner: socket.socket | None = None
        self._error = OSError()

    async def run(self, addresses: Sequence[str]) -> None:
        async with trio.open_nursery() as nursery:
            for address in addresses:
                failed = trio.Event()
                nursery.start_soon(self._enter, address, failed, nursery.cancel_scope)
                with trio.move_on_after(NEXT_ADDRESS_AFTER_S):
                    await failed.wait()

    def result(self) -> socket.socket:
        if self._winner is None:
            raise self._error
        return self._winner

    def give_up(self) -> None:
        if self._winner is not None:
            self._winner.close()

    async def _enter(self, address: str, failed: trio.Event, others: trio.CancelScope) -> None:
        try:
            connected = await _connect(address, self._port)
        except OSError as error:
            self._error = error
            failed.set()
            return
        others.cancel()
        if self._winner is None:
            self._winner = connected
        else:
            connected.close()


async def _connect(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connecting = socket.socket(family, socket.SOCK_STREAM)
    try:
        connecting.setblocking(False)  # noqa: FBT003 - its only signature
        for option in _OPTIONS:
            connecting.setsockopt(*option)
        await _finish_connect(connecting, (address, port))
    except BaseException:
        trio.lowlevel.notify_closing(connecting)
        connecting.close()
        raise
    return connecting


async def _finish_connect(connecting: socket.socket, address: tuple[str, int]) -> None:
    try:
        connecting.connect(address)
    except BlockingIOError:
        await trio.lowlevel.wait_writable(connecting)
        code = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code)) from None
