"""Which module has an operation, by the first word of its name. Only the modules of a name are loaded for it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from kruxos.operations.base import Operation

_MODULES: dict[str, tuple[str, ...]] = {
    "status": ("workers",),
    "worker": ("workers",),
    "verify": ("verification",),
    "model": (
        "models", "standing", "recommending", "logins", "catalogue", "efforts", "matrix", "remote", "testing",
    ),
    "vault": ("vault",),
    "agent": ("agents",),
    "usage": ("usage",),
    "call": ("logs",),
    "log": ("logs",),
    "event": ("events",),
    "alerts": ("alerts",),
    "batch": ("batches",),
    "web": ("web",),
}  # fmt: skip


def operation(name: str) -> Operation:
    """The operation of this name. Raises ``KeyError`` where there is none."""
    for module in _MODULES[name.partition(".")[0]]:
        for each in _operations(module):
            if each.name == name:
                return each
    raise KeyError(name)


def all_operations() -> dict[str, Operation]:
    """All of them, by name."""
    modules = dict.fromkeys(module for modules in _MODULES.values() for module in modules)
    return {each.name: each for module in modules for each in _operations(module)}


def _operations(module: str) -> Iterator[Operation]:
    yield from import_module(f"kruxos.operations.{module}").OPERATIONS
