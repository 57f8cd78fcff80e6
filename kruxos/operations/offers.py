"""What `kruxos model add` offers: a row for each word that it takes, as the product document recommends them.

Data only. Prices, limits and what has been retired since are the catalogue's (``kruxos.catalog``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kruxos.config.model import ProviderType
from kruxos.dialects.profiles import PROFILES


@dataclass(frozen=True, slots=True)
class Offer:
    """One word. ``type`` is what models.yaml says, ``model`` and ``label`` the document's recommendation.

    ``base_url`` is written where the type alone does not say it. ``name`` is the provider's name unless another is
    given; ``example`` is the one that the document's examples use.
    """

    type: str
    model: str
    label: str
    name: str
    example: str
    base_url: str | None = None


def _compatible(name: str, model: str, label: str, *, example: str | None = None, base_url: str | None = None) -> Offer:
    return Offer("openai", model, label, name, example or name, base_url or PROFILES[name].base_url)


OFFERS: Mapping[str, Offer] = {
    "anthropic": Offer("anthropic", "claude-sonnet-4-6", "Claude Sonnet 4.6", "anthropic", "claude-api"),
    "openai": Offer("openai", "gpt-5.4", "GPT-5.4", "openai", "openai-api"),
    "openai-codex": Offer("openai-codex", "gpt-5.4", "GPT-5.4 (Subscription)", "openai-codex", "codex-subscription"),
    "gemini": Offer("gemini", "gemini-2.5-flash", "Gemini 2.5 Flash", "gemini", "gemini-api"),
    "deepseek": _compatible("deepseek", "deepseek-chat", "DeepSeek V3", base_url="https://api.deepseek.com/v1"),
    "glm": _compatible("glm", "glm-5", "GLM-5", example="glm-5"),
    "grok": _compatible("grok", "grok-4", "Grok 4"),
    "mistral": _compatible("mistral", "mistral-large-latest", "Mistral Large"),
    "groq": _compatible("groq", "llama-3.3-70b-versatile", "Groq Llama 3.3 70B"),
    "openrouter": Offer("openrouter", "meta-llama/llama-3.1-405b-instruct", "OpenRouter", "openrouter", "openrouter"),
    # The document's commands call it local-default wherever they name it.
    "local": Offer("local", "llama3.3:8b", "Local Llama", "local-default", "local-default"),
    "ollama": Offer("ollama", "llama3.3:8b", "Local Llama", "ollama", "local-default"),
}

CANONICAL: Mapping[str, ProviderType] = {
    "anthropic": "anthropic", "openai": "openai", "openai-codex": "openai-codex", "gemini": "gemini",
    "openrouter": "openrouter", "local": "ollama", "ollama": "ollama",
}  # fmt: skip
"""The types of models.yaml, and what each is called within."""
