"""Why a prefix that should have been read from the cache was not: the likely cause, for people.

Only hashes are known here, never words: that a system prompt holds a clock is told where nothing but its numbers
changed and it has a time or a day in it.
"""

from __future__ import annotations

from typing import NamedTuple

from .book import Conversation
from .prefix import Chain, Level
from .rhythm import LONG_S

ENOUGH = 0.8
"""The share of what was expected that counts as a hit."""


class Miss(NamedTuple):
    """``cause``: model, tools, system, clock, messages, lifetime or dropped. ``message``: which one, from 0."""

    cause: str
    words: str
    message: int | None = None


def cause_of(before: Conversation, chain: Chain, model: str, now: float) -> Miss:
    """What differs from the conversation's last request; nothing does where it came too late, or was dropped."""
    if before.model != model:
        return Miss("model", f"the model changed: caches of {before.model} and {model} are apart")
    if before.tools != _end_of(chain, "tools"):
        return Miss("tools", "the tools changed, with which every prefix begins")
    if before.system != _end_of(chain, "system"):
        if chain.has_clock and before.plain_system == chain.plain_system:
            words = (
                "the system prompt changed in its numbers only: it seems to contain a clock; put that into a message"
            )
            return Miss("clock", words)
        return Miss("system", "the system prompt changed")
    changed = _changed_message(before, chain)
    if changed is not None:
        return Miss("messages", f"the prefix changed at message {changed}", changed)
    if before.until <= now:
        pause_s = now - before.at
        words = f"its lifetime was over, after a pause of {_span(pause_s)}"
        return Miss("lifetime", words)
    return Miss("dropped", "the request began as before; the provider did not have it any more")


def _changed_message(before: Conversation, chain: Chain) -> int | None:
    """The first message block that is another one now."""
    now = [block.own for block in chain.blocks if block.level == "messages"]
    for at, own in enumerate(before.messages):
        if at >= len(now) or now[at] != own:
            return at
    return None


def _end_of(chain: Chain, level: Level) -> bytes:
    return next((block.digest for block in reversed(chain.blocks) if block.level == level), b"")


def _span(seconds: float) -> str:
    return f"{seconds / LONG_S:.1f} hours" if seconds >= LONG_S else f"{seconds / 60:.0f} minutes"
