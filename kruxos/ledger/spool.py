"""The files of batches, below ``jobs/``: a directory for each, for the owner alone.

    input.jsonl        as its agent sent it
    prepared.jsonl     as the provider gets it
    lines.jsonl        what is known of each line beside its request
    part-0.log         results as they come down: place, length, line, in whatever order
    part-0.jsonl       the same in the order of the requests, made at once when all have come

All functions wait for a disk, and belong on no event loop.
"""

from __future__ import annotations

import os
import shutil
import struct
from contextlib import suppress
from pathlib import Path

from kruxos import wire
from kruxos.config.files import DIRECTORY_MODE, FILE_MODE, sync_directory
from kruxos.errors import BadRequestError, InternalError, TooLargeError

_RECORD = struct.Struct(">II")


class Spool:
    """One batch's directory."""

    def __init__(self, jobs: Path, name: str) -> None:
        self._root = jobs / name

    def create(self) -> None:
        """Makes it."""
        self._root.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        sync_directory(self._root.parent)

    def remove(self) -> None:
        """Removes it with all that is in it."""
        shutil.rmtree(self._root, ignore_errors=True)

    def path(self, file: str) -> Path:
        """Where a file is."""
        return self._root / file

    def size(self, file: str) -> int:
        """A file's bytes; 0 where there is none."""
        with suppress(FileNotFoundError):
            return self.path(file).stat().st_size
        return 0

    def receive(self, offset: int, data: bytes) -> int:
        """Appends to the input what an agent sent, at ``offset``; the same again changes nothing. The size then.

        Raises ``BadRequestError`` for a gap, ``TooLargeError``.
        """
        size = self.size("input.jsonl")
        if offset > size:
            raise BadRequestError(f"the batch has {size} bytes so far, so the next chunk begins there", field="offset")
        if offset + len(data) > wire.BATCH_BYTES_MAX:
            raise TooLargeError(f"a batch has {wire.BATCH_BYTES_MAX} bytes at most: submit it as several")
        if offset + len(data) > size:
            self.append("input.jsonl", data[size - offset :])
        return max(size, offset + len(data))

    def append(self, file: str, data: bytes) -> None:
        """Appends to a file, which is made where it is not there."""
        descriptor = os.open(self.path(file), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)

    def read(self, file: str, offset: int, length: int) -> bytes:
        """So many bytes, fewer at the end; none where there is no such file."""
        with suppress(FileNotFoundError), self.path(file).open("rb") as opened:
            opened.seek(offset)
            return opened.read(length)
        return b""

    def empty(self, *files: str) -> None:
        """Removes files, so that they begin anew."""
        for file in files:
            self.path(file).unlink(missing_ok=True)

    def sync(self, *files: str) -> None:
        """The disk has these files."""
        for file in files:
            if self.path(file).exists():
                descriptor = os.open(self.path(file), os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        sync_directory(self._root)

    def put_in_order(self, number: int, count: int) -> None:
        """Makes a part's results of its log: each place once, in order. Raises ``InternalError`` where one lacks."""
        log, beside = self.path(log_of(number)), self.path(f".{results_of(number)}.new")
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        with log.open("rb") as source, os.fdopen(descriptor, "wb") as made:
            for offset, length in _places(source.fileno(), log.stat().st_size, count):
                made.write(os.pread(source.fileno(), length, offset) + b"\n")
            made.flush()
            os.fsync(descriptor)
        beside.replace(self.path(results_of(number)))
        log.unlink()
        sync_directory(self._root)

    def settle(self) -> None:
        """All is over: prompts need not lie here any longer, results stay."""
        self.empty("input.jsonl", "prepared.jsonl", "lines.jsonl")


def log_of(number: int) -> str:
    """A part's results as they come down."""
    return f"part-{number}.log"


def results_of(number: int) -> str:
    """A part's results in order."""
    return f"part-{number}.jsonl"


def _places(descriptor: int, size: int, count: int) -> list[tuple[int, int]]:
    """Where each place's line stands; the first of two for one place counts."""
    found: list[tuple[int, int] | None] = [None] * count
    at = 0
    while at + _RECORD.size <= size:
        place, length = _RECORD.unpack(os.pread(descriptor, _RECORD.size, at))
        at += _RECORD.size
        if place < count and found[place] is None:
            found[place] = (at, length)
        at += length
    whole = [place for place in found if place is not None]
    if at != size or len(whole) != count:
        raise InternalError(f"the spool has {len(whole)} of {count} results")
    return whole


def read_results(spool: Spool, parts: int, offset: int, length: int) -> tuple[bytes, int]:
    """Bytes of the results of the first ``parts`` parts, taken as one file; and the offset behind them."""
    before, data = 0, b""
    for number in range(parts):
        size = spool.size(results_of(number))
        if offset < before + size:
            data = spool.read(results_of(number), offset - before, length)
            break
        before += size
    return data, offset + len(data)
