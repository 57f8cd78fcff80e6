"""models.yaml is taken up when it is saved, by whatever editor: in place, by rename, in several writes.

The file is looked at twice a second; it counts as saved once it looks the same twice. Polling needs no watch on a
directory whose inode editors replace, works on every file system, and costs one ``stat``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import trio

from kruxos.config.problems import SetupError

LOOK_EVERY_S = 0.5

Look = tuple[int, int, int, int] | None
"""What tells one state of a file from another; None: it is not there."""


class Settled:
    """Says when a file that changed has come to rest."""

    __slots__ = ("_last", "_taken")

    def __init__(self, taken: Look) -> None:
        self._taken = self._last = taken

    def step(self, look: Look) -> bool:
        """One more look; True where the file is new since the last True, and the same as at the last look."""
        at_rest, self._last = look == self._last, look
        if not at_rest or look == self._taken:
            return False
        self._taken = look
        return True


def look_at(path: Path) -> Look:
    """The file as it is now."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


async def watch(path: Path, reload: Callable[[], object], taken: Look) -> None:
    """Calls ``reload`` whenever the file has been saved, for ever. A ``SetupError`` of it has been told already.

    ``taken``: how the file looked before it was read at first; whoever saves it meanwhile is heard too.
    """
    settled = Settled(taken)
    while True:
        await trio.sleep(LOOK_EVERY_S)
        if settled.step(look_at(path)):
            with suppress(SetupError):
                reload()
