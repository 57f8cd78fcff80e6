"""Frames: all that travels between agents, the supervisor and workers. No I/O.

A frame is a msgpack array ``[kind, id, header, body]``: ``kind`` a word, ``id`` the call's number on this connection
(0: about the connection itself), ``header`` a map of plain values, ``body`` bytes that only the two ends read. The
supervisor reads headers and passes bodies on untouched. One class below is one kind; a header field that has its
default is not sent; unknown kinds and header keys are ignored. docs/protocol.md is the published form of this file.

Two encodings carry frames. A message (nng, both directions) is one or more frames joined. A link (the socketpair to
a worker) is a byte stream of frames, each after its length as four bytes, big end first.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, TypeAlias, cast

import msgpack
import msgpack.exceptions

from kruxos.errors import BadRequestError, TooLargeError
from kruxos.fields import Fields

VERSION = 1
"""Version of the frames. It changes only when an older reader would misunderstand, not when something is added."""

REQUEST_BYTES_MAX = 32 * 1024 * 1024
EVENT_BYTES_AIM = 1024 * 1024
"""Events are merged into one frame up to this size; a single event may be larger."""
MESSAGE_BYTES_MAX = REQUEST_BYTES_MAX + 1024 * 1024
BODIES_BYTES_MAX = 256 * 1024 * 1024
HEADER_BYTES_MAX = 1024 * 1024
FRAMES_PER_MESSAGE_MAX = 4096

_LENGTH = struct.Struct(">I")
_NIL = b"\xc0"


@dataclass(frozen=True, slots=True)
class Hello:
    """First frame of a connection, in both directions: who speaks, and which versions.

    An agent names itself and shows its token; a worker gives its pid, and in ``isolation`` what of its cage holds.
    """

    kind: ClassVar[str] = "hello"
    id: int = 0
    body: bytes = b""
    version: int = VERSION
    package: str = ""
    agent: str | None = None
    token: str | None = field(default=None, repr=False)
    pid: int | None = None
    features: list[str] = field(default_factory=list[str])
    isolation: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Welcome:
    """The answer to an agent's hello: the address of its session, to be dialled within ``dial_within_s``."""

    kind: ClassVar[str] = "welcome"
    id: int = 0
    body: bytes = b""
    version: int = VERSION
    package: str = ""
    agent: str | None = None
    session: str = ""
    dial_within_s: float = 5.0
    features: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Open:
    """Starts a call. ``body`` is the request; the header is what routing needs.

    ``op`` is ``chat``, ``count_tokens`` or, on the control socket, an operation's name. Times are seconds left.
    ``key`` makes the call at most once; ``retry_ambiguous`` allows a second try after a lost answer.
    ``wait_s``: how long the call may wait for a rate limit. On a link, ``provider`` and ``model`` are decided.
    ``prefixes``: hashes over the beginnings of the messages (``kruxos.cores.conversations``); not sent on links.
    """

    kind: ClassVar[str] = "open"
    id: int = 0
    body: bytes = field(default=b"", repr=False)
    op: str = "chat"
    stream: bool = False
    agent: str | None = None
    token: str | None = field(default=None, repr=False)
    role: str | None = None
    provider: str | None = None
    model: str | None = None
    strict_model: bool = False
    fallback: str | None = None
    deadline_s: float | None = None
    wait_s: float | None = None
    key: str | None = None
    conversation: str | None = None
    prefixes: list[str] = field(default_factory=list[str])
    at_most_once: bool = False
    retry_ambiguous: bool = False
    on_interrupt: str | None = None
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A run of events of a call (see ``kruxos.events``). ``committed``: content has begun."""

    kind: ClassVar[str] = "event"
    id: int = 0
    body: bytes = b""
    committed: bool = True


@dataclass(frozen=True, slots=True)
class End:
    """The call is answered. ``body`` is the last run of events, for a call without streaming all of them.

    The worker gives what the provider said; the supervisor adds ``call_id``, ``attempts``, ``overhead_us`` and its
    own notices. ``upstream_us`` is the time spent waiting for the provider.
    """

    kind: ClassVar[str] = "end"
    id: int = 0
    body: bytes = b""
    provider: str = ""
    model: str = ""
    finish_reason: str | None = None
    raw_finish_reason: str | None = None
    usage: dict[str, Any] = field(default_factory=dict[str, Any])
    raw_usage: dict[str, Any] = field(default_factory=dict[str, Any])
    cost: dict[str, Any] = field(default_factory=dict[str, Any])
    notices: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    upstream_request_id: str | None = None
    upstream_us: int = 0
    call_id: str | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    overhead_us: int | None = None


@dataclass(frozen=True, slots=True)
class Error:
    """The call failed. ``error`` is a ``KruxosError`` as a map; ``failure`` says what the provider may have done.

    ``failure``: ``never_sent``, ``refused`` (a clean no), ``ambiguous`` (sent, no clean answer), ``final`` (another
    provider would not help). ``body`` may hold a last run of events; ``usage`` what was used until then.
    """

    kind: ClassVar[str] = "error"
    id: int = 0
    body: bytes = b""
    error: dict[str, Any] = field(default_factory=dict[str, Any])
    failure: str = "refused"
    usage: dict[str, Any] = field(default_factory=dict[str, Any])
    raw_usage: dict[str, Any] = field(default_factory=dict[str, Any])
    cost: dict[str, Any] = field(default_factory=dict[str, Any])
    notices: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    upstream_us: int = 0
    overhead_us: int | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """The call is not wanted any more."""

    kind: ClassVar[str] = "cancel"
    id: int = 0
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a pong with the same id and body."""

    kind: ClassVar[str] = "ping"
    id: int = 0
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Pong:
    """Answers a ping."""

    kind: ClassVar[str] = "pong"
    id: int = 0
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Bye:
    """The sender closes the connection; ``reason`` is for people. To a worker: end now."""

    kind: ClassVar[str] = "bye"
    id: int = 0
    body: bytes = b""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Configure:
    """To a worker: its provider's settings and, in ``body``, its secret. ``state`` is what its forerunner knew."""

    kind: ClassVar[str] = "configure"
    id: int = 0
    body: bytes = field(default=b"", repr=False)
    provider: str = ""
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    state: dict[str, Any] = field(default_factory=dict[str, Any])
    leased: bool = True


@dataclass(frozen=True, slots=True)
class Ready:
    """From a worker: it takes calls."""

    kind: ClassVar[str] = "ready"
    id: int = 0
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Resolve:
    """From a worker, which has no resolver: which addresses ``host`` has. Only its own provider's names are told."""

    kind: ClassVar[str] = "resolve"
    id: int = 0
    body: bytes = b""
    host: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True)
class Resolved:
    """To a worker: the addresses, the preferred first. None of them: ``reason`` says why."""

    kind: ClassVar[str] = "resolved"
    id: int = 0
    body: bytes = b""
    addresses: list[str] = field(default_factory=list[str])
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """From a worker: from here on the provider may have received the call."""

    kind: ClassVar[str] = "sent"
    id: int = 0
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Health:
    """From a worker, on change: what limits it, until when (Unix seconds). ``state`` is for its successor."""

    kind: ClassVar[str] = "state"
    id: int = 0
    body: bytes = b""
    cooling_until: float | None = None
    reason: str | None = None
    state: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Beat:
    """From a worker, every second, from its own loop: it lives."""

    kind: ClassVar[str] = "beat"
    id: int = 0
    body: bytes = b""
    in_flight: int = 0
    rss_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Pause:
    """To a worker: read no more of this call from the provider, its agent is slow."""

    kind: ClassVar[str] = "pause"
    id: int = 0
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Resume:
    """To a worker: go on after a pause."""

    kind: ClassVar[str] = "resume"
    id: int = 0
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Drain:
    """To a worker: finish what you have, take nothing new, give up the lease."""

    kind: ClassVar[str] = "drain"
    id: int = 0
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Drained:
    """From a worker: nothing is left in flight."""

    kind: ClassVar[str] = "drained"
    id: int = 0
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Renew:
    """From a worker: it wants to renew its login. ``id`` is its own name for the question."""

    kind: ClassVar[str] = "renew"
    id: int = 0
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Renewal:
    """To a worker: it may renew the login in ``body``, which is the one that is stored; or ``error`` says why not."""

    kind: ClassVar[str] = "renewal"
    id: int = 0
    body: bytes = field(default=b"", repr=False)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Renewed:
    """From a worker that may renew: the login in ``body`` is to be stored; without one, nothing has changed."""

    kind: ClassVar[str] = "renewed"
    id: int = 0
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """To a worker: what it renewed is on disk, and may be used; or ``error`` says why it is not."""

    kind: ClassVar[str] = "stored"
    id: int = 0
    body: bytes = b""
    error: str = ""


Frame: TypeAlias = (
    Hello | Welcome | Open | Event | End | Error | Cancel | Ping | Pong | Bye
    | Configure | Ready | Resolve | Resolved | Sent | Health | Beat | Pause | Resume | Drain | Drained
    | Renew | Renewal | Renewed | Stored
)  # fmt: skip

_KINDS: tuple[type[Frame], ...] = (
    Hello, Welcome, Open, Event, End, Error, Cancel, Ping, Pong, Bye,
    Configure, Ready, Resolve, Resolved, Sent, Health, Beat, Pause, Resume, Drain, Drained,
    Renew, Renewal, Renewed, Stored,
)  # fmt: skip

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


def _header_of(cls: type[Frame]) -> list[tuple[str, Any, Callable[[Fields, str], Any]]]:
    spec: list[tuple[str, Any, Callable[[Fields, str], Any]]] = []
    for each in fields(cls):
        if each.name not in ("id", "body"):
            default = each.default_factory() if each.default_factory is not MISSING else each.default
            spec.append((each.name, default, _READERS[str(each.type)]))
    return spec


_BY_KIND = {cls.kind: (cls, _header_of(cls)) for cls in _KINDS}


def encode(frame: Frame) -> bytes:
    """One frame as bytes. Raises ``TooLargeError`` over the cap of a message."""
    _, spec = _BY_KIND[frame.kind]
    header: dict[str, Any] = {}
    for name, default, _ in spec:
        value = getattr(frame, name)
        if value != default:
            header[name] = value
    data = msgpack.packb([frame.kind, frame.id, header, frame.body])
    if len(data) > MESSAGE_BYTES_MAX:
        raise TooLargeError(f"a frame of {len(data)} bytes is over the cap of {MESSAGE_BYTES_MAX}")
    return data


def encode_message(frames: Iterable[Frame]) -> bytes:
    """Frames joined into one message."""
    return b"".join([encode(frame) for frame in frames])


def decode_message(data: bytes) -> list[Frame]:
    """The frames of one message; unknown kinds are passed over.

    Raises ``BadRequestError`` for anything that is not a run of frames, ``TooLargeError`` over the cap.
    """
    if len(data) > MESSAGE_BYTES_MAX:
        raise TooLargeError(f"a message of {len(data)} bytes is over the cap of {MESSAGE_BYTES_MAX}")
    values = _values(data)
    if len(values) > FRAMES_PER_MESSAGE_MAX:
        raise TooLargeError(f"a message holds more than {FRAMES_PER_MESSAGE_MAX} frames")
    return [frame for value in values if (frame := _frame(value)) is not None]


def _values(data: bytes) -> list[Any]:
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
    return msgpack.Unpacker(
        max_buffer_size=max(size, 1), max_str_len=HEADER_BYTES_MAX, max_bin_len=MESSAGE_BYTES_MAX,
        max_array_len=100_000, max_map_len=100_000, max_ext_len=0, strict_map_key=True)  # fmt: skip


def _frame(value: Any) -> Frame | None:
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
    cls, spec = known
    if not header and isinstance(header, dict):
        return cls(id=number, body=body)
    source = Fields(header, "header")
    values = {name: read(source, name) for name, _, read in spec if source.has(name)}
    return cls(id=number, body=body, **values)


def encode_link(frame: Frame) -> bytes:
    """One frame for a link: its length, then the frame."""
    data = encode(frame)
    return _LENGTH.pack(len(data)) + data


class LinkDecoder:
    """Takes a link's bytes as they come and gives whole frames. Raises as ``decode_message``; that ends the link."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are whole now."""
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        at, have = 0, len(buffer)
        while have - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, at)
            if length > MESSAGE_BYTES_MAX:
                raise TooLargeError(f"a frame of {length} bytes is over the cap of {MESSAGE_BYTES_MAX}")
            if have - at - _LENGTH.size < length:
                break
            start = at + _LENGTH.size
            frames += decode_message(bytes(buffer[start : start + length]))
            at = start + length
        if at:
            del buffer[:at]
        return frames

    @property
    def partial(self) -> bool:
        """Whether bytes of an unfinished frame are held."""
        return bool(self._buffer)
