"""The doors as data: which protocol stands at which path, and what is particular about its answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from kruxos.dialects.base import DecodedRequest, Dialect
from kruxos.dialects.openai_errors import error_body
from kruxos.dialects.registry import DIALECTS
from kruxos.dialects.text import body_bytes
from kruxos.errors import KruxosError
from kruxos.web.doors.reading import Headers

Filter = Callable[[bytes], bytes]
_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')


@dataclass(frozen=True, slots=True)
class Door:
    """One protocol. ``request_id``: the header in which its clients look for the name of an exchange.

    ``always``: what each encoder is told, besides what the request said. ``raw_filter``: takes out of a provider's own
    bytes what only we asked for. ``raw_failure``: the last words of a stream in its own bytes that breaks off.
    """

    dialect: Dialect
    path: str
    request_id: str
    raw_failure: Callable[[KruxosError], bytes]
    raw_filter: Callable[[DecodedRequest], Filter | None] = lambda _: None
    always: dict[str, Any] = field(default_factory=dict[str, Any])

    def failure(self, error: KruxosError) -> tuple[int, Headers, bytes]:
        """An answer that is an error from the start, as this protocol's clients read it."""
        return self.dialect.encode_error(error)


def _chat_filter(decoded: DecodedRequest) -> Filter | None:
    """Usage is always asked for, as the gateway books it; its chunk goes to agents that asked for it themselves."""
    options = decoded.extra.get("stream_options")
    if not decoded.stream:
        return None
    if isinstance(options, dict) and cast("dict[str, Any]", options).get("include_usage") is True:
        return None
    return _without_usage_chunk


def _without_usage_chunk(data: bytes) -> bytes:
    if b'"usage"' not in data or not _NO_CHOICES.search(data):
        return data
    blocks = re.split(rb"(?<=\n\n)|(?<=\r\n\r\n)", data)
    return b"".join(block for block in blocks if not (b'"usage"' in block and _NO_CHOICES.search(block)))


def _responses_failure(error: KruxosError) -> bytes:
    told = {"type": "error", **error_body(error)["error"]}
    return b"event: error\ndata: %s\n\n" % body_bytes(told | {"type": "error"})


def _encoded_failure(dialect: Dialect) -> Callable[[KruxosError], bytes]:
    def fail(error: KruxosError) -> bytes:
        return dialect.encoder(stream=True, model="", call_id="", created=0, extra={}).fail(error)

    return fail


_CHAT, _RESPONSES, _MESSAGES = DIALECTS["openai-chat"], DIALECTS["openai-responses"], DIALECTS["anthropic"]
CHAT = Door(_CHAT, "/v1/chat/completions", "x-request-id", _encoded_failure(_CHAT), _chat_filter)
RESPONSES = Door(_RESPONSES, "/v1/responses", "x-request-id", _responses_failure)
MESSAGES = Door(_MESSAGES, "/v1/messages", "request-id", _encoded_failure(_MESSAGES), always={"ping": True})
DOORS = (CHAT, RESPONSES, MESSAGES)
