"""Landlock: this process and its threads reach only the files and TCP ports that are named here.

Source: Linux, Documentation/userspace-api/landlock.rst and include/uapi/linux/landlock.h. What an older kernel cannot
restrict is left out of what is asked for, and told.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from kruxos.launcher import linux

# One number on every machine.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_RULE_PATH, _RULE_PORT = 1, 2

_READ_FILE, _READ_DIRECTORY = 1 << 2, 1 << 3
_CONNECT_TCP = 1 << 1

_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""From which version on which rights about files can be refused; all are."""
_NETWORK_FROM, _NETWORK_RIGHTS = 4, 0b11
_SCOPES_FROM, _SCOPES = 6, 0b11
"""Binding and connecting by TCP; connecting to abstract Unix sockets, and signals, out of the cage."""


@dataclass(frozen=True, slots=True)
class Restricted:
    """What is in force. ``version``: the kernel's Landlock, 0 where it has none; ``ports``: None, any."""

    version: int = 0
    files: bool = False
    ports: tuple[int, ...] | None = None
    scopes: bool = False


def version() -> int:
    """The version of the kernel's Landlock; 0 where there is none, or it is switched off."""
    return max(0, _call(_CREATE_RULESET, None, 0, _ASK_VERSION)) if linux.IS_LINUX else 0


def restrict(places: Iterable[str], ports: Iterable[int]) -> Restricted:
    """From here on nothing but ``places`` (files, and directories with all below) is read, and nothing written.

    TCP connects to ``ports`` only. It must be one thread, and must not be able to gain privileges.
    """
    found = version()
    if found == 0:
        return Restricted()
    allowed = tuple(sorted(set(ports)))
    ruleset = _call(_CREATE_RULESET, *_attributes(found), 0)
    if ruleset < 0:
        return Restricted(found)
    try:
        for place in places:
            _allow_reading(ruleset, place)
        by_port = found >= _NETWORK_FROM and all(_allow_port(ruleset, port) for port in allowed)
        if _call(_RESTRICT_SELF, ruleset, 0) != 0:
            return Restricted(found)
    finally:
        os.close(ruleset)
    return Restricted(found, files=True, ports=allowed if by_port else None, scopes=found >= _SCOPES_FROM)


def _attributes(found: int) -> tuple[bytes, int]:
    """``struct landlock_ruleset_attr`` as large as this version knows it, and its size."""
    rights = [_FILE_RIGHTS[max(each for each in _FILE_RIGHTS if each <= found)]]
    if found >= _NETWORK_FROM:
        rights.append(_NETWORK_RIGHTS)
    if found >= _SCOPES_FROM:
        rights.append(_SCOPES)
    return struct.pack(f"={len(rights)}Q", *rights), 8 * len(rights)


def _allow_reading(ruleset: int, place: str) -> None:
    """What is not there, or cannot be opened, needs no rule."""
    with suppress(OSError):
        opened = os.open(place, os.O_PATH | os.O_CLOEXEC)
        try:
            directory = stat.S_ISDIR(os.fstat(opened).st_mode)
            rights = _READ_FILE | (_READ_DIRECTORY if directory else 0)
            _call(_ADD_RULE, ruleset, _RULE_PATH, struct.pack("=Qi", rights, opened), 0)
        finally:
            os.close(opened)


def _allow_port(ruleset: int, port: int) -> bool:
    return _call(_ADD_RULE, ruleset, _RULE_PORT, struct.pack("=QQ", _CONNECT_TCP, port), 0) == 0


def _call(number: int, *arguments: int | bytes | None) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    given = [ctypes.c_long(each) if isinstance(each, int) else ctypes.c_char_p(each) for each in arguments]
    return int(libc.syscall(ctypes.c_long(number), *given))
