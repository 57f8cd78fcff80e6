"""Dialects and profiles by name."""

from __future__ import annotations

from .anthropic import ANTHROPIC
from .base import Dialect
from .gemini import GEMINI
from .ollama import OLLAMA
from .openai_chat import OPENAI_CHAT
from .openai_responses import OPENAI_RESPONSES
from .profiles import PROFILES

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect for dialect in (ANTHROPIC, OPENAI_CHAT, OPENAI_RESPONSES, GEMINI, OLLAMA)
}

__all__ = ["DIALECTS", "PROFILES"]
