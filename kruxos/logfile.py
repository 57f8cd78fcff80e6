"""The last lines of a log file, and those that come after. Standard library only: the command line reads by it too."""

from __future__ import annotations

import os
from pathlib import Path

TAIL_BYTES_MAX = 2 * 1024 * 1024
"""How far back the last lines are looked for."""
READ_BYTES_MAX = 1024 * 1024


def tail(path: Path, lines: int) -> tuple[list[str], int]:
    """The last whole lines, at most ``lines``; and the offset in bytes where they end. Raises ``OSError``."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - TAIL_BYTES_MAX)
        file.seek(start)
        data = file.read(size - start)
    end = data.rfind(b"\n") + 1
    found = data[:end].splitlines()
    whole = found[1:] if start else found  # the first may have begun before
    return _texts(whole[len(whole) - min(lines, len(whole)) :]), start + end


class Follower:
    """What is written to a file from ``offset`` on. A file that was replaced or cut is read from its beginning."""

    def __init__(self, path: Path, offset: int) -> None:
        self._path, self._offset = path, offset
        self._inode = path.stat().st_ino

    def more(self) -> list[str]:
        """The whole lines that came since the last time; none where the file is gone for now."""
        try:
            with self._path.open("rb") as file:
                found = os.fstat(file.fileno())
                if found.st_ino != self._inode or found.st_size < self._offset:
                    self._inode, self._offset = found.st_ino, 0
                file.seek(self._offset)
                data = file.read(READ_BYTES_MAX)
        except FileNotFoundError:
            return []
        end = data.rfind(b"\n") + 1
        if not end and len(data) == READ_BYTES_MAX:
            end = len(data)  # a line without an end must not be waited for for ever
        self._offset += end
        return _texts(data[:end].splitlines())


def _texts(lines: list[bytes]) -> list[str]:
    return [line.decode("utf-8", "replace") for line in lines]
