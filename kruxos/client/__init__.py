"""What agents import. Loads msgpack and the standard library; anyio only when an asynchronous client is opened.

aio, blocking            the two clients: faces that cost nothing to import
*_connector, *_line      what they do: connect and reconnect; one connection
sp, call, session        the protocol, without I/O; answers: a single question's
options, settings        what a call and a client are made from
sockets, address         connections, and the words when they fail
control                  the operators' client
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kruxos.client.aio import Client
    from kruxos.client.aio_connector import EventStream
    from kruxos.client.blocking import BlockingClient
    from kruxos.client.blocking_connector import BlockingEventStream
    from kruxos.client.control import ControlClient
    from kruxos.client.options import CallOptions

_HOME = {
    "BlockingClient": "kruxos.client.blocking",
    "BlockingEventStream": "kruxos.client.blocking_connector",
    "CallOptions": "kruxos.client.options",
    "Client": "kruxos.client.aio",
    "ControlClient": "kruxos.client.control",
    "EventStream": "kruxos.client.aio_connector",
}

__all__ = ["BlockingClient", "BlockingEventStream", "CallOptions", "Client", "ControlClient", "EventStream"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'kruxos.client' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
