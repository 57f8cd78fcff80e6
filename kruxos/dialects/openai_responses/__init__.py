"""OpenAI Responses, of OpenAI itself, of the Codex backend and of other servers, both ways."""

from .dialect import OPENAI_RESPONSES

__all__ = ["OPENAI_RESPONSES"]
