"""What differs between providers of one dialect: rows of plain values, no behaviour.

A behaviour that two rows need is a named, tested function of the dialect, chosen here by name.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """One provider's or server's ways. ``auth`` is ``x-api-key`` or ``bearer``."""

    name: str
    dialect: str
    base_url: str
    auth: str = "bearer"


ANTHROPIC = Profile("anthropic", "anthropic", "https://api.anthropic.com", auth="x-api-key")
OPENAI = Profile("openai", "openai-chat", "https://api.openai.com/v1")
GENERIC = Profile("generic", "openai-chat", "")
