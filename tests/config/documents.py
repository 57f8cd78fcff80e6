"""Random models.yaml texts with comments, and how to say what must survive an edit of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from kruxos.config.model import ROLE_NAMES

TYPES = ("anthropic", "openai", "gemini", "openrouter", "ollama")
LABELS = (
    "Plain",
    "two words",
    "with: colon",
    "a #hash",
    "ünïcode",
    "yes",
    "4.7",
    "a'b",
    'a"b',
    "- dash",
    "{brace",
    "*",
)
FIELDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES)},
    optional={
        "label": st.sampled_from(LABELS),
        "model": st.sampled_from(("m-1", "llama3.3:8b", "a/b", "1e5", "on")),
        "enabled": st.booleans(),
        "limits": st.fixed_dictionaries(
            {"concurrency": st.integers(1, 9)}, optional={"tokens_per_minute": st.integers(1, 99)}
        ),
        "model_aliases": st.dictionaries(st.sampled_from(("fast", "big")), st.just("m-2"), min_size=1),
    },
)
NAMES = st.lists(st.sampled_from(("a", "b-2", "claude", "x.y", "zz", "on", "7")), unique=True, max_size=4)


@dataclass(frozen=True)
class Document:
    """A text, what it says, and which of its comments stand within whose block."""

    text: str
    providers: dict[str, dict[str, Any]]
    defaults: dict[str, str]
    owners: dict[str, str | None]


def comments(text: str) -> list[str]:
    """The comments that the generator wrote, in order."""
    return re.findall(r"# c\d+", text)


def is_subsequence(wanted: Sequence[str], found: Sequence[str]) -> bool:
    """Whether all of ``wanted`` is in ``found``, in this order."""
    rest = iter(found)
    return all(each in rest for each in wanted)


def quoted(value: object) -> str:
    """A scalar in double quotes, or as it is where it is no text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{str(value).replace(chr(34), chr(92) + chr(34))}"' if isinstance(value, str) else str(value)


def flow(value: object) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(inner)}" for key, inner in value.items()) + "}"
    return quoted(value)


class _Writer:
    """Writes lines, and between and after them comments as drawn."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.lines: list[str] = []
        self.owners: dict[str, str | None] = {}

    def line(self, text: str, owner: str | None = None) -> None:
        self.lines.append(text + (f"  {self._comment(owner)}" if self.draw(st.booleans()) else ""))

    def loose(self, indents: Sequence[int], owner: str | None = None) -> None:
        for _ in range(self.draw(st.integers(0, 2))):
            kind = self.draw(st.sampled_from(("comment", "blank")))
            self.lines.append(
                "" if kind == "blank" else " " * self.draw(st.sampled_from(indents)) + self._comment(owner)
            )

    def _comment(self, owner: str | None) -> str:
        name = f"# c{len(self.owners)}"
        self.owners[name] = owner
        return name

    def field(self, key: str, value: object, indent: int, step: int, owner: str) -> None:
        if isinstance(value, dict) and self.draw(st.booleans()):
            self.line(f"{' ' * indent}{key}:", owner)
            for name, inner in value.items():
                self.line(f"{' ' * (indent + step)}{name}: {quoted(inner)}", owner)
        else:
            self.line(f"{' ' * indent}{key}: {flow(value)}", owner)

    def provider(self, name: str, fields: dict[str, Any], step: int) -> None:
        if self.draw(st.integers(0, 3)) == 0:
            self.line(f"{' ' * step}{quoted(name)}: {flow(fields)}", name)
            return
        self.line(f"{' ' * step}{quoted(name)}:", name)
        for index, (key, value) in enumerate(fields.items()):
            self.field(key, value, 2 * step, step, name)
            if index < len(fields) - 1:
                self.loose((0, step, 2 * step), name)

    def providers(self, found: dict[str, dict[str, Any]], step: int) -> None:
        if not found:
            self.line(self.draw(st.sampled_from(("providers:", "providers: {}", "providers: null", "providers: ~"))))
        elif self.draw(st.integers(0, 4)) == 0:
            self.line(f"providers: {flow({quoted(name): fields for name, fields in found.items()})}")
        else:
            self.line("providers:")
            for name, fields in found.items():
                self.loose((0, step))
                self.provider(name, fields, step)

    def defaults(self, found: dict[str, str], step: int) -> None:
        in_block = self.draw(st.booleans())
        if found and in_block:
            self.line("defaults:")
            for role, name in found.items():
                self.line(f"{' ' * step}{role}: {quoted(name)}")
        else:
            self.line(f"defaults: {flow(found)}" if found else "defaults:")


@st.composite
def documents(draw: st.DrawFn, least: int = 0) -> Document:
    """A valid file with at least ``least`` providers, in any mix of styles."""
    names = draw(NAMES.filter(lambda names: len(names) >= least))
    found = {name: draw(FIELDS) for name in names}
    roles = st.sampled_from(list[str](ROLE_NAMES))
    some = st.sampled_from(names or [""])
    defaults = draw(st.dictionaries(roles, some)) if names else {}
    step = draw(st.sampled_from((2, 3, 4)))
    writer = _Writer(draw)
    parts: list[Callable[[], None]] = [lambda: writer.providers(found, step), lambda: writer.defaults(defaults, step)]
    if draw(st.booleans()):
        parts.reverse()
    for part in parts:
        writer.loose((0,))
        part()
    writer.loose((0,))
    newline = draw(st.sampled_from(("\n", "\r\n")))
    text = newline.join(writer.lines) + (newline if draw(st.booleans()) else "")
    return Document(text, found, defaults, writer.owners)
