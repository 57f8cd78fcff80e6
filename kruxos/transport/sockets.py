"""Socket files: which path may be listened on, and whether somebody listens there already. Standard library only.

nng replaces what it finds at a path: a stale socket, but a regular file or a symlink too (tests/test_facts.py pins it).
So the path is looked at first, and only a stale socket of our own may be replaced.
"""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Literal

from kruxos.transport.base import PATH_BYTES_MAX, SESSION_NAME, SESSION_WORD_BYTES, AddressUnusableError

Found = Literal["absent", "stale", "live", "foreign"]

_OTHERS_MAY_WRITE = 0o022


def probe(path: str) -> Found:
    """What is at ``path``: nothing, a socket that nobody serves, one that somebody serves, or something not ours.

    A socket counts as ours by its owner; it counts as served when a connection is taken or would have to wait.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return "absent"
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid():
        return "foreign"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(0)
        try:
            caller.connect(path)
        except ConnectionRefusedError:
            return "stale"
        except (BlockingIOError, PermissionError):
            return "live"
    return "live"


def check_address(path: str) -> None:
    """Raises ``AddressUnusableError`` unless a socket of ours may stand at ``path``."""
    size = len(os.fsencode(path))
    if size > PATH_BYTES_MAX:
        raise AddressUnusableError(
            f"the socket path {path} has {size} bytes, and systems take {PATH_BYTES_MAX}: use a shorter data directory"
        )
    _check_directory(Path(path).parent)
    match probe(path):
        case "foreign":
            raise AddressUnusableError(f"{path} is not a socket of this user: move it away; it is not removed for you")
        case "live":
            raise AddressUnusableError(f"{path} is in use: another gateway is running with this data directory")
        case "absent" | "stale":
            return


def check_session_address(directory: str) -> None:
    """Raises ``AddressUnusableError`` unless sessions may have their sockets in ``directory``."""
    check_address(str(Path(directory, SESSION_NAME.format("00" * SESSION_WORD_BYTES))))


def _check_directory(directory: Path) -> None:
    try:
        found = directory.stat()
    except OSError as error:
        raise AddressUnusableError(f"the directory {directory} cannot be used: {error.strerror}") from None
    if found.st_uid != os.geteuid() or found.st_mode & _OTHERS_MAY_WRITE:
        raise AddressUnusableError(
            f"the directory {directory} must belong to this user, and only the owner may write in it"
        )
