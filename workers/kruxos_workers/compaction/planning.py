"""Where a conversation may be cut in two: an older part that a summary can stand for, and the rest.

A cut stands between two messages where no call waits for its result, and not between two messages of the assistant:
providers read those as one turn, whose thinking and calls belong together. Messages of the system are in neither part:
they stay, wherever they stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kruxos.messages import Message, ToolCall, ToolResult

TAIL_SHARE = 0.4
"""How much of the room the last turns are left, where they may be cut so finely; the rest is room to grow."""


def places_to_cut(messages: Sequence[Message]) -> list[int]:
    """Indexes of messages before which a conversation may be cut, in order; never at its beginning or its end."""
    places: list[int] = []
    waiting: dict[str, int] = {}
    for index, message in enumerate(messages):
        if index and not waiting and not _is_one_turn(messages[index - 1], message):
            places.append(index)
        for part in message.parts:
            if isinstance(part, ToolCall):
                waiting[part.id] = waiting.get(part.id, 0) + 1
            elif isinstance(part, ToolResult) and part.id in waiting:
                waiting[part.id] -= 1
                if not waiting[part.id]:
                    del waiting[part.id]
    return places


def _is_one_turn(before: Message, after: Message) -> bool:
    return before.role == after.role == "assistant"


@dataclass(frozen=True, slots=True)
class Room:
    """Tokens. ``free`` is what the conversation may have beside tools and system prompt; ``summary`` what one takes."""

    free: int
    summary: int


def choose_cut(messages: Sequence[Message], tokens: Sequence[float], start: int, room: Room) -> int | None:
    """The cut that leaves the most of the last turns within their share of the room; None: there is no good one.

    ``tokens`` are those of each message, without those of the system; what is before ``start`` has its summary already.
    Where the last turns cannot be cut so finely, the least that must stay is left, if it fits at all.
    """
    most = room.free - room.summary
    if most <= 0:
        return None
    after = _sums_from(tokens)
    places = [place for place in places_to_cut(messages) if place > start and _is_worth_it(after, start, place, room)]
    fitting = [place for place in places if 0 < after[place] <= most]
    within = [place for place in fitting if after[place] <= TAIL_SHARE * most]
    if within:
        return within[0]
    return fitting[-1] if fitting else None


def _is_worth_it(after: Sequence[float], start: int, place: int, room: Room) -> bool:
    """A summary should be shorter than what it stands for."""
    return after[start] - after[place] > room.summary


def _sums_from(tokens: Sequence[float]) -> list[float]:
    """For each index, the sum from there on."""
    sums = [0.0] * (len(tokens) + 1)
    for index in range(len(tokens) - 1, -1, -1):
        sums[index] = sums[index + 1] + tokens[index]
    return sums
