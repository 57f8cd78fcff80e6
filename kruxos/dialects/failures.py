"""An error as a provider tells it, whatever shape its body has.

Nested, flat, a bare string, a list around it, FastAPI's ``detail``, a page of HTML, JSON inside the message, an
aggregator's error around its upstream's: ``read_failure`` finds message, type and code in each. What they mean is
for ``verdicts``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from .text import parse_json, whole

ERROR_BYTES_MAX = 1024 * 1024
"""More of an error's body is not looked at."""

MESSAGE_CHARS_MAX = 8192
PAGE_CHARS_MAX = 4096

_NESTING_MAX = 4
_MARKUP = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)


@dataclass(slots=True)
class Failure:
    """An error as its provider tells it. ``status`` is the HTTP status, or the number inside the error object."""

    status: int | None = None
    message: str = ""
    type: str = ""
    code: str = ""
    param: str | None = None
    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    inner: Failure | None = None

    @property
    def word(self) -> str | None:
        """The code where it is a word, else the type, else the number."""
        return next((word for word in (self.code, self.type) if word and not word.isdigit()), self.code or None)

    def layers(self) -> Iterator[Failure]:
        """The error, and the ones that it passes on from further upstream."""
        yield self
        if self.inner is not None:
            yield from self.inner.layers()

    def said(self) -> str:
        """The messages of all layers, outermost first."""
        messages = dict.fromkeys(layer.message for layer in self.layers() if layer.message)
        return ": ".join(messages)[:MESSAGE_CHARS_MAX]


def read_failure(body: bytes, status: int | None = None) -> Failure:
    """The error in a body of any kind."""
    text = body[:ERROR_BYTES_MAX].decode("utf-8", "replace").strip()
    try:
        value = parse_json(text)
    except ValueError:
        value = _plain(text)
    failure = failure_of(value)
    if status is not None and status >= 300:
        failure.status = status
    return failure


def failure_of(value: Any, depth: int = 0) -> Failure:
    """The error in a JSON value of any shape."""
    if isinstance(value, list) and value:
        value = cast("list[Any]", value)[0]
    if isinstance(value, str):
        return _with_inner(Failure(message=whole(value)), depth)
    if not isinstance(value, dict):
        return Failure()
    outer = cast("dict[str, Any]", value)
    inner = outer.get("error")
    if isinstance(inner, dict):
        return _with_inner(_from_map(cast("dict[str, Any]", inner)), depth)
    failure = _from_map(outer)
    if isinstance(inner, str):
        failure.message = whole(inner)
    return _with_inner(failure, depth)


def _from_map(fields: dict[str, Any]) -> Failure:
    kind = fields.get("type")
    param = fields.get("param")
    code = _code(fields)
    return Failure(
        status=_number(fields),
        message=_message(fields),
        type=whole(kind) if isinstance(kind, str) and kind != "error" else "",
        code=code,
        param=whole(param) if isinstance(param, str) else None,
        fields=fields,
    )


def _code(fields: dict[str, Any]) -> str:
    details = fields.get("details")
    inside: Any = cast("dict[str, Any]", details).get("error_code") if isinstance(details, dict) else None
    code = inside or fields.get("code")
    return whole(str(code)) if isinstance(code, (str, int)) and not isinstance(code, bool) else ""


def _number(fields: dict[str, Any]) -> int | None:
    """An HTTP status inside the error object: a number, or digits."""
    for name in ("status_code", "raw_status_code", "code", "status"):
        value = fields.get(name)
        if isinstance(value, str) and value.isdecimal() and len(value) == 3:
            value = int(value)
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    return None


def _message(fields: dict[str, Any]) -> str:
    for name in ("message", "detail", "error_description", "title"):
        value = fields.get(name)
        if isinstance(value, dict):
            value = cast("dict[str, Any]", value).get("detail", cast("dict[str, Any]", value).get("message"))
        if isinstance(value, list):
            value = "; ".join(_complaint(item) for item in cast("list[Any]", value)[:8])
        if isinstance(value, str) and value:
            return whole(value)
    return ""


def _complaint(item: Any) -> str:
    """One entry of a validation error (FastAPI's form): where, and what. The input it quotes is left out."""
    if not isinstance(item, dict):
        return str(item)
    fields = cast("dict[str, Any]", item)
    where = fields.get("loc")
    path = ".".join(str(step) for step in cast("list[Any]", where)) if isinstance(where, list) else ""
    return f"{path}: {fields.get('msg', fields.get('type', ''))}"


def _with_inner(failure: Failure, depth: int) -> Failure:
    """Adds the error that an aggregator passes on: in ``metadata.raw``, or as JSON inside the message."""
    if depth >= _NESTING_MAX:
        return failure
    metadata = failure.fields.get("metadata")
    raw: Any = cast("dict[str, Any]", metadata).get("raw") if isinstance(metadata, dict) else None
    if raw is None and '{"' in failure.message:
        raw = failure.message[failure.message.index('{"') :]
    if isinstance(raw, str):
        raw = _maybe_json(raw)
    if raw:
        failure.inner = failure_of(raw, depth + 1)
    return failure


def _maybe_json(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return parse_json(text)
    except ValueError:
        return None


def _plain(text: str) -> str:
    """What a page of HTML or a plain text says."""
    return " ".join(_MARKUP.sub(" ", text[:PAGE_CHARS_MAX]).split())
