"""The contract of a dialect: five protocols cover every provider, and each of them speaks through these classes.

Theory of operation. Towards a provider, ``encode_request`` makes one HTTP request, and a ``Decoder`` takes the bytes of
its answer, cut anywhere, and gives events as soon as they are certain. A decoder never raises for what a provider
sent: what is wrong ends up in ``Decoder.error``, because the part before it still counts. An answer is whole only when
the provider's own terminal event came: ``ending`` is set then, and only then.

Towards an agent that speaks the protocol itself, ``decode_request`` reads its request, and an ``Encoder`` makes the
answer from events. Neither direction touches a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from kruxos.catalog import Shelf
from kruxos.errors import KruxosError
from kruxos.events import Event, FinishReason, Notice, Usage
from kruxos.messages import Request

from .profiles import Profile


def unedited(body: dict[str, Any]) -> dict[str, Any]:
    """The body as it is."""
    return body


@dataclass(frozen=True, slots=True)
class NativeCompaction:
    """A provider is asked to compact the conversation itself, from so many tokens on.

    ``clear_tool_results``: it clears old results of tools as well, where it knows such a thing.
    """

    at_tokens: int
    clear_tool_results: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is aimed at, at ``now`` (Unix seconds). ``origin`` tags the state that the provider makes.

    ``max_output_tokens`` is the model's ceiling where the settings name one; ``shelf`` what is known of its models.
    ``edit`` has the last word on a body's fields before they become bytes (cache marks); it changes no value in place.
    """

    provider: str
    model: str
    profile: Profile
    origin: str
    stream: bool
    max_output_tokens: int | None = None
    now: float = 0.0
    shelf: Shelf | None = None
    edit: Callable[[dict[str, Any]], dict[str, Any]] = unedited
    compaction: NativeCompaction | None = None


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request to a provider. ``path`` follows the base URL; authentication is added by whoever holds the key."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class EncodedRequest:
    """A request in a provider's protocol, what had to be changed for it, and how to translate back.

    ``tool_names`` maps a name as it was sent to the agent's own; only changed names are in it.
    """

    http: HttpRequest
    notices: list[Notice] = field(default_factory=list[Notice])
    tool_names: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True)
class Ending:
    """How a whole answer ended. ``raw_usage`` is the provider's own usage, fields of all its parts merged.

    ``stop_detail`` is what the provider says beside the reason (the stop sequence, a refusal's category).
    ``refusal`` is the provider's refusal text, where its protocol keeps that apart from the visible text.
    ``inferred``: the protocol's end marker was missing, but the finish reason had come.
    """

    finish_reason: FinishReason
    raw_finish_reason: str | None
    model: str
    usage: Usage | None = None
    raw_usage: dict[str, Any] = field(default_factory=dict[str, Any])
    response_id: str | None = None
    stop_detail: Any = None
    refusal: str | None = None
    inferred: bool = False


class Decoder(Protocol):
    """Takes one answer's bytes. ``feed`` in any pieces, then ``finish`` once at the end of the body.

    After ``finish`` exactly one of ``ending`` and ``error`` is set. Both may be read before: they are set as soon as
    they are known. ``usage`` and ``raw_usage`` hold what is known so far, also after an error.
    """

    ending: Ending | None
    error: KruxosError | None
    usage: Usage | None
    raw_usage: dict[str, Any]

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        ...

    def finish(self) -> list[Event]:
        """The events that the end of the body completes."""
        ...


@dataclass(slots=True)
class DecodedRequest:
    """A request as it came through a door. ``extra`` is what our common language has no word for."""

    request: Request
    model: str
    stream: bool
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


class Encoder(Protocol):
    """Makes one answer's bytes in the protocol, streamed or whole."""

    content_type: str

    def feed(self, event: Event) -> bytes:
        """The bytes for one event; empty while an answer that is not streamed is being collected."""
        ...

    def finish(self, ending: Ending) -> bytes:
        """The rest of the answer."""
        ...

    def fail(self, error: KruxosError) -> bytes:
        """The rest of a stream that breaks off with an error after it began."""
        ...


class DecodeError(Protocol):
    """Reads an answer that is an error."""

    def __call__(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        target: Target,
        encoded: EncodedRequest | None = None,
    ) -> KruxosError:
        """See ``Dialect.decode_error``."""
        ...


class MakeEncoder(Protocol):
    """Makes an encoder."""

    def __call__(self, *, stream: bool, model: str, call_id: str, created: int, extra: dict[str, Any]) -> Encoder:
        """See ``Dialect.encoder``."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """One protocol, as the functions of its package.

    encode_request   one request for a target. Raises ``BadRequestError`` or ``UnsupportedError`` for what it can't say
    decoder          makes a decoder for a 2xx answer of a content type, which tells a stream from one JSON body,
                     whatever was asked
    decode_error     the error that an answer of another status means; header names are lower case, ``encoded`` is the
                     request that was sent: nothing of it may be quoted
    decode_request   reads an agent's request in this protocol. Raises ``BadRequestError`` naming the field
    encoder          makes an encoder for the answer to a decoded request; ``created`` is in Unix seconds
    encode_error     status, headers and body of an answer that is an error from the start
    """

    name: str
    encode_request: Callable[[Request, Target], EncodedRequest]
    decoder: Callable[[Target, EncodedRequest, str], Decoder]
    decode_error: DecodeError
    decode_request: Callable[[bytes, Mapping[str, str]], DecodedRequest]
    encoder: MakeEncoder
    encode_error: Callable[[KruxosError], tuple[int, dict[str, str], bytes]]
