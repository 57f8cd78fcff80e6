"""Records of a run, and the tables made of them: medians over the rounds, with the least and the greatest."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

SHOWN = {
    "rate": "rate /s", "cpu_us": "CPU us", "client_us": "client us", "p50_ms": "p50 ms", "p99_ms": "p99 ms",
    "first_p50_ms": "first p50 ms", "first_p99_ms": "first p99 ms", "long_gaps": "gaps > 1 s", "failed": "failed",
}  # fmt: skip
"""The figures of a load's table. CPU: the target's whole tree, a call or a chunk."""


@dataclass(frozen=True)
class Record:
    """One measurement."""

    round: int
    target: str
    load: str
    figures: dict[str, float]


class Book:
    """Writes records down as they come."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, number: int, target: str, load: str, figures: dict[str, float]) -> None:
        """One record; also told on standard output."""
        record = Record(number, target, load, {name: round(value, 4) for name, value in figures.items()})
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(record)) + "\n")
        told = " ".join(f"{name}={value:g}" for name, value in record.figures.items())
        print(f"[{number}] {target:14} {load:26} {told}", flush=True)


def read(path: Path) -> list[Record]:
    """What was written down."""
    return [Record(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


Series = dict[tuple[str, str], dict[str, list[float]]]


def series(records: Iterable[Record]) -> Series:
    """Values by (load, target) and figure, in the order of the rounds."""
    found: Series = defaultdict(lambda: defaultdict(list))
    for record in records:
        for name, value in record.figures.items():
            found[record.load, record.target][name].append(value)
    return found


def medians(records: Iterable[Record]) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Median, least and greatest of every figure: by load, target and figure."""
    told: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for (load, target), figures in series(records).items():
        told.setdefault(load, {})[target] = {
            name: {"median": statistics.median(values), "min": min(values), "max": max(values), "rounds": len(values)}
            for name, values in figures.items()
        }
    return told


def markdown(records: list[Record]) -> str:
    """All tables."""
    found = medians(records)
    parts = [f"# Measurements\n\n{_machine(records)}\n"]
    parts += [_table(load, targets) for load, targets in found.items() if load != "failed"]
    return "\n".join(parts)


def _machine(records: list[Record]) -> str:
    busy = [record.figures["loadavg"] for record in records if "loadavg" in record.figures]
    load = f", load average {min(busy):.1f} to {max(busy):.1f}" if busy else ""
    python = f"Python {platform.python_version()}"
    return (
        f"{os.cpu_count()} CPUs, {platform.system()} {platform.release()}, {python}{load}. Medians (least to greatest)."
    )


def _table(load: str, targets: dict[str, dict[str, dict[str, float]]]) -> str:
    given = {name for figures in targets.values() for name in figures} - {"loadavg", "ok"}
    columns = [name for name in SHOWN if name in given] + sorted(given - SHOWN.keys())
    direct = targets.get("direct", {}).get("rate")
    lines = [f"## {load}\n", "| target | " + " | ".join(SHOWN.get(name, name) for name in columns) + " | x direct |"]
    lines.append("|---" * (len(columns) + 2) + "|")
    for target, figures in targets.items():
        ratio = f"{figures['rate']['median'] / direct['median']:.3f}" if direct and "rate" in figures else ""
        cells = [_cell(figures[name]) if name in figures else "" for name in columns]
        lines.append(f"| {target} | " + " | ".join(cells) + f" | {ratio} |")
    return "\n".join(lines) + "\n"


def _cell(figure: dict[str, float]) -> str:
    if figure["min"] == figure["max"]:
        return f"{figure['median']:,.5g}"
    return f"{figure['median']:,.5g} ({figure['min']:,.4g} to {figure['max']:,.4g})"
