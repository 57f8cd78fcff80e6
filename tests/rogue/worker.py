"""The real worker, until a signal tells it to misbehave.

A header ``x-rogue: slow`` in its settings has it start slowly, and say in its log when it does.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from kruxos import wire
from kruxos.launcher.inheritance import Inheritance
from kruxos_workers import main as real
from tests.rogue.deeds import DEEDS, HELD_BYTES, SLOW_START_S, STEP_BYTES, Deed

_PAUSE_S = 0.02
_hoard: list[bytes] = []
_never = threading.Event()


def preload() -> None:
    """As the real one."""
    real.preload()


def main(inheritance: Inheritance) -> None:
    """As the real one, with an ear for signals."""
    for deed in DEEDS:
        signal.signal(deed.signal, _on_signal(deed, inheritance.link_fd))
    make_worker = real._make_worker  # the one place between settings and readiness

    def make_slowly(frame: wire.Configure, *rest: object) -> object:
        if frame.settings.get("headers", {}).get("x-rogue") == "slow":
            print(f"starting {os.getpid()}", flush=True)  # noqa: T201 - its log
            time.sleep(SLOW_START_S)  # with its loop, as an import that hangs would
        return make_worker(frame, *rest)  # type: ignore[arg-type] # they are passed through

    real._make_worker = make_slowly  # type: ignore[assignment] # see above
    real.main(inheritance)


def _on_signal(deed: Deed, link_fd: int) -> Callable[[int, FrameType | None], None]:
    def misbehave(_number: int, _frame: FrameType | None) -> None:
        match deed.name:
            case "spin":
                while True:
                    pass
            case "leak":
                threading.Thread(target=_hoard_until, args=(HELD_BYTES,), daemon=True).start()
            case "flood":
                threading.Thread(target=_hoard_until, args=(None,), daemon=True).start()
            case _:
                os.write(link_fd, deed.data)

    return misbehave


def _hoard_until(held_bytes: int | None) -> None:
    """Takes memory, and holds it; with None for as long as there is any."""
    while held_bytes is None or len(_hoard) * STEP_BYTES < held_bytes:
        _hoard.append(b"x" * STEP_BYTES)
        _never.wait(_PAUSE_S)
