"""Files that survive a power cut, and checks that nobody else can touch them."""

from __future__ import annotations

import os
import pwd
import shlex
import stat
from pathlib import Path

from kruxos.config.problems import UnsafePathError

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700
OTHERS_WRITE = 0o022
OTHERS_ANY = 0o077


def unsafe(path: Path, *, kind: str = "file", private: bool = True) -> UnsafePathError | None:
    """What is wrong with an existing ``path``, or None; a missing one is fine.

    ``kind`` is ``file`` or ``directory``. Nobody else may write it, and where it is ``private``, read it.
    """
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    shown = shlex.quote(str(path))
    if stat.S_ISLNK(found.st_mode):
        return UnsafePathError(f"{path} is a symbolic link", "put the real one in its place, or point to that")
    if not (stat.S_ISREG(found.st_mode) if kind == "file" else stat.S_ISDIR(found.st_mode)):
        return UnsafePathError(f"{path} is not a {kind}", "move it away")
    if found.st_uid != os.geteuid():
        owner, we = _user(found.st_uid), _user(os.geteuid())
        return UnsafePathError(f"{path} belongs to {owner}, and this is {we}", f"run this as {owner}")
    if found.st_mode & (OTHERS_ANY if private else OTHERS_WRITE):
        can = "changed" if found.st_mode & OTHERS_WRITE else "read"
        mode = "600" if kind == "file" else "700"
        return UnsafePathError(f"{path} can be {can} by others", f"chmod {mode} {shown}")
    return None


def require_safe(path: Path, *, kind: str = "file", private: bool = True) -> None:
    """Raises ``UnsafePathError`` for what ``unsafe`` finds."""
    problem = unsafe(path, kind=kind, private=private)
    if problem is not None:
        raise problem


def _user(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"


def make_private_file(path: Path) -> bool:
    """Makes an empty file that only its owner can use; False where something is there already."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
    except FileExistsError:
        return False
    return True


def write_atomically(path: Path, data: bytes) -> None:
    """Replaces the file as a whole: readers, and a power cut, find the old content or the new.

    Keeps the mode of the file that is there; a new one gets 0600. The caller holds the directory's lock.
    """
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else FILE_MODE
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    try:
        _write_new(beside, data, mode)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def _write_new(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)


def sync_directory(path: Path) -> None:
    """Makes names that were just added, renamed or removed in a directory last."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
