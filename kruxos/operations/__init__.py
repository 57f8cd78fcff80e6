"""Each verb of an operator once, whoever asks for it: the command line, the dashboard, a script.

An operation takes a map and gives a map. While the gateway runs it is done there, through the control socket; else the
command line does it itself, under the directory's lock, with ``Context.gateway`` None. No operation starts a gateway.
``perform`` decides which; it loads the operations, and what they stand on, only where it does one itself.

To add one: write ``async def verb(context, arguments)``, and name it in its module's ``OPERATIONS``; a new module is
named in ``registry``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kruxos.operations.base import Context, LiveGateway, Operation
    from kruxos.operations.performing import perform
    from kruxos.operations.whole import OPERATIONS

_HOME = {
    "OPERATIONS": "kruxos.operations.whole",
    "Context": "kruxos.operations.base",
    "LiveGateway": "kruxos.operations.base",
    "Operation": "kruxos.operations.base",
    "perform": "kruxos.operations.performing",
}

__all__ = ["OPERATIONS", "Context", "LiveGateway", "Operation", "perform"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'kruxos.operations' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
