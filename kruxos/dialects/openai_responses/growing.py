"""What is known of an item of an answer while it comes: its texts, each told once, however often a server says it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kruxos.dialects.text import Joiner, as_text, scrub
from kruxos.messages import compact_json


@dataclass(slots=True, eq=False)
class Growing:
    """One text. ``index`` is its part's; ``told_chars`` of it have gone out."""

    index: int | None = None
    told_chars: int = 0
    joiner: Joiner = field(default_factory=Joiner)

    def feed(self, piece: str) -> str:
        """The next piece as it may go out."""
        piece = self.joiner.feed(piece)
        self.told_chars += len(piece)
        return piece

    def rest_of(self, text: str) -> str:
        """What of the whole text has not gone out yet."""
        if len(text) <= self.told_chars:
            return ""
        rest = text[self.told_chars :]
        self.told_chars = len(text)
        self.joiner = Joiner()
        return rest

    def finish(self) -> str:
        """What is left when no more comes."""
        return self.joiner.finish()


@dataclass(slots=True, eq=False)
class Item:
    """One item. ``fields`` is how it began, and how it is once it is done; ``held`` are arguments without a name yet.

    ``index`` is the part's that it becomes; each text of a message has its own.
    """

    fields: dict[str, Any]
    index: int | None = None
    is_begun: bool = False
    is_done: bool = False
    is_call: bool | None = None
    texts: dict[tuple[str, int], Growing] = field(default_factory=dict[tuple[str, int], Growing])
    held: list[str] = field(default_factory=list[str])

    @property
    def type(self) -> str:
        """The type that it says to be."""
        return as_text(self.fields.get("type"))

    def forget(self) -> None:
        """Lets go of all but what tells it from others."""
        self.fields = {name: self.fields[name] for name in ("type", "id") if name in self.fields}
        self.texts.clear()

    def growing(self, key: tuple[str, int]) -> Growing:
        """The text of this kind and number."""
        return self.texts.setdefault(key, Growing())


def text_of(value: Any) -> str:
    """A whole text; arguments that a server gives as an object become JSON."""
    return compact_json(scrub(value)) if isinstance(value, (dict, list)) else as_text(value)
