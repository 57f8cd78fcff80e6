"""The journal: what happened to this gateway and who did what, one line each, chained (``kruxos.ledger.chain``).

A line is with the kernel when ``tell`` returns, so that no end of the process loses it; it is on the disk after the
next ``sync``: an operator's action before it is answered, all else within ``SYNC_EVERY_S``. A power cut loses at most
that. No key and no prompt is ever told. Thread-safe; ``tell`` never raises and waits for no disk.

Two files, each bounded: a full one becomes ``events.1.jsonl`` in place of the one before, and the chain goes on.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from kruxos.config.directory import DataDirectory
from kruxos.config.files import make_private_file, require_safe
from kruxos.config.pasted import looks_secret
from kruxos.ledger.chain import End, Verdict, check, end_after, read_line, seal

SYNC_EVERY_S = 1.0
FILE_BYTES_MAX = 16 * 1024 * 1024
TEXT_CHARS_MAX = 300
LAST_LINE_BYTES_MAX = 64 * 1024
HIDDEN = "(hidden)"


class Journal:
    """The file, open for appending. ``lost`` counts entries that the disk did not take."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self.lost, self._dirty = 0, False
        require_safe(path)
        make_private_file(path)
        self._fd = self._open()
        self._size = os.fstat(self._fd).st_size
        self._end = _mend(self._fd, self._size)
        self._size = os.fstat(self._fd).st_size
        if self._end == End() and older(path).exists():
            self._end = _last(older(path))

    @classmethod
    def open(cls, data: DataDirectory) -> Journal:
        """The journal of a data directory, made where there is none. Raises ``UnsafePathError``, ``OSError``."""
        return cls(data.events)

    def tell(self, at: float, kind: str, subject: str, **more: str | float | None) -> None:
        """Writes one entry: when (Unix seconds), what kind, of whom or what; values that are None are left out."""
        told = {name: _harmless(value) for name, value in more.items() if value is not None}
        with self._lock:
            line, end = seal(self._end, told | {"at": round(at, 3), "kind": kind, "subject": _harmless(subject)})
            if self._size + len(line) > FILE_BYTES_MAX:
                self._turn()
            if self._write(line):
                self._end, self._dirty = end, True
            else:
                self.lost += 1

    def sync(self) -> None:
        """Has the disk take what was told. Raises ``OSError``."""
        with self._lock:
            if not self._dirty:
                return
            self._dirty = False
            descriptor = os.dup(self._fd)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Syncs and closes."""
        with suppress(OSError):
            self.sync()
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)

    def _write(self, line: bytes) -> bool:
        try:
            written = os.write(self._fd, line)
            if written < len(line):  # the disk is full: half a line would be worse than none
                os.ftruncate(self._fd, self._size)
                return False
        except OSError:
            return False
        self._size += written
        return True

    def _turn(self) -> None:
        """Begins a new file. Where that cannot be done, the old one grows on."""
        with suppress(OSError):
            os.fsync(self._fd)
            self._path.rename(older(self._path))
            make_private_file(self._path)
            fresh = self._open()
            os.close(self._fd)
            self._fd, self._size = fresh, 0


def older(path: Path) -> Path:
    """The file before this one."""
    return path.with_name(f"{path.stem}.1{path.suffix}")


def read_entries(path: Path, *, since: float = 0.0, limit: int = 100, kind: str | None = None) -> list[dict[str, Any]]:
    """The latest entries from a time on, the newest last, with ``hash`` and all; lines that are none are left out."""
    latest: deque[dict[str, Any]] = deque(maxlen=limit)
    for line in _lines(path):
        entry = read_line(line)
        if entry is not None and entry.get("at", 0.0) >= since and kind in (None, entry.get("kind")):
            latest.append(entry)
    return list(latest)


def check_journal(path: Path) -> Verdict:
    """Whether the chain holds. A file from before these two may be gone: the first line may follow anything then."""
    return check(_lines(path), None if older(path).exists() else End())


def _lines(path: Path) -> Iterator[bytes]:
    for each in (older(path), path):
        with suppress(FileNotFoundError), each.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):  # else it is being written just now
                    yield line[:-1]


def _mend(descriptor: int, size: int) -> End:
    """Cuts off half a line that a power cut left at the end; where the chain stands."""
    start = max(0, size - LAST_LINE_BYTES_MAX)
    data = os.pread(descriptor, size - start, start)
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.ftruncate(descriptor, start + whole)
    lines = data[:whole].splitlines()
    return end_after(lines[-1]) if lines else End()


def _last(path: Path) -> End:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LAST_LINE_BYTES_MAX))
        lines = file.read().splitlines()
    return end_after(lines[-1]) if lines else End()


def _harmless(value: str | float) -> str | float:
    """A value as it may be written: texts are cut, and what looks like a key is not repeated."""
    if not isinstance(value, str):
        return value
    return HIDDEN if looks_secret(value) else value[:TEXT_CHARS_MAX]
