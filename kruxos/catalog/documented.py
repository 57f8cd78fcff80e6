"""What the product's documentation says of providers and models, beside which ours is shown where it differs.

Data only. Nothing is decided by it: prices, models and abilities are those of the catalogue and the profiles.
"""

from __future__ import annotations

from collections.abc import Mapping

PRICES: Mapping[tuple[str, str], tuple[str, str]] = {
    ("anthropic", "claude-sonnet-4-6"): ("3", "15"),
    ("anthropic", "claude-opus-4-6"): ("15", "75"),
    ("anthropic", "claude-haiku-4-5-20251001"): ("0.80", "4"),
    ("anthropic", "claude-sonnet-4-5-20250929"): ("3", "15"),
    ("anthropic", "claude-opus-4-5-20251101"): ("15", "75"),
    ("anthropic", "claude-opus-4-1-20250805"): ("15", "75"),
    ("anthropic", "claude-sonnet-4-20250514"): ("3", "15"),
    ("anthropic", "claude-opus-4-20250522"): ("15", "75"),
    ("openai", "gpt-5.4"): ("5", "15"),
    ("openai", "gpt-5.4-mini"): ("1.50", "6"),
    ("openai", "gpt-5.4-nano"): ("0.50", "2"),
    ("openai", "gpt-5.2"): ("5", "15"),
    ("openai", "gpt-4o"): ("2.50", "10"),
    ("gemini", "gemini-2.5-flash"): ("0.15", "0.60"),
    ("gemini", "gemini-2.5-pro"): ("1.25", "5"),
    ("deepseek", "deepseek-chat"): ("0.27", "1.10"),
}
"""By profile and model id: input and output, in US dollars for a million tokens."""

COLUMNS = ("Auth", "Thinking", "Caching", "Compaction", "Batch", "Token Pre-flight")
_CLIENT = "Client-side fallback"
MATRIX: Mapping[str, tuple[str, ...]] = {
    "Anthropic": (
        "API Key", "Adaptive effort", "Explicit (auto-managed)", "Native server-side", "50% discount", "Yes",
    ),
    "OpenAI": ("API Key", "Reasoning effort", "Automatic", "Native (Responses API)", "Yes", "No"),
    "OpenAI Codex": ("OAuth", "Same as OpenAI", "Automatic", "Same as OpenAI", "No (flat rate)", "No"),
    "Gemini": ("API Key", "Partial (low/med/high)", "Automatic", _CLIENT, "No", "No"),
    "DeepSeek": ("API Key", "Always-on (no control)", "Automatic", _CLIENT, "No", "No"),
    "GLM": ("API Key", "Binary (on/off)", "Automatic", _CLIENT, "No", "No"),
    "Grok": ("API Key", "Limited (low/high)", "Automatic", _CLIENT, "No", "No"),
    "Mistral": ("API Key", "None", "Automatic", _CLIENT, "No", "No"),
    "Groq": ("API Key", "None", "Automatic", _CLIENT, "No", "No"),
    "OpenRouter": ("API Key", "Pass-through", "Per upstream model", _CLIENT, "No", "No"),
    "Ollama": ("None", "None", "N/A", _CLIENT, "N/A", "No"),
}  # fmt: skip
"""The Feature Comparison Matrix, by provider; the cells are those of ``COLUMNS``."""

_EFFORT = {"none": "none", "low": "low", "medium": "medium", "high": "high", "max": "xhigh"}
_IGNORED = dict.fromkeys(_EFFORT, "ignored")
_THREE = {"none": "not offered", "low": "low", "medium": "medium", "high": "high", "max": "not offered"}
EFFORTS: Mapping[str, Mapping[str, str]] = {
    "anthropic": _EFFORT | {"max": "max"},
    "openai": _EFFORT,
    "openai-codex": _EFFORT,
    "gemini": _THREE,
    "deepseek": _IGNORED,
    "glm": {"none": "false", "low": "false", "medium": "true", "high": "true", "max": "true"},
    "grok": {"none": "low", "low": "low", "medium": "high", "high": "high", "max": "high"},
    "mistral": _IGNORED,
    "groq": _IGNORED,
    "openrouter": _THREE,
    "ollama": _IGNORED,
}
"""By profile: what each level of ``thinking_effort`` becomes."""
