"""Bounds that the kernel keeps for a worker, and capabilities given up.

There is no bound on the number of processes: the kernel counts all of the user's, so that any number would be too
small or none; that a worker makes no process is the filter's business. Its threads are bounded by their stacks in its
memory.
"""

from __future__ import annotations

import ctypes
import resource
import struct
from contextlib import suppress

from kruxos.launcher import linux

ADDRESS_SPACE_BYTES = 4 * 1024**3
"""Sixteen times what a busy worker maps. What goes wild ends with MemoryError here before the machine is out of it."""
DESCRIPTORS = 4096
FILE_BYTES = 1024**3
"""Its log is the one file that it can write; it cannot fill the disk with it."""

_CAPABILITY_VERSION_3 = 0x20080522


def bound_resources() -> None:
    """Sets the bounds; where a lower one is in force already, that stays."""
    for which, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
    ):
        _, hard = resource.getrlimit(which)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with suppress(OSError, ValueError):  # macOS refuses some of them
            resource.setrlimit(which, (bound, bound))


def drop_capabilities() -> bool:
    """Gives up root's powers where the gateway runs as root: the files' modes then count for it, as for anybody."""
    if not linux.IS_LINUX:
        return False
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0))
    return bool(ctypes.CDLL(None, use_errno=True).capset(header, ctypes.create_string_buffer(24)) == 0)
