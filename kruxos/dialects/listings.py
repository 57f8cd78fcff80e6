"""Lists of models, as providers give them: what can be called, and what is said of it.

Theory of operation. A list is asked for page by page: ``path_of`` names the first one, a page's ``next`` the one after
it. ``read_page`` takes a body and gives the rows that can answer a chat. What a provider does not say is None; prices
that it says are texts in US dollars for a token (OpenRouter). Beside the lists, Ollama's description of one model is
read: only there stand its context and what it can do.

Sources: Anthropic SDK (models), OpenAI API reference (models), Google API definitions (model.proto), Ollama docs (API),
OpenRouter docs (models); recorded lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote

from kruxos.errors import ProviderProtocolError

from .text import as_text, parse_json, scrub
from .usage import first_count

ROWS_MAX = 10_000
"""Rows of one page; more are not taken."""
PAGES_MAX = 100
"""Pages of one list; whoever asks stops there."""
ID_CHARS_MAX = 256
OLLAMA_SHOW_PATH = "/api/show"
HEADERS = {"anthropic": {"anthropic-version": "2023-06-01"}}
"""What a provider of a dialect wants to hear with the question, besides who pays."""

_PREFIX = "models/"
_CHAT_METHOD = "generateContent"
_PRICES = {
    "input": "prompt",
    "output": "completion",
    "cache_read": "input_cache_read",
    "cache_write": "input_cache_write",
}

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """One model. Limits are in tokens, ``prices`` for one token; ``abilities`` are the provider's words."""

    id: str
    label: str = ""
    context: int | None = None
    max_output: int | None = None
    prices: dict[str, str] = field(default_factory=dict[str, str])
    abilities: tuple[str, ...] = ()
    retires: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its rows, and the path of the next one, or None."""

    rows: tuple[Listed, ...]
    next: str | None = None


def path_of(dialect: str) -> str:
    """The path of the first page at a provider of this dialect."""
    return _PATHS[dialect]


def read_page(dialect: str, body: bytes) -> Page:
    """One page of a provider's list. Raises ``ProviderProtocolError`` where the body is none."""
    value = _object(body)
    rows = value.get("models" if dialect in ("gemini", "ollama") else "data")
    if rows is None and isinstance(value.get("models"), list):  # some servers imitate both
        rows = value["models"]
    if not isinstance(rows, list):
        raise ProviderProtocolError("the provider's answer is no list of models")
    read = _READ[dialect]
    listed = [read(cast("Fields", row)) for row in cast("list[Any]", rows)[:ROWS_MAX] if isinstance(row, dict)]
    kept = tuple(row for row in listed if row is not None and 0 < len(row.id) <= ID_CHARS_MAX)
    return Page(kept, _NEXT.get(dialect, _last)(value))


def read_ollama_show(model: str, body: bytes) -> Listed:
    """Ollama's description of one model. Raises ``ProviderProtocolError`` where the body is none."""
    value = _object(body)
    info = value.get("model_info")
    known = cast("Fields", info) if isinstance(info, dict) else {}
    context = next((first_count(known, name) for name in known if name.endswith(".context_length")), None)
    return Listed(model, context=context, abilities=tuple(_texts(value.get("capabilities"))))


def _object(body: bytes) -> Fields:
    try:
        value = scrub(parse_json(body))
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, list):  # some servers give the bare list
        value = {"data": cast("list[Any]", value)}
    if not isinstance(value, dict):
        raise ProviderProtocolError("the provider's answer is no list of models")
    return cast("Fields", value)


def _anthropic(row: Fields) -> Listed:
    return Listed(
        as_text(row.get("id")),
        as_text(row.get("display_name")),
        first_count(row, "max_input_tokens"),
        first_count(row, "max_tokens"),
        abilities=tuple(_supported(row.get("capabilities"))),
        retires=as_text(row.get("retires_at")) or None,
    )


def _openai(row: Fields) -> Listed:
    """OpenAI's row is an id; those who imitate it add what they like, OpenRouter the most."""
    top = row.get("top_provider")
    return Listed(
        as_text(row.get("id")),
        as_text(row.get("name")),
        first_count(row, "context_length", "context_window", "max_context_length", "max_model_len"),
        first_count(top, "max_completion_tokens") or first_count(row, "max_completion_tokens"),
        _prices(row.get("pricing")),
        tuple(_texts(row.get("supported_parameters"))),
        as_text(row.get("expiration_date")) or None,
    )


def _gemini(row: Fields) -> Listed | None:
    """Models that embed, draw or are counted with only are not for a chat."""
    methods = tuple(_texts(row.get("supportedGenerationMethods")))
    if _CHAT_METHOD not in methods:
        return None
    return Listed(
        as_text(row.get("name")).removeprefix(_PREFIX),
        as_text(row.get("displayName")),
        first_count(row, "inputTokenLimit"),
        first_count(row, "outputTokenLimit"),
        abilities=("thinking",) if row.get("thinking") is True else (),
    )


def _ollama(row: Fields) -> Listed:
    details = row.get("details")
    fields = cast("Fields", details) if isinstance(details, dict) else {}
    words = (as_text(fields.get("parameter_size")), as_text(fields.get("quantization_level")))
    name = as_text(row.get("model")) or as_text(row.get("name"))
    return Listed(name, " ".join(filter(None, words)), abilities=tuple(_texts(row.get("capabilities"))))


def _prices(pricing: Any) -> dict[str, str]:
    """Prices in decimal text; a negative one marks what has none of its own."""
    fields = cast("Fields", pricing) if isinstance(pricing, dict) else {}
    prices = {name: as_text(fields.get(word)) for name, word in _PRICES.items()}
    return {name: price for name, price in prices.items() if price and not price.startswith("-")}


def _supported(capabilities: Any) -> Iterator[str]:
    for name, inner in (cast("Fields", capabilities) if isinstance(capabilities, dict) else {}).items():
        if isinstance(inner, dict) and cast("Fields", inner).get("supported") is True:
            yield name


def _texts(value: Any) -> Iterator[str]:
    for each in cast("list[Any]", value) if isinstance(value, list) else []:
        if isinstance(each, str):
            yield each


def _after_id(value: Fields) -> str | None:
    last = as_text(value.get("last_id"))
    return f"{_PATHS['anthropic']}&after_id={quote(last, safe='')}" if last and value.get("has_more") is True else None


def _page_token(value: Fields) -> str | None:
    token = as_text(value.get("nextPageToken"))
    return f"{_PATHS['gemini']}&pageToken={quote(token, safe='')}" if token else None


def _last(_value: Fields) -> str | None:
    return None


_PATHS = {
    "anthropic": "/v1/models?limit=1000",
    "openai-chat": "/models",
    "openai-responses": "/models",
    "gemini": "/models?pageSize=1000",
    "ollama": "/api/tags",
}
_READ: dict[str, Callable[[Fields], Listed | None]] = {
    "anthropic": _anthropic,
    "openai-chat": _openai,
    "openai-responses": _openai,
    "gemini": _gemini,
    "ollama": _ollama,
}
_NEXT: dict[str, Callable[[Fields], str | None]] = {"anthropic": _after_id, "gemini": _page_token}
