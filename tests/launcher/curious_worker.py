"""A worker for tests: tells over its link what it finds itself to be, then does what it is told."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path

from kruxos.launcher.inheritance import Inheritance

PR_GET_DUMPABLE = 3
PR_GET_NO_NEW_PRIVS = 39
PR_GET_PDEATHSIG = 2


def _prctl_get(option: int) -> int:
    return int(ctypes.CDLL(None).prctl(option, 0, 0, 0, 0))


def _death_signal() -> int:
    value = ctypes.c_int(0)
    ctypes.CDLL(None).prctl(PR_GET_PDEATHSIG, ctypes.byref(value), 0, 0, 0)
    return value.value


def preload() -> None:
    """Nothing to share."""


def _descriptors() -> list[int]:
    """Those that are open; the one that lists them is gone when it is looked at."""
    return sorted(int(each.name) for each in Path("/proc/self/fd").iterdir() if each.exists())


def main(inheritance: Inheritance) -> None:
    link_fd = inheritance.link_fd
    findings = {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "session": os.getsid(0),
        "environment": sorted(os.environ),
        "descriptors": _descriptors(),
        "dumpable": _prctl_get(PR_GET_DUMPABLE),
        "no_new_privileges": _prctl_get(PR_GET_NO_NEW_PRIVS),
        "death_signal": _death_signal(),
        "core_limit": resource.getrlimit(resource.RLIMIT_CORE),
        "interrupt_ignored": signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
        "site_loaded": "site" in sys.modules,
        "arguments": sys.argv[1:],
    }
    os.write(link_fd, json.dumps(findings).encode())
    while order := os.read(link_fd, 64):
        if order.startswith(b"exit "):
            raise SystemExit(int(order[5:]))
        if order == b"fail":
            raise RuntimeError("told to")
