"""Where the data lies that tests read and the project does not hold: recorded provider traffic.

It stands in ``shared`` beside the project's checkout, or where the environment's ``KRUXOS_SHARED`` says. Tests that
need it skip by name where it is missing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


def shared(*parts: str) -> Path:
    """A file of the shared data; skips the test that asks, naming the file, where it is missing."""
    places = [os.environ.get("KRUXOS_SHARED"), ROOT.parent / "shared"]
    paths = [Path(place, *parts) for place in places if place]
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        pytest.skip(f"shared data is missing: {'/'.join(parts)}")
    return path


@cache
def exchanges() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Recorded exchanges by id: what went over the wire, and what it means by the providers' own libraries."""
    recorded = {row["id"]: row for row in _rows("open.jsonl")}
    return {row["id"]: (recorded[row["id"]], row) for row in _rows("expected-open.jsonl")}


def exchanges_of(*wires: str) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """The exchanges that speak one of these protocols."""
    return {name: both for name, both in exchanges().items() if both[1]["wire"] in wires}


def _rows(name: str) -> Iterator[dict[str, Any]]:
    with shared("traffic", name).open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
