"""Where the gateway is, and what to say when nobody answers there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from kruxos.errors import GatewayUnreachableError
from kruxos.paths import agent_socket, control_socket, data_directory

_SCHEME = "ipc://"

_ADVICE = {
    errno.ENOENT: "no gateway answers at {path}: start it with `kruxos serve`",
    errno.ECONNREFUSED: "no gateway answers at {path}: start it with `kruxos serve`",
    errno.ECONNRESET: "the gateway closed the connection at {path}: it admits only certain users, or it is stopping",
    errno.EACCES: "this user may not connect to {path}: `kruxos serve` must run as this user, or its operator admit it",
    errno.EPERM: (
        "the system forbids this process to connect to {path}: sandboxes around agents' tools forbid Unix sockets; "
        "ask the gateway (`kruxos serve`) from outside the sandbox"
    ),
    errno.EAGAIN: "the gateway at {path} takes no connections now: too many wait already",
}


def agent_path(address: str | os.PathLike[str] | None = None) -> str:
    """The agents' socket: ``address`` (``ipc://`` and a path, or a path), or the data directory's."""
    return _path(address) if address is not None else str(agent_socket(data_directory()))


def control_path(address: str | os.PathLike[str] | None = None) -> str:
    """The operators' socket, likewise."""
    return _path(address) if address is not None else str(control_socket(data_directory()))


def session_path(address: str) -> str:
    """The path of a session, as the gateway's welcome gives it. Raises ``GatewayUnreachableError``."""
    try:
        return _path(address)
    except ValueError as error:
        raise GatewayUnreachableError(f"the gateway gave a session address that cannot be dialled: {error}") from None


def _path(address: str | os.PathLike[str]) -> str:
    path = Path(os.fspath(address).removeprefix(_SCHEME))
    if not path.is_absolute():
        raise ValueError(f"an address is {_SCHEME} and an absolute path, not {os.fspath(address)!r}")
    return str(path)


def unreachable(path: str, error: OSError) -> GatewayUnreachableError:
    """The error for a connection that failed, with what to do about it."""
    advice = _ADVICE.get(
        error.errno or 0, "no connection to the gateway at {path} ({reason}): is `kruxos serve` running?"
    )
    return GatewayUnreachableError(advice.format(path=path, reason=error.strerror or type(error).__name__))
