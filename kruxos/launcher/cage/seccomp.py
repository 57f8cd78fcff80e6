"""Putting the filter of system calls into force."""

from __future__ import annotations

import ctypes
from functools import cache

from kruxos.launcher import linux
from kruxos.launcher.cage import rules
from kruxos.launcher.cage.bpf import INSTRUCTION
from kruxos.launcher.cage.syscalls import this_machine

_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


@cache
def _assembled() -> tuple[str, bytes]:
    """This machine's name and filter; empty where there is none."""
    machine = this_machine() if linux.IS_LINUX else None
    return ("", b"") if machine is None else (machine.name, rules.program(machine))


def warm_up() -> None:
    """Assembles the filter once, for all that are forked from here."""
    _assembled()


def restrict_calls(pid: int) -> str:
    """From here on this process makes the calls of ``rules`` only; gives its machine, empty: nothing was done.

    It must be one thread, and must not be able to gain privileges.
    """
    machine, assembled = _assembled()
    if not machine:
        return ""
    instructions = rules.for_process(assembled, pid)
    loaded = _Program(len(instructions) // INSTRUCTION.size, instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.prctl(
        _PR_SET_SECCOMP,
        ctypes.c_ulong(_SECCOMP_MODE_FILTER),
        ctypes.byref(loaded),
        ctypes.c_ulong(0),
        ctypes.c_ulong(0),
    )
    return machine if done == 0 else ""
