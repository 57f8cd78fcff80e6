"""Which providers have batches, and in which dialect."""

from __future__ import annotations

from .anthropic.batch import ANTHROPIC_BATCH
from .batching import BatchDialect
from .gemini.batch import GEMINI_BATCH
from .openai_batch import openai_batch

_AT: dict[tuple[str, str], BatchDialect] = {
    ("anthropic", "anthropic"): ANTHROPIC_BATCH,
    ("openai", "openai-responses"): openai_batch("/responses"),
    ("openai", "openai-chat"): openai_batch("/chat/completions"),
    ("gemini", "gemini"): GEMINI_BATCH,
}
"""By profile and dialect: one that merely imitates a protocol need not have its batches."""


def batch_dialect(profile: str, dialect: str) -> BatchDialect | None:
    """The ways of a provider with batches; None where it has none."""
    return _AT.get((profile, dialect))
