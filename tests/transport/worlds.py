"""Three worlds that the conformance suite runs in: memory; nng met by pynng; nng met by our own client's bytes.

A world has a transport and the far side: ``connect`` asks at a door, ``dial`` opens a session, both as the process
``me``; a stranger is another process. ``lost()`` of a connection waits until the other end has closed it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import pynng
import trio

from kruxos.client import sp
from kruxos.transport import Peer, PeerGoneError, Transport
from kruxos.transport.memory import MemoryCaller, MemoryDialler, MemoryTransport
from kruxos.transport.nng import NngTransport

BYTES_MAX = 64 * 1024 * 1024


class Connection(Protocol):
    async def send(self, data: bytes) -> None: ...
    async def receive(self) -> bytes: ...
    async def lost(self) -> None: ...
    def close(self) -> None: ...


class World(Protocol):
    """``directory`` takes sockets; a path of a door is ``{directory}/door.sock``."""

    me: Peer
    directory: str

    @property
    def transport(self) -> Transport: ...

    async def connect(self, path: str) -> Connection: ...
    async def dial(self, address: str) -> Connection: ...
    async def stranger_is_let_in(self, address: str) -> bool: ...


class MemoryWorld:
    def __init__(self, nursery: trio.Nursery, directory: str) -> None:
        del nursery
        self.me = Peer(1000, 42)
        self.directory = directory
        self.transport = self._memory = MemoryTransport()

    async def connect(self, path: str) -> Connection:
        return _Memory(self._memory.connect(path, self.me))

    async def dial(self, address: str) -> Connection:
        return _Memory(self._memory.dial(address, self.me))

    async def stranger_is_let_in(self, address: str) -> bool:
        try:
            self._memory.dial(address, Peer(1000, 43))
        except ConnectionRefusedError:
            return False
        return True


class _Memory:
    def __init__(self, end: MemoryCaller | MemoryDialler) -> None:
        self._end = end
        self.receive = end.receive
        self.close = end.close

    async def send(self, data: bytes) -> None:
        try:
            await self._end.send(data)
        except PeerGoneError:
            raise trio.BrokenResourceError from None

    async def lost(self) -> None:
        try:
            while True:
                await self._end.receive()
        except (PeerGoneError, trio.ClosedResourceError):
            return


class _NngWorld:
    def __init__(self, nursery: trio.Nursery, directory: str) -> None:
        self.me = Peer(os.getuid(), os.getpid())
        self.directory = directory
        self.transport = NngTransport(nursery)

    async def stranger_is_let_in(self, address: str) -> bool:
        script = (
            "import socket, sys\n"
            "connection = socket.socket(socket.AF_UNIX)\n"
            "try:\n"
            "    connection.connect(sys.argv[1])\n"
            "    connection.sendall(bytes.fromhex('0053500000100000'))\n"
            "    print(len(connection.recv(8)) + len(connection.recv(1)))\n"
            "except (ConnectionError, FileNotFoundError):\n"
            "    print('refused')\n"
        )
        path = address.removeprefix("ipc://")
        done = await trio.run_process([sys.executable, "-I", "-c", script, path], capture_stdout=True)
        return done.stdout.strip() not in (b"8", b"refused")  # greeted, then hung up


class PynngWorld(_NngWorld):
    """nng's own binding on the far side."""

    async def connect(self, path: str) -> Connection:
        return _Pynng(pynng.Req0(resend_time=-1, recv_max_size=BYTES_MAX), f"ipc://{path}")

    async def dial(self, address: str) -> Connection:
        return _Pynng(pynng.Pair0(recv_max_size=BYTES_MAX), address)


class _Pynng:
    def __init__(self, socket: pynng.Socket, address: str) -> None:
        self._socket = socket
        self._lost = trio.Event()
        token = trio.lowlevel.current_trio_token()

        def removed(_: object) -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(self._lost.set)

        socket.add_post_pipe_remove_cb(removed)
        try:
            socket.dial(address, block=True)
        except pynng.NNGException as error:
            socket.close()
            raise ConnectionRefusedError(str(error)) from None

    async def send(self, data: bytes) -> None:
        await self._socket.asend(data)

    async def receive(self) -> bytes:
        return await self._socket.arecv()

    async def lost(self) -> None:
        async def drain() -> None:  # nng sees the other end's leaving behind what that had said
            while isinstance(self._socket, pynng.Pair0):
                await self._socket.arecv()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(drain)
            await self._lost.wait()
            nursery.cancel_scope.cancel()

    def close(self) -> None:
        self._socket.close()


class SpWorld(_NngWorld):
    """Our client's bytes on the far side."""

    async def connect(self, path: str) -> Connection:
        return await _Sp.dial(path, sp.Protocol.REQ0)

    async def dial(self, address: str) -> Connection:
        return await _Sp.dial(address.removeprefix("ipc://"), sp.Protocol.PAIR0)


class _Sp:
    def __init__(self, stream: trio.SocketStream, protocol: sp.Protocol) -> None:
        self._stream = stream
        self._is_request = protocol is sp.Protocol.REQ0
        self._decoder = sp.Decoder(protocol, message_bytes_max=BYTES_MAX)
        self._messages: list[bytes] = []
        self._sent = 0

    @classmethod
    async def dial(cls, path: str, protocol: sp.Protocol) -> _Sp:
        try:
            stream = await trio.open_unix_socket(path)
        except OSError as error:
            raise ConnectionRefusedError(str(error)) from None
        await stream.send_all(sp.greeting(protocol))
        return cls(stream, protocol)

    async def send(self, data: bytes) -> None:
        self._sent += 1
        await self._stream.send_all(sp.frame((sp.request_id(self._sent) if self._is_request else b"") + data))

    async def receive(self) -> bytes:
        while not self._messages:
            data = await self._stream.receive_some()
            if not data:
                raise PeerGoneError
            self._messages += self._decoder.feed(data)
        message = self._messages.pop(0)
        return message[4:] if self._is_request else message

    async def lost(self) -> None:
        try:
            while await self._stream.receive_some():
                pass
        except trio.BrokenResourceError:
            return

    def close(self) -> None:
        self._stream.socket.close()


WORLDS: dict[str, Callable[[trio.Nursery, str], World]] = {
    "memory": MemoryWorld,
    "pynng": PynngWorld,
    "our client's bytes": SpWorld,
}
