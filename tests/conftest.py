"""Signals as a terminal leaves them: in the background some may be ignored, and processes inherit that."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Ctrl-C and the end of a terminal reach the processes that tests start."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
