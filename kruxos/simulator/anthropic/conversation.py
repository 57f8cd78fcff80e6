"""The messages of a request as the rules see them: turns, in which neighbours of one role are one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

Block = dict[str, Any]


@dataclass(slots=True)
class Place:
    """One block. ``message`` and ``block`` are its places in the request as it was sent."""

    message: int
    block: int
    value: Block

    @property
    def path(self) -> str:
        """As errors name it."""
        return f"messages.{self.message}.content.{self.block}"

    @property
    def type(self) -> str:
        """The block's type."""
        return cast("str", self.value["type"])


@dataclass(slots=True)
class Turn:
    """All that one side says until the other one speaks."""

    role: str
    places: list[Place] = field(default_factory=list[Place])

    def of(self, *types: str) -> list[Place]:
        """The blocks of these types."""
        return [place for place in self.places if place.type in types]


def blocks(content: Any) -> list[Block]:
    """The blocks of a content, a string being one text."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def turns(body: dict[str, Any]) -> list[Turn]:
    """The turns of a request whose shape is right; system turns are left out, they break nothing up."""
    found: list[Turn] = []
    for place, role in places(body):
        if role == "system":
            continue
        if not found or found[-1].role != role:
            found.append(Turn(role))
        found[-1].places.append(place)
    return found


def places(body: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    """Every block of every message, with its role."""
    for at, message in enumerate(body["messages"]):
        for inner, block in enumerate(blocks(message["content"])):
            yield Place(at, inner, block), message["role"]
