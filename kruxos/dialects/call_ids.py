"""Ids of tool calls as a provider takes them: spelled its way, and each one used once.

Agents and providers count calls anew in every turn; some providers refuse an id that a conversation has twice. The
first call keeps its id, a later one of the same id gets one that is made from it and from how often it was there. So
the same beginning of a conversation is always spelled alike, which prompt caches need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kruxos.messages import Message, Part, ToolCall, ToolResult

Spelling = Callable[[str], str]


def with_own_ids(messages: list[Message], spell: Spelling) -> list[Message]:
    """The messages with ids as they are sent; results keep to their calls, in order where calls share an id."""
    ids = _Ids(spell)
    return [_spelled(message, ids) for message in messages]


def _spelled(message: Message, ids: _Ids) -> Message:
    parts = [_part(part, ids) for part in message.parts]
    return (
        message
        if all(new is old for new, old in zip(parts, message.parts, strict=True))
        else replace(message, parts=parts)
    )


def _part(part: Part, ids: _Ids) -> Part:
    if isinstance(part, ToolCall):
        sent = ids.of_call(part.id)
    elif isinstance(part, ToolResult):
        sent = ids.of_result(part.id)
    else:
        return part
    return part if sent == part.id else replace(part, id=sent)


class _Ids:
    def __init__(self, spell: Spelling) -> None:
        self._spell = spell
        self._used: set[str] = set()
        self._open: dict[str, list[str]] = {}

    def of_call(self, call_id: str) -> str:
        sent, count = self._spell(call_id), 1
        while sent in self._used:
            count += 1
            sent = self._spell(f"{call_id}.{count}")
        self._used.add(sent)
        self._open.setdefault(call_id, []).append(sent)
        return sent

    def of_result(self, call_id: str) -> str:
        waiting = self._open.get(call_id)
        return waiting.pop(0) if waiting else self._spell(call_id)
