"""The part of a provider's message that may be shown.

What a provider says may quote the request: a bad key, an argument, a piece of the conversation. An excerpt keeps the
message alone, cut, with keys masked and every longer run of the request's own text taken out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from kruxos.errors import EXCERPT_CHARS

from .text import parse_json

_KEY = re.compile(
    r"(?<![a-z0-9])(?:sk|pk|rk|gsk|xai|sess)[-_](?=\S{0,200}\d)[a-z0-9_*.-]{6,}|AIza[a-z0-9_-]{10,}"
    r"|(?<=bearer )\S{8,}|(?<=key provided: )\S+|(?<=api key: )\S+"
    r"|(?<![a-z0-9_-])(?=[a-z0-9_-]{0,200}\d)[a-z0-9_-]{40,}|(?<![a-z0-9])[0-9a-f]{32}(?![a-z0-9])",
    re.IGNORECASE,
)
_RUN_CHARS = 24
_STEP_CHARS = 8
_QUOTED = "..."


def excerpt(message: str, sent: bytes = b"") -> str | None:
    """A provider's message as it may be shown: keys masked, the request's own text taken out, cut."""
    text = _KEY.sub("[key]", message[: EXCERPT_CHARS * 4])
    text = _without(text, _prompt_of(sent)) if sent else text
    return text[:EXCERPT_CHARS] or None


def _without(text: str, prompt: str) -> str:
    """The text without its runs of 24 characters or more that stand in the prompt too."""
    quoted = bytearray(len(text))
    for at in range(0, max(len(text) - _RUN_CHARS, 0) + 1, _STEP_CHARS):
        run = text[at : at + _RUN_CHARS]
        if len(run) == _RUN_CHARS and run in prompt:
            quoted[at : at + _RUN_CHARS] = b"\x01" * _RUN_CHARS
    kept: list[str] = []
    for at, char in enumerate(text):
        if not quoted[at]:
            kept.append(char)
        elif not (at and quoted[at - 1]):
            kept.append(_QUOTED)
    return "".join(kept)


def _prompt_of(sent: bytes) -> str:
    try:
        body = parse_json(sent)
    except ValueError:
        return ""
    fields = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    return "\n".join(text for name, value in fields.items() if name != "model" for text in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in cast("dict[str, Any]", value).values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _texts(inner)
