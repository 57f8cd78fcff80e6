"""Changes of a YAML text that leave every other byte as it is.

A change is a list of cuts: replace the text from one offset to another. They are made by the nodes' places and
applied from the end. What a cut may touch:

* replacing a value that stands on its key's line cuts that value only;
* replacing or removing a block cuts its lines, and the comments between and directly under them that are indented
  deeper than its key: those speak about what goes. All other comments stay;
* adding puts lines after the last line of the block, or a piece before the closing brace.

Whether the outcome means what was asked is not decided here: ``edit`` reads it again and compares.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from kruxos.config.pasted import shown
from kruxos.config.problems import EditError
from kruxos.config.render import Plain, block, inline
from kruxos.config.tree import Entry, MapNode, Scalar, Tree, parse

Keys = tuple[str, ...]
STEP = 2
"""How much deeper a level is indented where the file shows no way of its own."""

_REST_OF_FLOW_LINE = re.compile(r"[ \t]*(?P<comma>,)?[ \t]*(#[^\r\n]*)?(?=\r?\n)")


@dataclass(frozen=True, slots=True)
class Cut:
    """The text from ``start`` to ``end`` gives way to ``by``."""

    start: int
    end: int
    by: str = ""


def put(text: str, path: Keys, value: Plain) -> str:
    """Sets the value at ``path``; what is missing on the way is made. Raises ``EditError``, ``ConfigError``."""
    return _apply(text, _Surgeon(parse(text)).put(path, value))


def drop(text: str, path: Keys) -> str:
    """Removes the entry at ``path``. Raises ``EditError`` where it is not written there, ``ConfigError``."""
    return _apply(text, _Surgeon(parse(text)).drop(path))


def _apply(text: str, cuts: list[Cut]) -> str:
    for cut in sorted(cuts, key=lambda cut: cut.start)[::-1]:  # of two at one place the first stays the first
        text = text[: cut.start] + cut.by + text[cut.end :]
    return text


class _Surgeon:
    """Finds the cuts for one change of one text."""

    def __init__(self, tree: Tree) -> None:
        self._text = tree.text
        self._root = tree.root
        self._newline = "\r\n" if tree.text.partition("\n")[0].endswith("\r") else "\n"
        self._step = _step(tree.root)

    def put(self, path: Keys, value: Plain) -> list[Cut]:
        mapping = self._root
        if mapping is None or (isinstance(mapping, Scalar) and mapping.value is None):
            return self._append_document(path, value)
        for depth, key in enumerate(path[:-1]):
            if not isinstance(mapping, MapNode):
                _refuse(path[:depth])
            entry = mapping.entry(key)
            if entry is None:
                return self._add(mapping, key, _nested(path[depth + 1 :], value))
            if _is_empty(entry.value):
                return self._fill(mapping, entry, _nested(path[depth + 1 :], value))
            mapping = entry.value
        if not isinstance(mapping, MapNode):
            _refuse(path[:-1])
        entry = mapping.entry(path[-1])
        return self._add(mapping, path[-1], value) if entry is None else self._replace(mapping, entry, value)

    def drop(self, path: Keys) -> list[Cut]:
        mapping = self._root
        for depth, key in enumerate(path):
            if not isinstance(mapping, MapNode):
                _refuse(path[:depth])
            entry = mapping.entry(key)
            if entry is None:
                _refuse(path)
            if depth == len(path) - 1:
                return [self._out_of_flow(mapping, entry) if mapping.flow else self._out_of_block(entry)]
            mapping = entry.value
        return []

    # Adding.

    def _append_document(self, path: Keys, value: Plain) -> list[Cut]:
        lines = block(path[0], _nested(path[1:], value), 0, self._step)
        before = "" if not self._text or self._text.endswith("\n") else self._newline
        end = len(self._text)
        return [Cut(end, end, before + "".join(line + self._newline for line in lines))]

    def _add(self, mapping: MapNode, key: str, value: Plain) -> list[Cut]:
        if mapping.flow:
            return self._into_flow(mapping, key, value)
        end = self._line_end(mapping.end)
        return [Cut(end, end, self._lines({key: value}, mapping.entries[0].key.column - 1))]

    def _into_flow(self, mapping: MapNode, key: str, value: Plain) -> list[Cut]:
        piece = inline({key: value})[1:-1]
        if not mapping.entries:
            return [Cut(mapping.start + 1, mapping.start + 1, piece)]
        last = mapping.entries[-1]
        at, begin = last.value.end, self._line_start(last.key.start)
        margin = self._text[begin : last.key.start]
        if margin.strip() or begin <= mapping.start:
            return [Cut(at, at, f", {piece}")]
        rest = _REST_OF_FLOW_LINE.match(self._text, at)
        end = rest.end() if rest else at
        comma = "" if rest and rest["comma"] else ","
        return [Cut(at, at, comma), Cut(end, end, f"{self._newline}{margin}{piece}")]

    def _fill(self, mapping: MapNode, entry: Entry, value: Plain) -> list[Cut]:
        """Gives a value to an entry that has none: nothing after the colon, ``null``, or ``{}``."""
        node = entry.value
        if isinstance(value, Mapping) and "#" in self._text[node.start : node.end]:  # a comment within the braces
            return [Cut(node.start + 1, node.start + 1, inline(value)[1:-1])]
        if mapping.flow or not isinstance(value, Mapping):
            return [Cut(node.start, node.end, (" " if node.start == node.end else "") + inline(value))]
        indent = entry.key.column - 1 + self._step
        end = self._line_end(node.end)
        before = self._text[: node.start]
        start = len(before.rstrip(" ")) if node.end > node.start else node.start
        return [Cut(start, node.end), Cut(end, end, self._lines(value, indent))]

    def _lines(self, fields: Mapping[str, Plain], indent: int) -> str:
        """Fields as lines, each after the end of the one before."""
        lines = (line for key, value in fields.items() for line in block(key, value, indent, self._step))
        return "".join(self._newline + line for line in lines)

    # Replacing and removing.

    def _replace(self, mapping: MapNode, entry: Entry, value: Plain) -> list[Cut]:
        node = entry.value
        if _is_empty(node):
            return self._fill(mapping, entry, value)
        same_line = self._line_start(node.start) == self._line_start(entry.key.start)
        is_literal = isinstance(node, Scalar) and node.style in ("|", ">")
        if mapping.flow or (same_line and not is_literal):
            return [Cut(node.start, node.end, inline(value))]
        colon = self._text.index(":", entry.key.end) + 1
        head = self._line_end(colon)
        gone = self._line_end(self._with_comments(entry))
        if isinstance(node, MapNode) and isinstance(value, Mapping) and value:
            indent = node.entries[0].key.column - 1
            return [Cut(head, gone, self._lines(value, indent))]
        return [Cut(colon, head if is_literal else colon, " " + inline(value)), Cut(head, gone)]

    def _out_of_block(self, entry: Entry) -> Cut:
        start = self._line_start(entry.key.start)
        start += self._text.startswith("\ufeff", start)  # the byte order mark stays
        if self._text[start : entry.key.start].strip(" "):
            _refuse((entry.key.text,))
        return Cut(start, self._next_line(self._with_comments(entry)))

    def _with_comments(self, entry: Entry) -> int:
        """Where the entry ends: after the comments directly under it that are indented deeper than its key."""
        end = self._line_end(entry.value.end)
        deeper = re.compile(rf"\r?\n {{{entry.key.column},}}#[^\r\n]*")
        while isinstance(entry.value, MapNode) and not entry.value.flow and (comment := deeper.match(self._text, end)):
            end = comment.end()
        return end

    def _out_of_flow(self, mapping: MapNode, entry: Entry) -> Cut:
        at = mapping.entries.index(entry)
        following = re.compile(r"[ \t]*,[ \t]*").match(self._text, entry.value.end)
        if following is not None:
            return Cut(entry.key.start, following.end())
        before = mapping.entries[at - 1].value.end if at else entry.key.start
        between = self._text[before : entry.key.start]
        return Cut(before if "#" not in between else entry.key.start, entry.value.end)

    # Lines.

    def _line_start(self, offset: int) -> int:
        return self._text.rfind("\n", 0, offset) + 1

    def _line_end(self, offset: int) -> int:
        end = self._text.find("\n", offset)
        end = len(self._text) if end < 0 else end
        return end - 1 if self._text[offset:end].endswith("\r") else end

    def _next_line(self, offset: int) -> int:
        end = self._text.find("\n", offset)
        return len(self._text) if end < 0 else end + 1


def _is_empty(node: object) -> bool:
    if isinstance(node, MapNode):
        return not node.entries
    return node is None or (isinstance(node, Scalar) and node.value is None)


def _step(root: object) -> int:
    """How much deeper the file indents: as it does at its first block."""
    entries = root.entries if isinstance(root, MapNode) else []
    below = ((entry, entry.value) for entry in entries)
    blocks = ((entry, value) for entry, value in below if isinstance(value, MapNode) and not value.flow)
    return next((value.entries[0].key.column - entry.key.column for entry, value in blocks), STEP)


def _nested(path: Keys, value: Plain) -> Plain:
    for key in reversed(path):
        value = {key: value}
    return value


def _refuse(path: Keys) -> NoReturn:
    where = ".".join(map(shown, path)) or "a map"
    raise EditError(
        f"models.yaml does not have {where} written out, so it cannot be changed there",
        "edit the file by hand: an alias (*) or a merge (<<) stands in its place, or nothing does",
    )
