"""Which model for what: the documentation's recommendations, with what took a retired model's place."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from kruxos import catalog
from kruxos.dialects.profiles import PROFILES, choose_profile
from kruxos.fields import Fields
from kruxos.operations.base import Context, Operation


@dataclass(frozen=True, slots=True)
class Recommendation:
    """``use`` is what somebody wants; ``type`` the word for `kruxos model add`; ``why`` in a few words."""

    use: str
    type: str
    model: str
    why: str


RECOMMENDATIONS: tuple[Recommendation, ...] = (
    Recommendation("best reasoning", "anthropic", "claude-opus-4-6", "best at complex tasks"),
    Recommendation("daily use", "anthropic", "claude-sonnet-4-6", "strong, for a fraction of Opus"),
    Recommendation("always-on agents", "openai-codex", "gpt-5.4", "a flat rate by the month"),
    Recommendation("fastest", "groq", "llama-3.3-70b-versatile", "runs on hardware of its own"),
    Recommendation("cheapest", "gemini", "gemini-2.5-flash", "low price for each token"),
    Recommendation("testing", "anthropic", "claude-haiku-4-5-20251001", "the cheapest Claude"),
    Recommendation("privacy", "local", "llama3.3:8b", "nothing leaves this machine"),
    Recommendation("budget reasoning", "deepseek", "deepseek-chat", "reasons well at a low price"),
    Recommendation("code", "anthropic", "claude-sonnet-4-6", "excellent at code"),
    Recommendation("code", "openai", "gpt-5.4", "excellent at code"),
    Recommendation("openrouter: code", "openrouter", "meta-llama/llama-3.1-405b-instruct", "open weights"),
    Recommendation("openrouter: code", "openrouter", "qwen/qwen-2.5-coder-32b-instruct", "open weights"),
    Recommendation("openrouter: research", "openrouter", "anthropic/claude-3.5-sonnet", "long context"),
    Recommendation("openrouter: research", "openrouter", "google/gemini-pro-1.5", "long context"),
    Recommendation("openrouter: cheap chat", "openrouter", "meta-llama/llama-3.1-8b-instruct", "small"),
    Recommendation("openrouter: cheap chat", "openrouter", "mistralai/mistral-7b-instruct", "small"),
    Recommendation("openrouter: reasoning", "openrouter", "deepseek/deepseek-r1", "made to reason"),
    Recommendation("openrouter: retrieval", "openrouter", "cohere/command-r-plus", "made for retrieval"),
)
_PROFILES = {"local": "ollama"}


async def recommend(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """The recommendations, or those with ``term`` in their use. Prices are US dollars for a million tokens.

    No id is retired today: ``model`` is what answers, ``instead_of`` the documentation's own id where that is another.
    ``providers`` are those of models.yaml that are of this type already.
    """
    term = (Fields(arguments).maybe_text("term", limit=256) or "").lower()
    config = await context.read_config()
    kinds: dict[str, list[str]] = {}
    for provider in config.providers.values():
        kinds.setdefault(_kind(provider.type, provider.base_url), []).append(provider.name)
    today = catalog.day_of(time.time())
    shown = [
        _shown(each, today) | {"providers": kinds.get(each.type, [])} for each in RECOMMENDATIONS if term in each.use
    ]
    return {"recommendations": [each for each in shown if each["model"] is not None]}


def _kind(type_name: str, base_url: str) -> str:
    """The word for `kruxos model add` that makes such a provider."""
    profile = choose_profile(type_name, base_url, None)
    at = type_name if profile is None else profile.name
    return "local" if at == "ollama" else at


def _shown(recommended: Recommendation, today: str) -> dict[str, Any]:
    profile = PROFILES[_PROFILES.get(recommended.type, recommended.type)]
    shelf = profile.catalogue or profile.name
    instead = catalog.replacement(shelf, recommended.model, today)
    model = recommended.model if instead is None else instead.new
    row = catalog.lookup(shelf, model)
    gone = row is not None and row.is_retired(today)
    prices = None if row is None else row.prices
    return {
        "use": recommended.use,
        "type": recommended.type,
        "model": None if gone else model,
        "instead_of": None if instead is None else recommended.model,
        "why": recommended.why,
        "ends": None if row is None else row.gone_from,
        "input_price": None if prices is None else format(prices.input, "f"),
        "output_price": None if prices is None else format(prices.output, "f"),
        "command": f"kruxos model add {recommended.type} --model {model}",
    }


OPERATIONS = (Operation("model.recommend", recommend, reads=True),)
