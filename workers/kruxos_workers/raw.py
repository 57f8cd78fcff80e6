"""The provider's own bytes for an agent that speaks its protocol, cut where events end. Pure."""

from __future__ import annotations

from kruxos import wire
from kruxos.dialects.base import Decoder
from kruxos.errors import ProviderProtocolError, StreamInterruptedError
from kruxos.events import Raw
from kruxos.messages import Request

_BOUNDARIES = (b"\n\n", b"\r\n\r\n", b"\r\r")
_BROKEN = (ProviderProtocolError, StreamInterruptedError)


def wants_raw(request: Request, dialect: str, *, content_type: str, stream: bool) -> bool:
    """Whether the answer goes out in its own bytes: asked for in this protocol, and in the form that was asked for."""
    if not request.raw_events or request.native is None or request.native.dialect != dialect:
        return False
    return content_type.startswith("text/event-stream") == stream


class RawBytes:
    """One answer's bytes. What is not a whole event yet is held, so that an answer that breaks off ends with one."""

    def __init__(self, *, stream: bool) -> None:
        self._stream = stream
        self._held = bytearray()

    def take(self, data: bytes, decoder: Decoder) -> list[Raw]:
        """The bytes that may leave, now that the decoder has read them too."""
        self._held += data
        if not self._stream or isinstance(decoder.error, _BROKEN):
            return []
        end = max(self._held.rfind(mark) + len(mark) if mark in self._held else 0 for mark in _BOUNDARIES)
        return self._cut(end, is_last=decoder.ending is not None or decoder.error is not None)

    def finish(self, decoder: Decoder) -> list[Raw]:
        """The rest, once the decoder has finished and the answer is whole."""
        return self._cut(len(self._held), is_last=True) if decoder.ending is not None else []

    def _cut(self, end: int, *, is_last: bool) -> list[Raw]:
        data = bytes(self._held[:end])
        del self._held[:end]
        step = wire.EVENT_BYTES_AIM
        return [
            Raw(data[at : at + step], is_last=is_last and at + step >= len(data)) for at in range(0, len(data), step)
        ]
