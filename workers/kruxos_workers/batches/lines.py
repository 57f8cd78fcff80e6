"""One line of a batch's input as a request: in our form, in OpenAI's, or in Anthropic's. Pure.

{"custom_id": "a", "request": {"messages": [...]}, "model": "..."}                     ours
{"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": {"model": ...}}   OpenAI's
{"custom_id": "a", "params": {"model": ..., "max_tokens": ..., "messages": [...]}}     Anthropic's

A line of Anthropic's form may have ``headers``, such as ``anthropic-beta``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kruxos.batch_results import with_bytes
from kruxos.codec import decode_request
from kruxos.dialects.anthropic import ANTHROPIC
from kruxos.dialects.base import DecodedRequest, Dialect
from kruxos.dialects.batching import dump
from kruxos.dialects.openai_chat import OPENAI_CHAT
from kruxos.dialects.openai_responses import OPENAI_RESPONSES
from kruxos.dialects.text import as_text, parse_json
from kruxos.errors import BadRequestError
from kruxos.fields import Fields
from kruxos.messages import Request

CUSTOM_ID_CHARS_MAX = 256
NO_HEADERS: Mapping[str, str] = {}
_BY_URL: dict[str, Dialect] = {"/v1/responses": OPENAI_RESPONSES, "/v1/chat/completions": OPENAI_CHAT}


@dataclass(frozen=True, slots=True)
class Line:
    """A request, its agent's name for it, and the model that the line itself names."""

    custom_id: str
    request: Request
    model: str | None


def read_line(data: bytes) -> Line:
    """One line. Raises ``BadRequestError`` naming the field."""
    try:
        value = parse_json(data)
    except ValueError:
        raise BadRequestError("not JSON") from None
    fields = Fields(value)
    custom_id = fields.text("custom_id", limit=CUSTOM_ID_CHARS_MAX)
    if not custom_id:
        raise BadRequestError("custom_id is empty", field="custom_id")
    for name, read in _FORMS.items():
        if fields.has(name):
            request, model = read(fields)
            return Line(custom_id, request, model)
    raise BadRequestError("neither request (ours), body (OpenAI's) nor params (Anthropic's)", field="request")


def _ours(fields: Fields) -> tuple[Request, str | None]:
    return decode_request(with_bytes(fields.object("request"))), fields.maybe_text("model", limit=256)


def _openai(fields: Fields) -> tuple[Request, str | None]:
    dialect = _BY_URL.get(fields.text("url", limit=256))
    if dialect is None:
        raise BadRequestError(f"url must be one of {', '.join(_BY_URL)}", field="url")
    return _decoded(dialect, fields.object("body"))


def _anthropic(fields: Fields) -> tuple[Request, str | None]:
    headers = fields.object("headers")
    return _decoded(ANTHROPIC, fields.object("params"), {name: as_text(value) for name, value in headers.items()})


def _decoded(
    dialect: Dialect, body: dict[str, Any], headers: Mapping[str, str] = NO_HEADERS
) -> tuple[Request, str | None]:
    if body.get("stream"):
        raise BadRequestError("a batch's requests are not streamed", field="stream")
    found: DecodedRequest = dialect.decode_request(dump(body), headers)
    return found.request, found.model


_FORMS: dict[str, Callable[[Fields], tuple[Request, str | None]]] = {
    "request": _ours, "body": _openai, "params": _anthropic,
}  # fmt: skip
