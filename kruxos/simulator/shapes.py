"""The shape of a request as data: what is wrong with a value, and where, before anybody says it in words.

Providers refuse a wrong shape each in their own words; what is wrong is the same. A shape gives the first complaint
about a value; a provider's ``voice`` makes a refusal of it. Null stands for a field that is not there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, cast


class Tag(str):
    """A step of a path that names the variant chosen, not a key: pydantic's paths have it, OpenAI's don't."""

    __slots__ = ()


Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong at ``path``. ``what``: missing, type, unknown, choice, tag, pattern, low, high, short, long.

    ``wanted`` is the type, the bound, the pattern or the list of words that would be right.
    """

    path: Path
    what: str
    wanted: Any = None
    value: Any = None
    shape: str = ""


class Shape(Protocol):
    """A description of values. ``name`` is the type as providers call it."""

    @property
    def name(self) -> str:
        """The type's name."""
        ...

    def accepts(self, value: Any) -> bool:
        """Whether the value is of the type, whatever is in it."""
        ...

    def check(self, value: Any, path: Path) -> Complaint | None:
        """The first complaint about a value of the type."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A string; ``words`` are the only ones allowed."""

    words: tuple[str, ...] = ()
    pattern: str = ""
    chars_min: int = 0
    chars_max: int | None = None
    name: str = "string"

    def accepts(self, value: Any) -> bool:
        """See ``Shape``."""
        return isinstance(value, str)

    def check(self, value: Any, path: Path) -> Complaint | None:
        """See ``Shape``."""
        if self.words and value not in self.words:
            return Complaint(path, "choice", self.words, value)
        if len(value) < self.chars_min:
            return Complaint(path, "short", self.chars_min, len(value), self.name)
        if self.chars_max is not None and len(value) > self.chars_max:
            return Complaint(path, "long", self.chars_max, len(value), self.name)
        if self.pattern and not re.fullmatch(self.pattern.strip("^$"), value):
            return Complaint(path, "pattern", self.pattern, value)
        return None


@dataclass(frozen=True, slots=True)
class Number:
    """A number between bounds."""

    low: float | None = None
    high: float | None = None
    name: str = "number"

    def accepts(self, value: Any) -> bool:
        """See ``Shape``."""
        kinds = (int,) if self.name == "integer" else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool)

    def check(self, value: Any, path: Path) -> Complaint | None:
        """See ``Shape``."""
        if self.low is not None and value < self.low:
            return Complaint(path, "low", self.low, value, self.name)
        if self.high is not None and value > self.high:
            return Complaint(path, "high", self.high, value, self.name)
        return None


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    name: str = "boolean"

    def accepts(self, value: Any) -> bool:
        """See ``Shape``."""
        return isinstance(value, bool)

    def check(self, value: Any, path: Path) -> Complaint | None:
        """See ``Shape``."""
        return None


@dataclass(frozen=True, slots=True)
class Anything:
    """Whatever it is, the simulator does not look inside."""

    name: str = "any value"

    def accepts(self, value: Any) -> bool:
        """See ``Shape``."""
        return True

    def check(self, value: Any, path: Path) -> Complaint | None:
        """See ``Shape``."""
        return None


@dataclass(frozen=True, slots=True)
class Items:
    """A list of values of one shape."""

    of: Shape
    count_min: int = 0
    count_max: int | None = None
    name: str = "array"

    def accepts(self, value: Any) -> bool:
        """See ``Shape``."""
        return isinstance(value, list)

    def check(self, value: Any, path: Path) -> Complaint | None:
        """See ``Shape``."""
        if len(value) < self.count_min:
            return Complaint(path, "short", self.count_min, len(value), self.name)
        if self.count_max is not None and len(value) > self.count_max:
            return Complaint(path, "long", self.count_max, len(value), self.name)
        for index, item in enumerate(value):
            complaint = examine(self.of, item, (*path, index))
            if complaint is not None:
                return complaint
        return None


@dataclass(frozen=True, slots=True)
class Record:
    """A map: its fields by name. ``is_closed``: other fields are refused."""

    fields: Mapping[str, Shape] = field(default_factory=dict[str, Shape])
    required: tuple[str, ...] = ()
    is_closed: bool = False
    name: str = "object"

    def accepts(self, value: Any) -> bool:
        """See ``Shape``."""
        return isinstance(value, dict)

    def check(self, value: Any, path: Path) -> Complaint | None:
        """See ``Shape``."""
        for key in self.required:
            if value.get(key) is None:
                return Complaint((*path, key), "missing")
        for key, inner in cast("dict[str, Any]", value).items():
            shape = self.fields.get(key)
            complaint = None
            if shape is not None:
                complaint = examine(shape, inner, (*path, key)) if inner is not None else None
            elif self.is_closed:
                complaint = Complaint((*path, key), "unknown")
            if complaint is not None:
                return complaint
        return None


@dataclass(frozen=True, slots=True)
class Tagged:
    """A map whose field ``by`` says which of several shapes it has.

    ``default`` is the tag of a map that has none. ``is_open``: tags that are not listed are let through.
    """

    by: str
    kinds: Mapping[str, Shape]
    default: str = ""
    is_open: bool = False
    name: str = "object"

    def accepts(self, value: Any) -> bool:
        """See ``Shape``."""
        return isinstance(value, dict)

    def check(self, value: Any, path: Path) -> Complaint | None:
        """See ``Shape``."""
        tag = value.get(self.by) or self.default
        if not tag:
            return Complaint((*path, self.by), "missing")
        shape = self.kinds.get(tag) if isinstance(tag, str) else None
        if shape is not None:
            return shape.check(value, (*path, Tag(tag)))
        return None if self.is_open else Complaint((*path, self.by), "tag", tuple(self.kinds), tag)


@dataclass(frozen=True, slots=True)
class Either:
    """A value of one of several types."""

    shapes: tuple[Shape, ...]

    @property
    def name(self) -> str:
        """The types' names."""
        return " or ".join(shape.name for shape in self.shapes)

    def accepts(self, value: Any) -> bool:
        """See ``Shape``."""
        return any(shape.accepts(value) for shape in self.shapes)

    def check(self, value: Any, path: Path) -> Complaint | None:
        """See ``Shape``."""
        return next(shape for shape in self.shapes if shape.accepts(value)).check(value, path)


def examine(shape: Shape, value: Any, path: Path = ()) -> Complaint | None:
    """The first complaint about a value, its type included."""
    if not shape.accepts(value):
        return Complaint(path, "type", shape.name, value)
    return shape.check(value, path)


def inner(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The map at a name; empty where there is none."""
    value = fields.get(name)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


TEXT = Text()
WHOLE = Number(name="integer")
FLAG = Flag()
ANYTHING = Anything()
OBJECT = Record()
