"""Conversations that moved to another provider stay there, where their prompt cache is.

A conversation that was answered elsewhere than at its first candidate goes on there until it pauses for longer than
that provider keeps its cache, or until that provider fails it. Then the documented order holds again.

What makes two calls one conversation: the name that the agent gives it (``conversation``), else the beginnings of its
messages (``prefixes`` of the open frame), each as a hash over all messages up to there: first that of the whole
request, then those where earlier requests may have ended, the longest first. A call goes on where a call ended whose
whole request is one of its beginnings; the same request anew is no continuation. Bodies are opaque here, so the client
makes the hashes; a client that sends neither has conversations that do not stay.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

CONVERSATIONS_MAX = 50_000
PREFIXES_MAX = 8


@dataclass(frozen=True, slots=True)
class Thread:
    """One call's place in a conversation: what the next call will know it by, and what it knows earlier ones by."""

    agent: str
    model: str
    own: str | None
    earlier: tuple[str, ...]


def thread_of(agent: str, model: str | None, conversation: str | None, prefixes: Sequence[str]) -> Thread:
    """The conversation of a call, by its name or its beginnings."""
    if conversation:
        name = f"name {conversation}"
        return Thread(agent, model or "", name, (name,))
    names = [f"prefix {prefix}" for prefix in prefixes[:PREFIXES_MAX]]
    return Thread(agent, model or "", names[0] if names else None, tuple(names[1:]))


@dataclass(slots=True)
class Conversations:
    """Where conversations went: by agent, wished model and name the provider, and until when that counts."""

    _moved: OrderedDict[tuple[str, str, str], tuple[str, float]] = field(
        default_factory=OrderedDict[tuple[str, str, str], tuple[str, float]]
    )

    def stays_with(self, thread: Thread, now: float) -> str | None:
        """The provider that the conversation moved to, if that still counts."""
        for name in thread.earlier:
            provider, until = self._moved.get((thread.agent, thread.model, name), ("", now))
            if until > now:
                return provider
        return None

    def moved(self, thread: Thread, provider: str, until: float) -> None:
        """The conversation was answered by a provider that was not its first candidate."""
        if thread.own is None:
            return
        self.back(thread)
        self._moved[thread.agent, thread.model, thread.own] = (provider, until)
        while len(self._moved) > CONVERSATIONS_MAX:
            self._moved.popitem(last=False)

    def back(self, thread: Thread) -> None:
        """The conversation is where it belongs, or the provider that it moved to has failed it."""
        for name in thread.earlier if thread.own is None else (thread.own, *thread.earlier):
            self._moved.pop((thread.agent, thread.model, name), None)

    def __len__(self) -> int:
        return len(self._moved)
