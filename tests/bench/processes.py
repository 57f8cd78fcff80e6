"""What processes cost: CPU and memory of a whole tree, read from the kernel."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PROC = Path("/proc")


def tree(root: int) -> list[int]:
    """The live processes under ``root``, itself first."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = list[int](), [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def _parent(entry: Path) -> int | None:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def cpu_s(pid: int) -> float:
    """CPU seconds of one process, all threads, user and system, in nanosecond steps; 0 where it is gone."""
    try:
        return time.clock_gettime((~pid << 3) | 2)  # the kernel's number for a process's CPU clock
    except OSError:
        return 0.0


@dataclass(frozen=True)
class Memory:
    """Of a tree: proportional set size in all and of each process, and how many there are."""

    pss_bytes: int
    each: dict[int, int]


def memory(root: int) -> Memory:
    """The tree's memory now; a process that may not be read counts as nothing (root reads all)."""
    each = {pid: _pss_bytes(pid) for pid in tree(root)}
    return Memory(sum(each.values()), each)


def _pss_bytes(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


class Meter:
    """CPU that a tree uses between ``__enter__`` and ``__exit__``, process by process."""

    def __init__(self, root: int | None) -> None:
        self._root = root
        self.each: dict[int, float] = {}
        self.wall_s = 0.0

    def __enter__(self) -> Self:
        self._before = self._read()
        self._began = time.monotonic()
        return self

    def __exit__(self, *error: object) -> None:
        self.wall_s = time.monotonic() - self._began
        self.each = {pid: now_s - self._before.get(pid, 0.0) for pid, now_s in self._read().items()}

    @property
    def cpu_s(self) -> float:
        """CPU seconds of the whole tree."""
        return sum(self.each.values())

    def _read(self) -> dict[int, float]:
        return {} if self._root is None else {pid: cpu_s(pid) for pid in tree(self._root)}
