"""Lines that prove each other: a change to one, or a gap, shows at the next. Pure.

A line is a JSON object. ``n`` counts from 1, ``prev`` is the ``hash`` of the line before, and ``hash`` is the SHA-256
of the line without itself. What it does not show: lines that were cut off at the end, and a whole chain that somebody
made anew; for that, keep the last hash elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

FIRST = "0" * 64
"""``prev`` of the first line."""


@dataclass(frozen=True, slots=True)
class End:
    """Where a chain stands: the number and the hash of its last line."""

    n: int = 0
    hash: str = FIRST


@dataclass(frozen=True, slots=True)
class Verdict:
    """``lines`` that were read; ``problem`` says where the first one is that does not follow, empty: all do."""

    lines: int
    end: End
    problem: str = ""


def seal(end: End, entry: Mapping[str, Any]) -> tuple[bytes, End]:
    """The next line, with its newline; and where the chain stands then."""
    body = dict(entry) | {"n": end.n + 1, "prev": end.hash}
    digest = _digest(body)
    return _json(body | {"hash": digest}) + b"\n", End(end.n + 1, digest)


def read_line(line: bytes) -> dict[str, Any] | None:
    """A line's object, or None for what is none."""
    try:
        value: Any = json.loads(line)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    entry = cast("dict[str, Any]", value)
    return entry if isinstance(entry.get("n"), int) and isinstance(entry.get("hash"), str) else None


def end_after(line: bytes) -> End:
    """Where a chain stands after its last line; a line that cannot be read is followed by its own hash."""
    entry = read_line(line)
    return End(0, hashlib.sha256(line).hexdigest()) if entry is None else End(entry["n"], entry["hash"])


def check(lines: Iterable[bytes], end: End | None = None) -> Verdict:
    """Whether each line follows the one before; ``end`` None: the first line read may follow anything."""
    count, problem = 0, ""
    for line in lines:
        count += 1
        problem = problem or _fault(line, end)
        end = end_after(line)
    return Verdict(count, end or End(), problem)


def _fault(line: bytes, end: End | None) -> str:
    entry = read_line(line)
    if entry is None:
        return f"the line after {end.n} cannot be read" if end is not None else "its first line cannot be read"
    body = {key: value for key, value in entry.items() if key != "hash"}
    if _digest(body) != entry["hash"]:
        return f"entry {entry['n']} was changed"
    if end is not None and (entry.get("prev"), entry["n"]) != (end.hash, end.n + 1):
        return f"entry {entry['n']} does not follow entry {end.n}"
    return ""


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(_json(body)).hexdigest()


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
