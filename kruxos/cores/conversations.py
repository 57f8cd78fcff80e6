"""Conversations that moved to another provider stay there, where their prompt cache is.

A conversation that was answered elsewhere than at its first candidate goes on there until it pauses for longer than
that provider keeps its cache, or until that provider fails it. Then the documented order holds again.

What makes two calls one conversation: the name that the agent gives it (``conversation``), else the beginnings of its
messages (``prefixes`` of the open frame), each as a hash over all messages up to there: first that of the whole
request, then those where earlier requests may have ended, the longest first. Bodies are opaque here, so the
client makes the hashes; a client that sends neither has conversations that do not stay.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

CONVERSATIONS_MAX = 50_000
PREFIXES_MAX = 8


def names_of(conversation: str | None, prefixes: Sequence[str]) -> list[str]:
    """What a call's conversation may be known by."""
    if conversation:
        return [f"name {conversation}"]
    return [f"prefix {prefix}" for prefix in prefixes[:PREFIXES_MAX]]


@dataclass(slots=True)
class Conversations:
    """Where conversations went: by agent, wished model and name the provider, and until when that counts."""

    _moved: OrderedDict[tuple[str, str, str], tuple[str, float]] = field(
        default_factory=OrderedDict[tuple[str, str, str], tuple[str, float]]
    )

    def stays_with(self, agent: str, model: str | None, names: Sequence[str], now: float) -> str | None:
        """The provider that the conversation moved to, if that still counts."""
        for name in names:
            provider, until = self._moved.get((agent, model or "", name), ("", now))
            if until > now:
                return provider
        return None

    def moved(self, agent: str, model: str | None, names: Sequence[str], provider: str, until: float) -> None:
        """The conversation was answered by a provider that was not its first candidate."""
        if not names:
            return
        self.back(agent, model, names)
        self._moved[agent, model or "", names[0]] = (provider, until)
        while len(self._moved) > CONVERSATIONS_MAX:
            self._moved.popitem(last=False)

    def back(self, agent: str, model: str | None, names: Sequence[str]) -> None:
        """The conversation is where it belongs, or the provider that it moved to has failed it."""
        for name in names:
            self._moved.pop((agent, model or "", name), None)

    def __len__(self) -> int:
        return len(self._moved)
