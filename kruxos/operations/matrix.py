"""The Feature Comparison Matrix, from the tables that the code itself goes by; the documentation's cell beside ours.

Nothing here knows what a provider can do. Signing in is the type's, thinking the catalogue's row of the default model,
caching what the row charges; the rest is what is named in ``kruxos.dialects.features``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kruxos import catalog
from kruxos.catalog import documented
from kruxos.config.resolve import TYPES
from kruxos.dialects import features
from kruxos.dialects.ollama.thinking import family_of
from kruxos.dialects.profiles import PROFILES, Profile
from kruxos.operations.base import Context, Operation
from kruxos.operations.efforts import default_model
from kruxos.operations.offers import CANONICAL, OFFERS

PROFILE_OF = {
    "Anthropic": "anthropic", "OpenAI": "openai", "OpenAI Codex": "openai-codex", "Gemini": "gemini",
    "DeepSeek": "deepseek", "GLM": "glm", "Grok": "grok", "Mistral": "mistral", "Groq": "groq",
    "OpenRouter": "openrouter", "Ollama": "ollama",
}  # fmt: skip
_AUTHS = {"api_key": "API Key", "oauth": "OAuth", "none": "None"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: ours, the documentation's, and why they differ; empty where they do not."""

    ours: str
    documented: str
    why: str


def matrix(today: str) -> dict[str, dict[str, Cell]]:
    """All rows by provider, all cells by column, for a day (ISO)."""
    return {name: dict(_row(name, cells, today)) for name, cells in documented.MATRIX.items()}


def _row(name: str, cells: tuple[str, ...], today: str) -> Iterator[tuple[str, Cell]]:
    profile = PROFILES[PROFILE_OF[name]]
    model = default_model(profile, today)
    for column, said in zip(documented.COLUMNS, cells, strict=True):
        ours = _CELLS[column](profile, model, said)
        why = "" if ours == said else WHY.get((name, column)) or WHY.get(("", column)) or ""
        yield column, Cell(ours, said, why)


def _auth(profile: Profile, _model: str, _said: str) -> str:
    return _AUTHS[TYPES[CANONICAL[OFFERS[profile.name].type]].auths[0]]


def _thinking(profile: Profile, model: str, said: str) -> str:
    row = family_of(model) if profile.dialect == "ollama" else catalog.lookup(profile.catalogue or profile.name, model)
    ways = None if row is None else row.thinking
    if profile.thinking == "passed_through":
        return "Pass-through"
    if ways is None:
        return "Not known for its default model"
    if not ways.efforts:
        return "None" if ways.default == "none" else "Always on"
    if "adaptive" in ways.forms:
        return "Adaptive effort"
    levels = "/".join(ways.efforts)
    if set(ways.efforts) == {"none", "high"}:
        return "Binary (on/off)"
    named = "Same as OpenAI" if profile.catalogue == "openai" else "Reasoning effort"
    return named if said == named else f"Effort: {levels}"


def _caching(profile: Profile, model: str, _said: str) -> str:
    if profile.dialect == "ollama":
        return "N/A"
    if profile.thinking == "passed_through":
        return "Per upstream model"
    if profile.name in features.MANAGED_CACHES:
        return features.MANAGED_CACHES[profile.name]
    row = catalog.lookup(profile.catalogue or profile.name, model)
    reads = row is not None and row.prices is not None and row.prices.cache_read is not None
    return "Automatic" if reads else "None known"


def _named(table: Mapping[str, str], otherwise: str) -> Callable[[Profile, str, str], str]:
    return lambda profile, _model, _said: table.get(profile.name, otherwise)


_CELLS: Mapping[str, Callable[[Profile, str, str], str]] = {
    "Auth": _auth,
    "Thinking": _thinking,
    "Caching": _caching,
    "Compaction": _named(features.COMPACTION, features.CLIENT_COMPACTION),
    "Batch": _named(features.BATCH, "No"),
    "Token Pre-flight": _named(features.COUNTING, "No"),
}
WHY: Mapping[tuple[str, str], str] = {
    ("Gemini", "Thinking"): "gemini-2.5-flash can be told to stop, and takes budgets up to its most",
    ("DeepSeek", "Thinking"): "today's models take a switch and three efforts; the documented one is retired",
    ("Grok", "Thinking"): "grok-4.3, which answers for grok-4, takes these",
    ("Groq", "Thinking"): "gpt-oss-120b, which answers for the documented Llama, always thinks at one of these",
    ("Ollama", "Thinking"): "whether a local model thinks depends on its family; those that are known are told",
    ("OpenAI Codex", "Compaction"): "its own endpoint is not used in this version: the same model writes a summary",
    ("Gemini", "Batch"): "its API takes batches now, at half the price, within a day",
    ("OpenAI", "Token Pre-flight"): "the Responses API counts input tokens by an endpoint of its own",
    ("Gemini", "Token Pre-flight"): "countTokens counts for nothing",
}
"""Why a cell differs, by provider and column; an empty provider: every one that has no reason of its own."""


async def show_matrix(_context: Context, _arguments: dict[str, Any]) -> dict[str, Any]:
    """The matrix: rows with a provider's name and its cells by column, each with ours, documented and why."""
    rows = matrix(catalog.day_of(time.time()))
    return {
        "columns": list(documented.COLUMNS),
        "rows": [
            {
                "provider": name,
                "cells": {
                    column: {"ours": cell.ours, "documented": cell.documented, "why": cell.why}
                    for column, cell in cells.items()
                },
            }
            for name, cells in rows.items()
        ],
    }


OPERATIONS = (Operation("model.matrix", show_matrix, reads=True),)
