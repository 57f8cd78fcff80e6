"""The protocol's bytes without a client: for those who break it, and for all that a client is sent."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from kruxos import framing, wire
from kruxos.client import sp
from kruxos.client.sockets import ask
from kruxos.errors import GatewayUnreachableError
from kruxos.paths import agent_socket

ANSWER_WITHIN_S = 10.0
MESSAGE_BYTES_MAX = 64 * 1024 * 1024


def at_door(root: Path, question: bytes) -> bytes | None:
    """What the agents' door answers; None where it hangs up."""
    try:
        return ask(str(agent_socket(root)), question, timeout_s=ANSWER_WITHIN_S)
    except GatewayUnreachableError:
        return None


def error_code(answer: bytes | None) -> str:
    """The code of an error frame; ``closed`` for none, the frame's kind for another."""
    if answer is None:
        return "closed"
    frame = framing.decode_message(answer)[-1]
    return str(frame.error["code"]) if isinstance(frame, wire.Error) else frame.kind


def dial(path: str) -> socket.socket:
    """A connection to a Unix socket."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(ANSWER_WITHIN_S)
    connection.connect(path)
    return connection


@dataclass
class RawSession:
    """A session by hand; ``received`` keeps every byte that came."""

    root: Path
    agent: str = "raw"
    received: bytearray = field(default_factory=bytearray)
    closed: bool = False
    hangs_up: bool = True
    """Whether it goes, as clients do, once it is told why the session is over."""
    _over: bool = False

    def __post_init__(self) -> None:
        answer = at_door(self.root, framing.encode(wire.Hello(package="raw", agent=self.agent)))
        assert answer is not None
        (welcome,) = framing.decode_message(answer)
        assert isinstance(welcome, wire.Welcome), error_code(answer)
        self._decoder = sp.Decoder(sp.Protocol.PAIR0, message_bytes_max=MESSAGE_BYTES_MAX)
        self._frames: list[wire.Frame] = []
        self._socket = dial(welcome.session.removeprefix("ipc://"))
        self._socket.sendall(sp.greeting(sp.Protocol.PAIR0))

    def send(self, *frames: wire.Frame) -> None:
        """Sends frames as one message."""
        self.send_message(framing.encode_message(frames))

    def send_message(self, message: bytes) -> None:
        """Sends any bytes as a message."""
        self.send_bytes(sp.frame(message))

    def send_bytes(self, data: bytes) -> None:
        """Sends any bytes."""
        with suppress(OSError):  # what came before the gateway closed is still to be read
            self._socket.sendall(data)

    def next_frame(self) -> wire.Frame | None:
        """The next frame; None once the gateway has closed."""
        while not self._frames:
            if self._over:
                self.close()
            try:
                data = b"" if self.closed else self._socket.recv(1 << 18)
            except ConnectionError:
                data = b""
            if not data:
                self.closed = True
                return None
            self.received += data
            for message in self._decoder.feed(data):
                self._frames += framing.decode_message(message)
        frame = self._frames.pop(0)
        self._over = self.hangs_up and isinstance(frame, wire.Error) and frame.id == 0
        return frame

    def last_frame(self, number: int) -> wire.End | wire.Error | None:
        """Reads on to the end of a call; None where the session ends before."""
        while (frame := self.next_frame()) is not None:
            if isinstance(frame, (wire.End, wire.Error)) and frame.id == number:
                return frame
        return None

    def codes_to_end(self) -> list[str]:
        """The codes of all errors that still come before the gateway closes."""
        codes: list[str] = []
        while (frame := self.next_frame()) is not None:
            if isinstance(frame, wire.Error):
                codes.append(str(frame.error["code"]))
        return codes

    def close(self) -> None:
        """Hangs up."""
        self.closed = True
        self._socket.close()


def rss_bytes(pid: int) -> int:
    """The memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
