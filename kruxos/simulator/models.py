"""What the simulated providers sell: the catalogue's models, older ones that people still ask for, and those given.

A model is gone from the day on which the catalogue or its provider says it retires: then it is refused as unknown
ones are, as the providers do. ``traits`` name what a single model does differently and no column of the catalogue
says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from kruxos import catalog
from kruxos.catalog import Model, Thinking

_DATE = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2})$")
_ANTHROPIC_SDK = "Anthropic SDK 2.12.0: deprecated models"
_OPENAI_SDK = "OpenAI SDK 3.54.0: chat models, deprecations"
_AS_OF = "2026-11-22"
_BUDGET = Thinking((), "none", ("enabled",))
_ALWAYS = Thinking(("low", "medium", "high"), "medium")
_PLAIN = Thinking((), "none")
_SWITCH = Thinking(("none", "high"), "none")
_GROK = "xAI docs: reasoning; pydantic-ai: profiles/grok.py"


def _claude(model: str, retired: str, *aliases: str, thinking: Thinking = _PLAIN) -> Model:
    output = 4096 if model.startswith("claude-3-opus") else 8192 if "3-5" in model else 64_000
    return Model(
        "anthropic", model, _ANTHROPIC_SDK, _AS_OF, aliases, 200_000, None, output, thinking=thinking, retired=retired
    )


def _gpt(
    model: str, retires: str, *aliases: str, context: int = 128_000, output: int = 16_384, thinking: Thinking = _PLAIN
) -> Model:
    refuses = ("stop",) if thinking is _ALWAYS else ()
    return Model(
        "openai", model, _OPENAI_SDK, _AS_OF, aliases, context, None, output,
        thinking=thinking, refuses=refuses, retires=retires,
    )  # fmt: skip


OLDER: tuple[Model, ...] = (
    _claude("claude-3-opus-20240229", "2026-01-05"),
    _claude("claude-3-5-haiku-20241022", "2026-02-19", "claude-3-5-haiku-latest"),
    _claude("claude-3-7-sonnet-20250219", "2026-02-19", "claude-3-7-sonnet-latest", thinking=_BUDGET),
    _gpt("gpt-4.1-nano", "2026-10-23", context=1_047_576, output=32_768),
    _gpt("gpt-4o-2024-05-13", "2026-10-23", output=4096),
    _gpt("chatgpt-4o-latest", "2026-02-17"),
    _gpt("gpt-4o-search-preview", "2026-07-23"),
    _gpt("gpt-4-turbo", "2026-10-23", output=4096),
    _gpt("gpt-4-vision-preview", "2024-12-06", output=4096),
    _gpt("gpt-4", "2026-10-23", context=8192, output=8192),
    _gpt("gpt-3.5-turbo", "2026-10-23", "gpt-3.5-turbo-0125", context=16_385, output=4096),
    _gpt("gpt-3.5-turbo-1106", "2026-09-28", context=16_385, output=4096),
    _gpt("gpt-3.5-turbo-0613", "2024-09-13", context=4096, output=4096),
    _gpt("o1", "2026-10-23", context=200_000, output=100_000, thinking=_ALWAYS),
    _gpt("o3-mini", "2026-10-23", context=200_000, output=100_000, thinking=_ALWAYS),
    _gpt("o1-mini", "2025-10-27", output=65_536, thinking=_ALWAYS),
    _gpt("o1-preview", "2025-07-28", output=32_768, thinking=_ALWAYS),
    Model("grok", "grok-4.5", _GROK, _AS_OF, thinking=Thinking(("low", "medium", "high"), "high")),
    Model("grok", "grok-4.6", _GROK, _AS_OF, thinking=Thinking(("low", "medium", "high", "xhigh"), "high")),
    Model("grok", "grok-3-mini", _GROK, _AS_OF, thinking=Thinking(("none", "low", "high"), "low")),
    Model("grok", "grok-code-fast-1", _GROK, _AS_OF, thinking=_PLAIN),
    Model("glm", "glm-5.3", "pydantic-ai: profiles/zai.py", _AS_OF, thinking=Thinking(("low", "high", "max"), "high")),
    Model("mistral", "mistral-small-latest", "Mistral docs: reasoning", _AS_OF, thinking=_SWITCH),
    Model("mistral", "mistral-medium-3-5", "Mistral docs: reasoning", _AS_OF, thinking=_SWITCH),
    Model("groq", "openai/gpt-oss-20b", "Groq docs: models", _AS_OF, thinking=_ALWAYS),
    Model("groq", "meta-llama/llama-guard-4-12b", "recorded answers", _AS_OF, thinking=_PLAIN),
    Model("openrouter", "google/gemma-3n-e4b-it", "recorded answers", _AS_OF, thinking=_PLAIN),
    Model("ollama", "gemma3", "Ollama's library: no tools", _AS_OF, context=131_072, thinking=_PLAIN),
)

# What single models do differently, with the place that says so.
TRAITS: dict[tuple[str, str], tuple[str, ...]] = {
    # Anthropic docs: effort. Thinking may be disabled only at effort high or less.
    ("anthropic", "claude-opus-5"): ("disabled_up_to_high",),
    # Anthropic docs: Messages API. A system turn may stand among the others.
    ("anthropic", "claude-opus-4-8"): ("system_turns",),
    ("anthropic", "claude-fable-5"): ("system_turns",),
    # Anthropic docs: errors. Input and max_tokens together must fit the window.
    ("anthropic", "claude-opus-4-1-20250805"): ("strict_window",),
    ("anthropic", "claude-opus-4-20250514"): ("strict_window",),
    ("anthropic", "claude-sonnet-4-20250514"): ("strict_window",),
    ("anthropic", "claude-3-7-sonnet-20250219"): ("strict_window",),
    # Ollama's library: the model's template has no tools.
    ("ollama", "gemma3"): ("no_tools",),
    # DeepSeek docs: models. Only the smaller one sees.
    ("deepseek", "deepseek-v4-pro"): ("no_images",),
    # Recorded answers of Groq: no tools.
    ("groq", "meta-llama/llama-guard-4-12b"): ("no_tools",),
    # Recorded answers of OpenRouter: no system message.
    ("openrouter", "google/gemma-3n-e4b-it"): ("no_system",),
    # Recorded answers of OpenAI: no system message.
    ("openai", "o1-mini"): ("no_system",),
    ("openai", "o1-preview"): ("no_system",),
}


@dataclass(frozen=True, slots=True)
class Sold:
    """A model on sale, and what it does differently."""

    row: Model
    traits: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The id that answers name."""
        return self.row.id

    @property
    def efforts(self) -> tuple[str, ...]:
        """The levels of thinking that it takes; empty where it takes none, or nothing is known."""
        return self.row.thinking.efforts if self.row.thinking else ()

    @property
    def reasons(self) -> bool:
        """Whether it thinks at some level when it is told nothing, or can be told to."""
        return self.row.thinking is not None and (bool(self.efforts) or self.row.thinking.default != "none")


@dataclass(frozen=True, slots=True)
class Gone:
    """A model that was sold until a day."""

    row: Model


class Shop:
    """All models of all providers. ``dated`` providers sell every dated form of a model they sell."""

    def __init__(self, extra: Iterable[Model] = ()) -> None:
        self._own = tuple(extra)

    def find(self, provider: str, model: str, now: float, *, dated: bool) -> Sold | Gone | None:
        """The model of that name on the day of ``now`` (Unix seconds)."""
        row = next((row for row in self._own if row.profile == provider and model in (row.id, *row.aliases)), None)
        if row is not None:
            return _sold(row)
        row = _older(provider, model) or catalog.lookup(provider, model) or _older(provider, _DATE.sub("", model))
        if row is None and provider in _FORMS:
            row = _FORMS[provider](model, now)
        if row is None or (_DATE.search(model) and not dated and model not in (row.id, *row.aliases)):
            return None
        if _is_gone(row, now) and provider in _REDIRECTING and row.successor:
            return self.find(provider, row.successor, now, dated=dated)
        return Gone(row) if _is_gone(row, now) else _sold(row)

    def on_sale(self, provider: str, now: float) -> Iterator[Sold]:
        """Every model of a provider that can be had on the day of ``now``."""
        for row in (*self._own, *catalog.models(), *OLDER):
            if row.profile == provider and (row in self._own or not _is_gone(row, now)):
                yield _sold(row)
            elif provider == _RESELLER and row.profile in _AUTHORS and not _is_gone(row, now):
                yield _sold(replace(row, profile=provider, id=f"{_AUTHORS[row.profile]}/{row.id}"))


def _sold(row: Model) -> Sold:
    own = TRAITS.get((row.profile, row.id))
    return Sold(row, own if own is not None else TRAITS.get((row.profile, row.id.partition(":")[0]), ()))


def _tagged(model: str, _now: float) -> Model | None:
    """A model whose tag says its size: its ways are its family's, its name is its own."""
    family, _, tag = model.partition(":")
    row = catalog.lookup("ollama", family) or _older("ollama", family)
    return replace(row, id=model) if row is not None and tag else None


_RESELLER = "openrouter"
_AUTHORS = {
    "anthropic": "anthropic", "openai": "openai", "gemini": "google", "deepseek": "deepseek", "glm": "z-ai",
    "grok": "x-ai", "mistral": "mistralai",
}  # fmt: skip
_REDIRECTING = ("grok",)
"""Whose retired names go on, and are served by what came after (xAI docs: models)."""


def _resold(model: str, now: float) -> Model | None:
    """A model of somebody else: ``author/slug``, perhaps with a variant behind a colon."""
    author, _, slug = model.partition("/")
    profile = next((name for name, word in _AUTHORS.items() if word == author), "")
    plain, slug = model.partition(":")[0], slug.partition(":")[0]
    own = _older(_RESELLER, plain)
    if own is not None:
        return replace(own, id=model)
    row = _older(profile, slug) or catalog.lookup(profile, slug)
    return None if row is None or _is_gone(row, now) else replace(row, profile=_RESELLER, id=model)


_FORMS = {"ollama": _tagged, _RESELLER: _resold}
"""Names that are a known model's in another form."""


def _older(provider: str, model: str) -> Model | None:
    return next((row for row in OLDER if row.profile == provider and model in (row.id, *row.aliases)), None)


def _is_gone(row: Model, now: float) -> bool:
    day = row.retired or row.retires
    return day is not None and datetime.fromtimestamp(now, UTC).date().isoformat() >= day
