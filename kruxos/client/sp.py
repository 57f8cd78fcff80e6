"""The scalability protocols' framing over Unix sockets, as nng speaks it: eight bytes of greeting, nine of framing.

No I/O: bytes in, messages out. It is all that a client needs of nng, so agents load no C library with threads of its
own, and may fork. Sources: nanomsg's RFCs sp-protocol-ids-01, sp-request-reply-01 and the transport mapping for ipc;
checked against nng in tests/transport.

    greeting   00 'S' 'P' 00, protocol of the sender (2 bytes, big end first), 00 00
    message    01, length (8 bytes, big end first), that many bytes
    REQ, REP   the first 4 bytes of a message are its request id, highest bit set; a reply repeats them
"""

from __future__ import annotations

import struct
from enum import IntEnum

_GREETING = struct.Struct(">4sHH")
_MAGIC = b"\0SP\0"
_HEAD = struct.Struct(">BQ")
_MESSAGE = 1
_REQUEST_ID_BYTES = 4
_HIGH_BIT = 0x8000_0000


class Protocol(IntEnum):
    """The numbers by which the two ends know each other."""

    PAIR0 = 0x10
    REQ0 = 0x30
    REP0 = 0x31


_PARTNER = {Protocol.PAIR0: Protocol.PAIR0, Protocol.REQ0: Protocol.REP0, Protocol.REP0: Protocol.REQ0}


class SpError(Exception):
    """What came is not what the protocol says; the connection cannot go on."""


def greeting(protocol: Protocol) -> bytes:
    """The first bytes of a connection."""
    return _GREETING.pack(_MAGIC, protocol, 0)


def frame(message: bytes) -> bytes:
    """A message as it travels."""
    return _HEAD.pack(_MESSAGE, len(message)) + message


class Decoder:
    """Takes a connection's bytes, cut anywhere, and gives whole messages.

    ``message_bytes_max`` bounds a message and with it the buffer. Raises ``SpError``; after that it is of no use.
    """

    __slots__ = ("_buffer", "_greeted", "_message_bytes_max", "_partner")

    def __init__(self, protocol: Protocol, *, message_bytes_max: int) -> None:
        self._partner = _PARTNER[protocol]
        self._message_bytes_max = message_bytes_max
        self._buffer = bytearray()
        self._greeted = False

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now."""
        buffer = self._buffer
        buffer += data
        if not self._greeted:
            if len(buffer) < _GREETING.size:
                return []
            self._greet(bytes(buffer[: _GREETING.size]))
            del buffer[: _GREETING.size]
        messages: list[bytes] = []
        at = 0
        with memoryview(buffer) as view:
            while (end := self._end_of_message(view, at)) is not None:
                messages.append(view[at + _HEAD.size : end].tobytes())
                at = end
        if at:
            del buffer[:at]
        return messages

    def _greet(self, data: bytes) -> None:
        magic, protocol, rest = _GREETING.unpack(data)
        if magic != _MAGIC or rest != 0:
            raise SpError("it does not speak the gateway's protocol")
        if protocol != self._partner:
            raise SpError(f"it speaks protocol {protocol:#x}, not {self._partner:#x}")
        self._greeted = True

    def _end_of_message(self, view: memoryview, at: int) -> int | None:
        if len(view) - at < _HEAD.size:
            return None
        mark, length = _HEAD.unpack_from(view, at)
        if mark != _MESSAGE:
            raise SpError("its framing is broken")
        if length > self._message_bytes_max:
            raise SpError(f"it announced a message of {length} bytes, the cap is {self._message_bytes_max}")
        end = at + _HEAD.size + length
        return end if end <= len(view) else None


class Exchange:
    """One question and its answer on a connection of its own: send ``outgoing``, feed what comes."""

    __slots__ = ("_decoder", "_id", "outgoing")

    def __init__(self, question: bytes, *, number: int = 1, message_bytes_max: int) -> None:
        self._id = request_id(number)
        self._decoder = Decoder(Protocol.REQ0, message_bytes_max=message_bytes_max)
        self.outgoing = greeting(Protocol.REQ0) + frame(self._id + question)

    def feed(self, data: bytes) -> bytes | None:
        """The answer, once it is whole. Raises ``SpError``."""
        for message in self._decoder.feed(data):
            if message.startswith(self._id):
                return message[_REQUEST_ID_BYTES:]
        return None


def request_id(number: int) -> bytes:
    """The header of the ``number``-th request: its highest bit says that no further hop follows."""
    return (number & ~_HIGH_BIT | _HIGH_BIT).to_bytes(_REQUEST_ID_BYTES, "big")
