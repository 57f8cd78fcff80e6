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

MAPPED_BYTES = 1024**3
"""Addresses beside the memory that counts: libraries, stacks, arenas; four times what a busy worker maps."""
DESCRIPTORS = 4096
FILE_BYTES = 1024**3
"""Its log is the one file that it can write; it cannot fill the disk with it."""

_CAPABILITY_VERSION_3 = 0x20080522


def bound_resources(memory_bytes: int) -> None:
    """Sets the bounds; where a lower one is in force already, that stays.

    ``memory_bytes``: what goes wild ends with MemoryError near it, before the machine is out of memory. The supervisor,
    which looks once a second, would come too late.
    """
    for which, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, memory_bytes + MAPPED_BYTES),
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
