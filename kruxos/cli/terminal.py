"""What a terminal can show, and making text safe for it."""

from __future__ import annotations

import os
import shutil
import unicodedata
from typing import NamedTuple, TextIO

_CODES = {"bold": "1", "dim": "2", "bad": "31", "good": "32", "warn": "33"}
_PLAIN = {"…": "...", "—": "-", "·": "-", "─": "-", "µ": "u", "→": "->"}


class Terminal(NamedTuple):
    """Where output goes. ``width`` in columns, None: not a terminal, so nothing is cut."""

    width: int | None = None
    colour: bool = False
    unicode: bool = True


def terminal_of(stream: TextIO) -> Terminal:
    """What the stream can show. NO_COLOR and a dumb terminal are honoured."""
    is_terminal = stream.isatty()
    colour = is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = shutil.get_terminal_size().columns if is_terminal else None
    return Terminal(width, colour, (stream.encoding or "").lower().replace("-", "").startswith("utf"))


def styled(text: str, style: str, terminal: Terminal) -> str:
    """Text in a style: bold, dim, bad, good, warn; or none."""
    code = _CODES.get(style)
    return f"\x1b[{code}m{text}\x1b[0m" if code and terminal.colour and text else text


def plain(text: str, terminal: Terminal) -> str:
    """Text without the signs that the terminal cannot show."""
    if terminal.unicode:
        return text
    return "".join(_PLAIN.get(sign, sign) for sign in text)


def clean(text: str) -> str:
    """Text from elsewhere without what a terminal would take for orders; lines and tabs stay."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\N{REPLACEMENT CHARACTER}" for sign in text)


def one_line(text: str) -> str:
    """Clean text on one line."""
    return clean(" ".join(text.split()))


def width_of(text: str) -> int:
    """How many columns a text takes."""
    if text.isascii():
        return len(text)
    return sum(_sign_width(sign) for sign in text)


def _sign_width(sign: str) -> int:
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def cut(text: str, width: int, terminal: Terminal) -> str:
    """Text in at most ``width`` columns; what is cut off is marked."""
    if width_of(text) <= width:
        return text
    mark = "…" if terminal.unicode else ".."
    room = width - len(mark)
    kept = ""
    for sign in text:
        room -= _sign_width(sign)
        if room < 0:
            break
        kept += sign
    return (kept + mark)[:width] if width > 0 else ""
