"""Compaction by the provider itself: who is asked for it, from which length on, and what it has taken away already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kruxos import catalog
from kruxos.dialects.base import NativeCompaction
from kruxos.events import Event, Notice, State
from kruxos.messages import Message, ProviderState, Request
from kruxos_workers.compaction.compactor import Length
from kruxos_workers.compaction.wishes import Wish
from kruxos_workers.settings import Settings

KINDS = ("compaction", "compaction_item")
"""Provider state that stands for all that was said before it (Anthropic docs, OpenAI API reference: compaction)."""
NEAR = 2
"""A request that has one part in so many of the threshold is too short for what estimates can be wrong."""


def native_compaction(
    settings: Settings, row: catalog.Model | None, wish: Wish, length: Length
) -> NativeCompaction | None:
    """What to ask the provider for; None where it does not compact itself, or the request is far from long."""
    threshold = wish.threshold(length.window)
    if not wish.native or not has_native(settings, row) or length.tokens * NEAR < threshold:
        return None
    return NativeCompaction(threshold, wish.clear_tool_results)


def has_native(settings: Settings, row: catalog.Model | None) -> bool:
    """Whether a model is known to compact itself, where it is asked at its provider's own host."""
    profile = settings.profile
    if settings.origin != profile.name or settings.dialect.name != profile.dialect or row is None:
        return False
    return profile.compaction == "threshold" or (profile.compaction == "edits" and "compaction" in row.abilities)


def told_of_native(events: Sequence[Event]) -> list[Notice]:
    """What has to be told where an answer holds the provider's own summary."""
    if not any(isinstance(event, State) and event.kind in KINDS for event in events):
        return []
    message = "the provider compacted the conversation itself: what stands for its older part is in this answer"
    return [Notice("compacted", message, {"native": True})]


def since_compaction(request: Request, origin: str) -> Request:
    """The request without what the provider has compacted already; the same where it has compacted nothing."""
    messages = request.messages
    for index in range(len(messages) - 1, -1, -1):
        parts = messages[index].parts
        for at in range(len(parts) - 1, -1, -1):
            part = parts[at]
            if isinstance(part, ProviderState) and part.kind in KINDS and part.origin == origin:
                system = [each for each in messages[:index] if each.role == "system"]
                rest = Message(messages[index].role, parts[at:])
                return replace(request, messages=[*system, rest, *messages[index + 1 :]])
    return request
