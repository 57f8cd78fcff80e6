"""Plain values as YAML text: the way a person would write them, and read the same by every YAML parser."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from kruxos.config.tree import plain_value

Plain: TypeAlias = "str | int | float | bool | Sequence[Plain] | Mapping[str, Plain] | None"

_BARE = re.compile(r"[A-Za-z0-9/][A-Za-z0-9_./@+-]*(:[A-Za-z0-9_./@+-]+)*( [A-Za-z0-9_./@+-]+(:[A-Za-z0-9_./@+-]+)*)*")
_OLD_WORDS = re.compile(r"(yes|no|on|off|y|n)|[0-9_:.+-]+|0[xob].*|[0-9.]+[eE][0-9.+-]+", re.IGNORECASE)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def inline(value: Plain) -> str:
    """On one line: scalars as they are, maps and lists in flow style."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            return _text(value)
        case Mapping():
            return "{" + ", ".join(f"{_text(key)}: {inline(inner)}" for key, inner in value.items()) + "}"
        case _:
            return "[" + ", ".join(map(inline, value)) + "]"


def block(key: str, value: Plain, indent: int, step: int) -> list[str]:
    """``key: value`` as lines in block style, the first indented by ``indent``, each level by ``step`` more."""
    head = f"{' ' * indent}{_text(key)}:"
    if isinstance(value, Mapping) and value:
        below = (line for name, inner in value.items() for line in block(name, inner, indent + step, step))
        return [head, *below]
    return [f"{head} {inline(value)}"]


def _text(text: str) -> str:
    """Without quotes where neither YAML 1.2 nor 1.1 takes it for anything else than this text."""
    # 1.1 is asked too because people open the file with other tools.
    if _BARE.fullmatch(text) and isinstance(plain_value(text), str) and not _OLD_WORDS.fullmatch(text):
        return text
    return '"' + "".join(map(_escape, text)) + '"'


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
