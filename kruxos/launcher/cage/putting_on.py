"""The cage, put on in order, and what of it holds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from kruxos.launcher import linux
from kruxos.launcher.cage import seccomp
from kruxos.launcher.cage.landlock import Restricted, restrict
from kruxos.launcher.cage.limits import bound_resources, drop_capabilities
from kruxos.launcher.cage.places import readable

Level = Literal["full", "partial", "none", "off"]
WHOLE: Level = "full"
"""What ``isolation: required`` asks for."""


@dataclass(frozen=True, slots=True)
class Cage:
    """What was achieved. ``level`` sums it up; ``missing`` names what is promised and does not hold here."""

    level: Level
    missing: tuple[str, ...] = ()
    landlock: Restricted = field(default_factory=Restricted)
    calls: str = ""
    """The machine whose system calls are filtered; empty: they are not."""
    unreadable: bool = False
    """Whether other processes of the user are kept from its memory and environment."""

    def to_wire(self) -> dict[str, Any]:
        """As plain values, for frames and ``kruxos status --json``."""
        return {
            "level": self.level,
            "missing": list(self.missing),
            "files": self.landlock.files,
            "ports": None if self.landlock.ports is None else list(self.landlock.ports),
            "system_calls": self.calls or None,
            "scopes": self.landlock.scopes,
            "unreadable": self.unreadable,
            "landlock_version": self.landlock.version,
        }


def prepare() -> list[str]:
    """What is the same for all that are forked from here; gives the places that they may read.

    To be called once all is imported that will be.
    """
    seccomp.warm_up()
    return readable()


def put_on(places: Iterable[str], ports: Iterable[int], memory_bytes: int, *, caged: bool) -> Cage:
    """Confines this process, which is one thread, for good. Without ``caged`` only what no operator switches off."""
    bound_resources(memory_bytes)
    unreadable = linux.forbid_dumps()
    without_gains = linux.forbid_new_privileges()
    if not caged:
        return Cage("off", unreadable=unreadable)
    drop_capabilities()
    unreadable = linux.forbid_dumps() and unreadable  # giving up capabilities may have undone it
    restricted = restrict(places, ports) if without_gains else Restricted()
    calls = seccomp.restrict_calls(os.getpid()) if without_gains else ""
    return summed_up(restricted, calls, unreadable=unreadable)


def summed_up(restricted: Restricted, calls: str, *, unreadable: bool) -> Cage:
    """What was achieved, in a word and by name."""
    holds = {
        "files": restricted.files,
        "ports": restricted.ports is not None,
        "system calls": bool(calls),
        "memory": unreadable,
    }
    missing = tuple(name for name, held in holds.items() if not held)
    level: Level = "full" if not missing else "none" if not (restricted.files or calls) else "partial"
    return Cage(level, missing, restricted, calls, unreadable)
