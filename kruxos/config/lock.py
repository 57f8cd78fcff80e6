"""The one lock of the data directory.

A kernel lock (flock) on run/lock: it goes with its holder, however that ends, so there is no stale lock to clear.
The file's text says who holds it, for the message that a second comer gets.
"""

from __future__ import annotations

import fcntl
import os
from types import TracebackType
from typing import Self

from kruxos.config.directory import DataDirectory
from kruxos.config.files import FILE_MODE, require_safe
from kruxos.config.problems import DirectoryBusyError

_TEXT_BYTES_MAX = 512


class DirectoryLock:
    """Held while something is written in the data directory; a context manager.

    ``purpose`` is what a person would call the holder, such as ``kruxos serve``. Not re-entrant; one thread.
    """

    def __init__(self, data: DataDirectory, purpose: str) -> None:
        self._data = data
        self._purpose = purpose
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Takes the lock at once, or raises ``DirectoryBusyError`` naming the holder. The directory must exist."""
        require_safe(self._data.lock)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._data.lock, flags, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()} {self._purpose}\n".encode()[:_TEXT_BYTES_MAX], 0)
        except BlockingIOError:
            holder = os.pread(descriptor, _TEXT_BYTES_MAX, 0).decode(errors="replace")
            os.close(descriptor)
            raise self._busy(holder) from None
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Gives the lock up; harmless when it is not held."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()

    def _busy(self, holder: str) -> DirectoryBusyError:
        pid, _, purpose = holder.strip().partition(" ")
        who = f"`{purpose}` (process {pid})" if pid.isdigit() else "another process"
        fix = f"wait until it is done, or stop it: kill {pid}" if pid.isdigit() else "wait until it is done"
        return DirectoryBusyError(f"{who} works in the data directory {self._data.root}", fix)
