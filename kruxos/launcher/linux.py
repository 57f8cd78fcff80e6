"""The few kernel calls that Python has no name for. Where the kernel is not Linux they do nothing and say so."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

IS_LINUX = sys.platform == "linux"


def _prctl(option: int, value: int | bytes) -> bool:
    if not IS_LINUX:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    argument = ctypes.c_char_p(value) if isinstance(value, bytes) else ctypes.c_ulong(value)
    zero = ctypes.c_ulong(0)
    return bool(libc.prctl(option, argument, zero, zero, zero) == 0)


def become_subreaper() -> bool:
    """Orphans below this process become its children: a worker whose launcher's helper exits becomes ours."""
    return _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> bool:
    """SIGKILL for this process when its parent ends. It counts from now: check the parent afterwards."""
    return _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def forbid_dumps() -> bool:
    """No core file, and no reading of this process's memory or environment by others of the same user."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return _prctl(PR_SET_DUMPABLE, 0)


def forbid_new_privileges() -> bool:
    """No program started from here can gain rights by its file's mode."""
    return _prctl(PR_SET_NO_NEW_PRIVS, 1)


def set_name(name: str) -> bool:
    """The name that ps and top show; the kernel keeps 15 bytes."""
    return _prctl(PR_SET_NAME, name.encode()[:15])


def resident_bytes(pid: int) -> int | None:
    """The memory that a process holds, what it shares with others included; None where the kernel does not tell.

    It tells of processes that are not dumpable too, unless /proc is mounted with ``hidepid``.
    """
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123 - each second, for each worker
            return int(file.read().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return None


def open_pidfd(pid: int) -> int | None:
    """A descriptor that is readable once the process ended; None where there is no such thing."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
