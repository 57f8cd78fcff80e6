"""Who is next: agents in turn, each one's own calls in their order. A hundred calls of one hold up no other's first."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Items in turn of their owners."""

    __slots__ = ("_count", "_lines")

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[Item]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Item]:
        for line in self._lines.values():
            yield from line

    def add(self, owner: str, item: Item) -> None:
        """One more, behind its owner's others."""
        self._lines.setdefault(owner, deque()).append(item)
        self._count += 1

    def remove(self, owner: str, item: Item) -> bool:
        """Takes one out, wherever it stands; False where it is not there."""
        line = self._lines.get(owner)
        if line is None or item not in line:
            return False
        line.remove(item)
        self._count -= 1
        if not line:
            del self._lines[owner]
        return True

    def heads(self) -> list[tuple[str, Item]]:
        """The first of each owner, in turn."""
        return [(owner, line[0]) for owner, line in self._lines.items()]

    def take(self, owner: str) -> Item:
        """The owner's first one; its next one's turn is after all others'."""
        line = self._lines.pop(owner)
        item = line.popleft()
        self._count -= 1
        if line:
            self._lines[owner] = line
        return item
