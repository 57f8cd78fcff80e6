"""Compaction by the provider itself: who is asked for it, from which length on, and what it has taken away already."""

from __future__ import annotations

from dataclasses import replace

from kruxos import catalog
from kruxos.dialects.base import NativeCompaction
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
    own_host = settings.origin == settings.profile.name
    if not wish.native or not own_host or row is None or length.tokens * NEAR < threshold:
        return None
    if "compaction" not in row.abilities or "context_management" in settings.profile.refused_fields:
        return None
    return NativeCompaction(threshold, wish.clear_tool_results)


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
