"""Frames: all that travels between agents, the supervisor and workers. No I/O.

A frame is a msgpack array ``[kind, id, header, body]``: ``kind`` a word, ``id`` the call's number on this connection
(0: about the connection itself), ``header`` a map of plain values, ``body`` bytes that only the two ends read. The
supervisor reads headers and passes bodies on untouched. One class below is one kind; a header field that has its
default is not sent; unknown kinds and header keys are ignored. ``framing`` makes bytes of them;
docs/protocol.md is the published form of both.

Nobody changes a frame once it is made. They are not frozen all the same: a call makes some twenty frames on its way,
and a frozen dataclass takes three times as long to make; a factory such as ``list[str]`` six times as long as ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

VERSION = 1
"""Version of the frames. It changes only when an older reader would misunderstand, not when something is added."""

REQUEST_BYTES_MAX = 32 * 1024 * 1024
EVENT_BYTES_AIM = 1024 * 1024
"""Events are merged into one frame up to this size; a single event may be larger."""
MESSAGE_BYTES_MAX = REQUEST_BYTES_MAX + 1024 * 1024
BODIES_BYTES_MAX = 256 * 1024 * 1024
HEADER_BYTES_MAX = 1024 * 1024
FRAMES_PER_MESSAGE_MAX = 4096
CHUNK_BYTES_MAX = 1024 * 1024
"""What moves of a batch at a time: between an agent and the spool, and between the spool and a worker."""
BATCH_BYTES_MAX = 2 * 1024 * 1024 * 1024
"""What an agent may hand in as one batch."""


def _empty() -> dict[str, Any]:
    return {}


def _no_words() -> list[str]:
    return []


def _no_items() -> list[dict[str, Any]]:
    return []


@dataclass(slots=True)
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
    features: list[str] = field(default_factory=_no_words)
    isolation: dict[str, Any] = field(default_factory=_empty)


@dataclass(slots=True)
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
    features: list[str] = field(default_factory=_no_words)


@dataclass(slots=True)
class Open:
    """Starts a call. ``body`` is the request; the header is what routing needs.

    ``op`` is ``chat``, ``count_tokens``, a verb of batches (``batch.begin`` and others, whose body is a map of
    arguments) or, on the control socket, an operation's name. Times are seconds left.
    ``key`` makes the call at most once; ``retry_ambiguous`` allows a second try after a lost answer.
    ``wait_s``: how long the call may wait for a rate limit. On a link, ``provider`` and ``model`` are decided.
    ``prefixes``: hashes over the beginnings of the messages (``kruxos.cores.conversations``); not sent on links.
    ``max_output_tokens`` repeats what the body says, for budgets: what a call may cost is set aside before it is made;
    not sent on links. ``thinking_effort`` and ``compaction``, on links only: the agent's, for a request that says
    nothing of it.
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
    prefixes: list[str] = field(default_factory=_no_words)
    at_most_once: bool = False
    retry_ambiguous: bool = False
    on_interrupt: str | None = None
    call_id: str | None = None
    max_output_tokens: int | None = None
    thinking_effort: str | None = None
    compaction: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class Event:
    """A run of events of a call (see ``kruxos.events``). ``committed``: content has begun."""

    kind: ClassVar[str] = "event"
    id: int = 0
    body: bytes = b""
    committed: bool = True


@dataclass(slots=True)
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
    usage: dict[str, Any] = field(default_factory=_empty)
    raw_usage: dict[str, Any] = field(default_factory=_empty)
    cost: dict[str, Any] = field(default_factory=_empty)
    notices: list[dict[str, Any]] = field(default_factory=_no_items)
    upstream_request_id: str | None = None
    upstream_us: int = 0
    call_id: str | None = None
    attempts: list[dict[str, Any]] = field(default_factory=_no_items)
    overhead_us: int | None = None


@dataclass(slots=True)
class Error:
    """The call failed. ``error`` is a ``KruxosError`` as a map; ``failure`` says what the provider may have done.

    ``failure``: ``never_sent``, ``refused`` (a clean no), ``ambiguous`` (sent, no clean answer), ``final`` (another
    provider would not help). ``body`` may hold a last run of events; ``usage`` what was used until then.
    """

    kind: ClassVar[str] = "error"
    id: int = 0
    body: bytes = b""
    error: dict[str, Any] = field(default_factory=_empty)
    failure: str = "refused"
    usage: dict[str, Any] = field(default_factory=_empty)
    raw_usage: dict[str, Any] = field(default_factory=_empty)
    cost: dict[str, Any] = field(default_factory=_empty)
    notices: list[dict[str, Any]] = field(default_factory=_no_items)
    upstream_us: int = 0
    overhead_us: int | None = None


@dataclass(slots=True)
class Cancel:
    """The call is not wanted any more."""

    kind: ClassVar[str] = "cancel"
    id: int = 0
    body: bytes = b""


@dataclass(slots=True)
class Ping:
    """Asks for a pong with the same id and body."""

    kind: ClassVar[str] = "ping"
    id: int = 0
    body: bytes = b""


@dataclass(slots=True)
class Pong:
    """Answers a ping."""

    kind: ClassVar[str] = "pong"
    id: int = 0
    body: bytes = b""


@dataclass(slots=True)
class Bye:
    """The sender closes the connection; ``reason`` is for people. To a worker: end now."""

    kind: ClassVar[str] = "bye"
    id: int = 0
    body: bytes = b""
    reason: str = ""


@dataclass(slots=True)
class Configure:
    """To a worker: its provider's settings and, in ``body``, its secret. ``state`` is what its forerunner knew."""

    kind: ClassVar[str] = "configure"
    id: int = 0
    body: bytes = field(default=b"", repr=False)
    provider: str = ""
    settings: dict[str, Any] = field(default_factory=_empty)
    state: dict[str, Any] = field(default_factory=_empty)
    leased: bool = True


@dataclass(slots=True)
class Ready:
    """From a worker: it takes calls."""

    kind: ClassVar[str] = "ready"
    id: int = 0
    body: bytes = b""


@dataclass(slots=True)
class Resolve:
    """From a worker, which has no resolver: which addresses ``host`` has. Only its own provider's names are told."""

    kind: ClassVar[str] = "resolve"
    id: int = 0
    body: bytes = b""
    host: str = ""
    port: int = 0


@dataclass(slots=True)
class Resolved:
    """To a worker: the addresses, the preferred first. None of them: ``reason`` says why."""

    kind: ClassVar[str] = "resolved"
    id: int = 0
    body: bytes = b""
    addresses: list[str] = field(default_factory=_no_words)
    reason: str = ""


@dataclass(slots=True)
class Sent:
    """From a worker: from here on the provider may have received the call."""

    kind: ClassVar[str] = "sent"
    id: int = 0
    body: bytes = b""


@dataclass(slots=True)
class Step:
    """From a worker: a step before the call's answer is done, and paid for; the next one follows.

    ``op`` says what it was: ``summarise``. It is a row of its own in the ledger.
    """

    kind: ClassVar[str] = "step"
    id: int = 0
    body: bytes = b""
    op: str = ""
    model: str = ""
    finish_reason: str | None = None
    usage: dict[str, Any] = field(default_factory=dict[str, Any])
    raw_usage: dict[str, Any] = field(default_factory=dict[str, Any])
    cost: dict[str, Any] = field(default_factory=dict[str, Any])
    upstream_request_id: str | None = None
    upstream_us: int = 0


@dataclass(slots=True)
class Health:
    """From a worker, on change: what limits it, until when (Unix seconds). ``state`` is for its successor."""

    kind: ClassVar[str] = "state"
    id: int = 0
    body: bytes = b""
    cooling_until: float | None = None
    reason: str | None = None
    state: dict[str, Any] = field(default_factory=_empty)


@dataclass(slots=True)
class Beat:
    """From a worker, every second, from its own loop: it lives. ``waiting``: its calls that are not admitted yet.

    ``calls_max``: how many it takes at once, with those that may wait; 0: it does not say.
    """

    kind: ClassVar[str] = "beat"
    id: int = 0
    body: bytes = b""
    in_flight: int = 0
    rss_bytes: int = 0
    waiting: int = 0
    waiting_peak: int = 0
    calls_max: int = 0


@dataclass(slots=True)
class Pause:
    """No more of this call for now. To a worker: read no more from the provider. From an agent: hold its events."""

    kind: ClassVar[str] = "pause"
    id: int = 0
    body: bytes = b""


@dataclass(slots=True)
class Resume:
    """To a worker, or from an agent: go on after a pause."""

    kind: ClassVar[str] = "resume"
    id: int = 0
    body: bytes = b""


@dataclass(slots=True)
class Drain:
    """To a worker: finish what you have, take nothing new, give up the lease."""

    kind: ClassVar[str] = "drain"
    id: int = 0
    body: bytes = b""


@dataclass(slots=True)
class Drained:
    """From a worker: nothing is left in flight."""

    kind: ClassVar[str] = "drained"
    id: int = 0
    body: bytes = b""


@dataclass(slots=True)
class Renew:
    """From a worker: it wants to renew its login. ``id`` is its own name for the question."""

    kind: ClassVar[str] = "renew"
    id: int = 0
    body: bytes = b""


@dataclass(slots=True)
class Renewal:
    """To a worker: it may renew the login in ``body``, which is the one that is stored; or ``error`` says why not."""

    kind: ClassVar[str] = "renewal"
    id: int = 0
    body: bytes = field(default=b"", repr=False)
    error: str = ""


@dataclass(slots=True)
class Renewed:
    """From a worker that may renew: the login in ``body`` is to be stored; without one, nothing has changed."""

    kind: ClassVar[str] = "renewed"
    id: int = 0
    body: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Stored:
    """To a worker: what it renewed is on disk, and may be used; or ``error`` says why it is not."""

    kind: ClassVar[str] = "stored"
    id: int = 0
    body: bytes = b""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Spool:
    """From a worker that was asked about a batch: it reads ``length`` bytes of one of its files, or appends ``body``.

    ``file`` is ``input``, ``prepared``, ``lines`` or ``results``. The next one waits for the answer to this one.
    """

    kind: ClassVar[str] = "spool"
    id: int = 0
    body: bytes = field(default=b"", repr=False)
    file: str = ""
    offset: int = 0
    length: int = 0


@dataclass(frozen=True, slots=True)
class Spooled:
    """To a worker: the bytes that it wanted to read, fewer at the file's end; or its own are kept; or ``error``."""

    kind: ClassVar[str] = "spooled"
    id: int = 0
    body: bytes = field(default=b"", repr=False)
    error: str = ""


Frame: TypeAlias = (
    Hello | Welcome | Open | Event | End | Error | Cancel | Ping | Pong | Bye
    | Configure | Ready | Resolve | Resolved | Sent | Step | Health | Beat | Pause | Resume | Drain | Drained
    | Renew | Renewal | Renewed | Stored | Spool | Spooled
)  # fmt: skip

KINDS: tuple[type[Frame], ...] = (
    Hello, Welcome, Open, Event, End, Error, Cancel, Ping, Pong, Bye,
    Configure, Ready, Resolve, Resolved, Sent, Step, Health, Beat, Pause, Resume, Drain, Drained,
    Renew, Renewal, Renewed, Stored, Spool, Spooled,
)  # fmt: skip
