"""YAML as a tree whose every node knows its place in the text.

PyYAML's parser gives events; this makes nodes of them. Why not its composer: an alias must stay visible where it
stands (an edit must not reach through it), a block must end where its content ends (and not after the comments that
follow), and duplicate keys, depth and size must be errors with a line.

Plain scalars are read as YAML 1.2's core schema does: ``no``, ``on`` and ``2024-05-01`` are text. Keys are always
text. Explicit tags are refused. Offsets count characters; lines and columns count from 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import yaml

from kruxos.config.problems import ConfigError, Problem
from kruxos.config.syntax import explain

TEXT_BYTES_MAX = 1024 * 1024
DEPTH_MAX = 20
NODES_MAX = 50_000
EXPANDED_VALUES_MAX = 100_000

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """What all nodes have: the text from ``start`` to ``end``, which begins at ``line`` and ``column``."""

    start: int
    end: int
    line: int
    column: int


@dataclass(frozen=True, slots=True, eq=False)
class Scalar(Node):
    """Text, a number, true, false or null. ``style`` is None for plain, else the sign that YAML marks it with."""

    value: str | int | float | bool | None
    text: str
    style: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A key and its value in a mapping."""

    key: Scalar
    value: AnyNode

    @property
    def is_merge(self) -> bool:
        """Whether this is ``<<``, which takes over another mapping's entries."""
        return self.key.text == "<<" and self.key.style is None


@dataclass(frozen=True, slots=True, eq=False)
class MapNode(Node):
    """A map, in block style or, if ``flow``, in braces.

    ``entries`` are as written; ``effective`` has ``<<`` followed, and what is written in the map itself wins.
    """

    entries: list[Entry]
    effective: list[Entry]
    flow: bool

    def entry(self, key: str) -> Entry | None:
        """The entry that is written here under ``key``, or None."""
        return next((entry for entry in self.entries if entry.key.text == key and not entry.is_merge), None)


@dataclass(frozen=True, slots=True, eq=False)
class ListNode(Node):
    """A list."""

    items: list[AnyNode]
    flow: bool


@dataclass(frozen=True, slots=True, eq=False)
class Alias(Node):
    """``*name``: stands for ``target``."""

    target: AnyNode


AnyNode: TypeAlias = Scalar | MapNode | ListNode | Alias


@dataclass(slots=True)
class Tree:
    """A document. ``root`` is None where there is nothing; ``problems`` holds what did not keep it from being read."""

    text: str
    root: AnyNode | None
    problems: list[Problem] = field(default_factory=list[Problem])


def parse(text: str) -> Tree:
    """The tree of ``text``. Raises ``ConfigError`` where it is not YAML, or over the bounds."""
    if len(text) > TEXT_BYTES_MAX or len(text.encode()) > TEXT_BYTES_MAX:
        raise ConfigError([Problem(1, 1, "", f"the file is larger than {TEXT_BYTES_MAX} bytes")])
    try:
        return _Builder(text).build()
    except yaml.YAMLError as error:
        problem = explain(text, error)
    # Raised out here so that no part of the parser's error, which quotes the text, hangs on to it.
    raise ConfigError([problem])


class _Events:
    """The parser's events, with a look at the next one."""

    def __init__(self, text: str) -> None:
        self._rest = yaml.parse(text, Loader=yaml.SafeLoader)
        self.next = next(self._rest)

    def take(self) -> yaml.Event:
        taken = self.next
        self.next = next(self._rest, taken)
        return taken

    def next_is(self, kind: type[yaml.Event]) -> bool:
        return isinstance(self.next, kind)


class _Builder:
    def __init__(self, text: str) -> None:
        self._text = text
        self._events = _Events(text)
        self._anchors: dict[str, AnyNode] = {}
        self._problems: list[Problem] = []
        self._count = 0
        self._merges = 0

    def build(self) -> Tree:
        self._events.take()  # the stream's start
        root: AnyNode | None = None
        if not self._events.next_is(yaml.StreamEndEvent):
            self._events.take()
            root = self._node(0)
            self._events.take()
            if not self._events.next_is(yaml.StreamEndEvent):
                raise self._refused(self._events.take(), "a second document begins here", "keep one: remove this `---`")
        return Tree(self._text, root, self._problems)

    def _node(self, depth: int) -> AnyNode:
        event = self._events.take()
        self._count += 1
        if depth > DEPTH_MAX or self._count > NODES_MAX:
            raise self._refused(event, "the file is nested too deeply" if depth > DEPTH_MAX else "the file is too long")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        event = cast("yaml.NodeEvent", event)
        self._check_tag(event)
        node: AnyNode
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent):
            node = self._mapping(event, depth)
        else:
            node = self._sequence(cast("yaml.SequenceStartEvent", event), depth)
        if event.anchor is not None:  # set when the node is whole: nothing can hold itself
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: yaml.AliasEvent) -> Alias:
        target = self._anchors.get(event.anchor or "")
        if target is None:
            raise self._refused(event, "an alias (*) without an anchor (&) of its name before it")
        return Alias(*_place(event), target)

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        start, end, line, column = _place(event)
        text = event.value
        if event.style in ("|", ">"):
            end = start + len(self._text[start:end].rstrip())
        value = plain_value(text) if event.style is None else text
        return Scalar(start, end, line, column, value, text, event.style)

    def _mapping(self, event: yaml.MappingStartEvent, depth: int) -> MapNode:
        entries: list[Entry] = []
        seen: dict[str, int] = {}
        while not self._events.next_is(yaml.MappingEndEvent):
            key = self._key(depth)
            if key.text in seen:
                message = f"this key stands here a second time: it is on line {seen[key.text]} already"
                self._problems.append(Problem(key.line, key.column, "", message, "keep one of the two"))
            seen[key.text] = key.line
            entries.append(Entry(key, self._node(depth + 1)))
        ended = self._events.take()
        start, _, line, column = _place(event)
        end = _place(ended)[1] if event.flow_style else entries[-1].value.end
        return MapNode(start, end, line, column, entries, self._effective(entries), bool(event.flow_style))

    def _effective(self, entries: list[Entry]) -> list[Entry]:
        found = {entry.key.text: entry for entry in entries if not entry.is_merge}
        for entry in entries:
            for merged in self._merged(entry.value) if entry.is_merge else ():
                found.setdefault(merged.key.text, merged)
        return list(found.values())

    def _merged(self, value: AnyNode) -> Iterator[Entry]:
        source = target(value)
        for each in source.items if isinstance(source, ListNode) else [value]:
            merged = target(each)
            if not isinstance(merged, MapNode):
                raise ConfigError([Problem(each.line, each.column, "", "`<<` takes the alias of a map")])
            self._merges += 1 + len(merged.effective)
            if self._merges > EXPANDED_VALUES_MAX:
                raise _too_many_values(each)
            yield from merged.effective

    def _key(self, depth: int) -> Scalar:
        event = self._events.next
        key = self._node(depth + 1)
        key = key.target if isinstance(key, Alias) else key
        if not isinstance(key, Scalar):
            raise self._refused(event, "a key must be a single word")
        return key

    def _sequence(self, event: yaml.SequenceStartEvent, depth: int) -> ListNode:
        items: list[AnyNode] = []
        while not self._events.next_is(yaml.SequenceEndEvent):
            items.append(self._node(depth + 1))
        ended = self._events.take()
        start, _, line, column = _place(event)
        end = _place(ended)[1] if event.flow_style else items[-1].end
        return ListNode(start, end, line, column, items, bool(event.flow_style))

    def _check_tag(self, event: yaml.NodeEvent) -> None:
        tag: str | None = getattr(event, "tag", None)
        if tag is not None:
            raise self._refused(event, "a tag (!) has no meaning here", "remove it, or put the value in quotes")

    def _refused(self, event: yaml.Event, message: str, fix: str = "") -> ConfigError:
        _, _, line, column = _place(event)
        return ConfigError([Problem(line, column, "", message, fix)])


def _place(event: yaml.Event) -> tuple[int, int, int, int]:
    start, end = event.start_mark, event.end_mark
    return (start.index, end.index, start.line + 1, start.column + 1)


_NULL = ("", "~", "null", "Null", "NULL")
_TRUE, _FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")
_INTEGER = re.compile(r"[-+]?[0-9][0-9_]{0,17}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]{1,18}(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")


def plain_value(text: str) -> str | int | float | bool | None:
    """What an unquoted scalar means."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INTEGER.fullmatch(text) and not text.endswith("_"):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


@dataclass(slots=True)
class Values:
    """A tree's plain values, with aliases and merges followed, and where each was written.

    ``places`` gives the node of the value at a path, ``keys`` that of its key.
    """

    data: Any = None
    places: dict[Path, AnyNode] = field(default_factory=dict[Path, "AnyNode"])
    keys: dict[Path, Scalar] = field(default_factory=dict[Path, Scalar])


def values(root: AnyNode | None, skip: AbstractSet[Path] = frozenset()) -> Values:
    """The values of a tree without those at ``skip``. Raises ``ConfigError`` where aliases expand over the bound."""
    result = Values()
    if root is not None:
        result.data = _value(root, (), result, skip)
    return result


def _value(node: AnyNode, path: Path, into: Values, skip: AbstractSet[Path]) -> Any:
    if len(into.places) > EXPANDED_VALUES_MAX:
        raise _too_many_values(node)
    into.places[path] = node
    match target(node):
        case Scalar() as scalar:
            return scalar.value
        case ListNode() as sequence:
            return [_value(item, (*path, index), into, skip) for index, item in enumerate(sequence.items)]
        case MapNode() as mapping:
            found: dict[str, Any] = {}
            for entry in mapping.effective:
                below = (*path, entry.key.text)
                if below not in skip:
                    into.keys[below] = entry.key
                    found[entry.key.text] = _value(entry.value, below, into, skip)
            return found


def _too_many_values(node: AnyNode) -> ConfigError:
    message = f"the aliases in this file expand to more than {EXPANDED_VALUES_MAX} values"
    return ConfigError([Problem(node.line, node.column, "", message)])


def target(node: AnyNode) -> Scalar | MapNode | ListNode:
    """The node itself, or what an alias stands for."""
    return target(node.target) if isinstance(node, Alias) else node
