"""Who is next: agents in turn, each one's own calls in their order. A hundred calls of one hold up no other's first.

Whatever one call needs costs the same however many wait; only ``heads`` may be walked, and from its first one on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class FairQueue(Generic[Item]):
    """Items in turn of their owners. An item is in it once."""

    __slots__ = ("_count", "_lines")

    def __init__(self) -> None:
        self._lines: OrderedDict[str, OrderedDict[Item, None]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Item]:
        for line in self._lines.values():
            yield from line

    def add(self, owner: str, item: Item) -> None:
        """One more, behind its owner's others."""
        self._lines.setdefault(owner, OrderedDict())[item] = None
        self._count += 1

    def remove(self, owner: str, item: Item) -> None:
        """Takes one out, wherever it stands. Raises ``KeyError`` where it is not there."""
        line = self._lines[owner]
        del line[item]
        self._count -= 1
        if not line:
            del self._lines[owner]

    def heads(self) -> Iterator[Item]:
        """The first of each owner, in turn. Not to be walked on once the queue has changed."""
        return (next(iter(line)) for line in self._lines.values())

    def take(self, owner: str) -> Item:
        """The owner's first one; its next one's turn is after all others'."""
        line = self._lines[owner]
        item, _ = line.popitem(last=False)
        self._count -= 1
        if line:
            self._lines.move_to_end(owner)
        else:
            del self._lines[owner]
        return item
