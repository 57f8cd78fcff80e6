"""The two encodings of frames. No I/O.

A message (nng, both directions) is one or more frames joined. A link (the socketpair to a worker) is a byte stream of
frames, each after its length as four bytes, big end first.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields
from typing import Any, cast

import msgpack
import msgpack.exceptions

from kruxos import wire
from kruxos.errors import BadRequestError, TooLargeError
from kruxos.fields import Fields

_LENGTH = struct.Struct(">I")
_NIL = b"\xc0"
_BIN32 = struct.Struct(">BI")
_BIN32_TAG = 0xC6
_EMPTY_BIN = b"\xc4\x00"
_PACKER = msgpack.Packer()
_KEPT_BYTES_MAX = 64 * 1024
"""A packer keeps a buffer as long as its longest frame: one that lives as long as the process packs short ones."""

_CAPS: dict[str, Any] = {
    "max_str_len": wire.HEADER_BYTES_MAX, "max_bin_len": wire.MESSAGE_BYTES_MAX, "max_array_len": 100_000,
    "max_map_len": 100_000, "max_ext_len": 0, "strict_map_key": True,
}  # fmt: skip

_READERS: dict[str, Callable[[Fields, str], Any]] = {
    "str": lambda source, name: source.text(name, limit=65_536),
    "str | None": lambda source, name: source.maybe_text(name, limit=65_536),
    "int": lambda source, name: source.integer(name),
    "int | None": lambda source, name: source.maybe_integer(name),
    "float": lambda source, name: source.maybe_number(name),
    "float | None": lambda source, name: source.maybe_number(name),
    "bool": lambda source, name: source.boolean(name, default=False),
    "dict[str, Any]": lambda source, name: source.object(name),
    "list[str]": lambda source, name: source.strings(name, limit=1024),
    "list[dict[str, Any]]": lambda source, name: source.items(name, _map, limit=4096),
}


def _map(value: Any, path: str) -> dict[str, Any]:
    Fields(value, path)
    return cast("dict[str, Any]", value)


def _header_of(cls: type[wire.Frame]) -> list[tuple[str, Any, Callable[[Fields, str], Any]]]:
    spec: list[tuple[str, Any, Callable[[Fields, str], Any]]] = []
    for each in fields(cls):
        if each.name not in ("id", "body"):
            default = each.default_factory() if each.default_factory is not MISSING else each.default
            spec.append((each.name, default, _READERS[str(each.type)]))
    return spec


_HEADERS = {cls.kind: _header_of(cls) for cls in wire.KINDS}
_BY_KIND = {cls.kind: (cls, {name: read for name, _, read in _HEADERS[cls.kind]}) for cls in wire.KINDS}


def encode(frame: wire.Frame, number: int | None = None) -> bytes:
    """One frame as bytes, under ``number`` where its id is another there. Raises ``TooLargeError`` over the cap."""
    data = _packed(frame, frame.id if number is None else number, frame.body)
    _check_length(len(data))
    return data


def _packed(frame: wire.Frame, number: int, body: bytes) -> bytes:
    header: dict[str, Any] = {}
    for name, default, _ in _HEADERS[frame.kind]:
        value = getattr(frame, name)
        if value != default:
            header[name] = value
    packer = _PACKER if len(body) <= _KEPT_BYTES_MAX else msgpack.Packer()
    return packer.pack([frame.kind, number, header, body])


def _check_length(length: int) -> None:
    if length > wire.MESSAGE_BYTES_MAX:
        raise TooLargeError(f"a frame of {length} bytes is over the cap of {wire.MESSAGE_BYTES_MAX}")


def encode_message(frames: Iterable[wire.Frame]) -> bytes:
    """Frames joined into one message."""
    return b"".join([encode(frame) for frame in frames])


def decode_message(data: bytes) -> list[wire.Frame]:
    """The frames of one message; unknown kinds are passed over.

    Raises ``BadRequestError`` for anything that is not a run of frames, ``TooLargeError`` over the cap.
    """
    if len(data) > wire.MESSAGE_BYTES_MAX:
        raise TooLargeError(f"a message of {len(data)} bytes is over the cap of {wire.MESSAGE_BYTES_MAX}")
    values = _values(data)
    if len(values) > wire.FRAMES_PER_MESSAGE_MAX:
        raise TooLargeError(f"a message holds more than {wire.FRAMES_PER_MESSAGE_MAX} frames")
    return [frame for value in values if (frame := _frame(value)) is not None]


def _value(data: bytes) -> Any:
    try:
        return msgpack.unpackb(data, **_CAPS)
    except (ValueError, msgpack.exceptions.UnpackException) as error:
        raise BadRequestError(f"not a frame: {type(error).__name__}") from None


def _values(data: bytes) -> list[Any]:
    try:
        return [msgpack.unpackb(data, **_CAPS)]  # most messages are one frame; this is half the work
    except (ValueError, msgpack.exceptions.UnpackException):
        return _several(data)


def _several(data: bytes) -> list[Any]:
    unpacker = _unpacker(len(data) + 1)
    unpacker.feed(data)
    unpacker.feed(_NIL)  # swallowed by a frame that is cut off: then the last value is not nil
    try:
        values = list(unpacker)
    except (ValueError, msgpack.exceptions.UnpackException) as error:
        raise BadRequestError(f"not a frame: {type(error).__name__}") from None
    if not values or values.pop() is not None:
        raise BadRequestError("the last frame of the message is cut off")
    return values


def _unpacker(size: int) -> msgpack.Unpacker:
    return msgpack.Unpacker(max_buffer_size=max(size, 1), **_CAPS)


def _frame(value: Any) -> wire.Frame | None:
    if not isinstance(value, list) or len(cast("list[Any]", value)) < 4:  # a later version may append
        raise BadRequestError("a frame is an array of kind, id, header and body")
    kind, number, header, body = cast("list[Any]", value)[:4]
    known = _BY_KIND.get(kind) if isinstance(kind, str) else None
    if known is None:
        return None
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**63:
        raise BadRequestError("a frame's id is a whole number from 0", field="id")
    if not isinstance(body, bytes):
        raise BadRequestError("a frame's body is bytes", field="body")
    cls, readers = known
    if not header and isinstance(header, dict):
        return cls(number, body)
    source = Fields(header, "header")
    given = cast("dict[str, Any]", header)
    values = {name: readers[name](source, name) for name in given if name in readers and given[name] is not None}
    return cls(number, body, **values)


def encode_link(frame: wire.Frame) -> list[bytes]:
    """One frame for a link, in pieces: its length, then the frame. A long body is a piece itself, and not copied.

    Raises ``TooLargeError`` over the cap.
    """
    body = frame.body
    if len(body) <= _KEPT_BYTES_MAX:
        data = encode(frame)
        return [_LENGTH.pack(len(data)) + data]
    head = _packed(frame, frame.id, b"").removesuffix(_EMPTY_BIN) + _BIN32.pack(_BIN32_TAG, len(body))
    _check_length(len(head) + len(body))
    return [_LENGTH.pack(len(head) + len(body)) + head, body]


class LinkDecoder:
    """Takes a link's bytes as they come and gives whole frames. Raises as ``decode_message``; that ends the link."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[wire.Frame]:
        """The frames that are whole now."""
        buffer = self._buffer
        buffer += data
        frames: list[wire.Frame] = []
        at, have = 0, len(buffer)
        while have - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, at)
            _check_length(length)
            if have - at - _LENGTH.size < length:
                break
            start = at + _LENGTH.size
            with memoryview(buffer) as view:
                data = bytes(view[start : start + length])
            frame = _frame(_value(data))
            if frame is not None:
                frames.append(frame)
            at = start + length
        if at:
            del buffer[:at]
        return frames

    @property
    def partial(self) -> bool:
        """Whether bytes of an unfinished frame are held."""
        return bool(self._buffer)
