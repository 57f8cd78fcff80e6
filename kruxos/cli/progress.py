"""A line that says what is waited for, once that has taken a second. At a terminal only, and gone when it is done."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

AFTER_S = 1.0
_ERASE = "\r\x1b[K"


@contextmanager
def waiting(words: str) -> Generator[Callable[[], None]]:
    """Shows the words, and for how long, while the block takes longer than a second; what it gives ends that sooner."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    over = threading.Event()
    shower = threading.Thread(target=_show, args=(words, over), daemon=True)
    shower.start()

    def end() -> None:
        over.set()
        shower.join()

    try:
        yield end
    finally:
        end()


def _show(words: str, over: threading.Event) -> None:
    began_at, shown = time.monotonic(), False
    while not over.wait(AFTER_S):
        shown = True
        sys.stderr.write(f"{_ERASE}{words} ({time.monotonic() - began_at:.0f} s)")
        sys.stderr.flush()
    if shown:
        sys.stderr.write(_ERASE)
        sys.stderr.flush()
