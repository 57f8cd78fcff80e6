"""OpenAI Chat Completions and its many imitations, both ways."""

from .dialect import OPENAI_CHAT

__all__ = ["OPENAI_CHAT"]
