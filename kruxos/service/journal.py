"""The gateway's log: one line a change of state, no content of calls, no secrets."""

from __future__ import annotations

import logging
import time
import traceback
from pathlib import Path

from kruxos.cores.supervision import Announce, Outgrown

LOG = logging.getLogger("kruxos")
FORMAT = "%(asctime)s %(levelname)s %(message)s"


class _Utc(logging.Formatter):
    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


def open_log(path: Path, *, echo: bool) -> None:
    """Sends the gateway's log to a file, and to standard error where ``echo`` says so."""
    handlers: list[logging.Handler] = [logging.FileHandler(path, encoding="utf-8")]
    if echo:
        handlers.append(logging.StreamHandler())
    for handler in handlers:
        handler.setFormatter(_Utc(FORMAT))
        LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    LOG.propagate = False


def close_log() -> None:
    """Closes what ``open_log`` opened."""
    for handler in list(LOG.handlers):
        LOG.removeHandler(handler)
        handler.close()


def tell_fault(where: str, fault: Exception) -> None:
    """A fault of our own that was contained: its kind and place, never its text, which may quote a call."""
    stack = "".join(traceback.format_tb(fault.__traceback__))
    LOG.error("fault in %s: %s\n%s", where, type(fault).__name__, stack)


def tell_change(provider: str, change: Announce | Outgrown) -> None:
    """A provider's change of state, or of its worker for being too heavy."""
    if isinstance(change, Outgrown):
        LOG.warning("provider %s: its worker is replaced: %s", provider, change.reason)
        return
    level = logging.WARNING if change.after in ("backoff", "failed") else logging.INFO
    why = f" ({change.reason})" if change.reason else ""
    LOG.log(level, "provider %s: %s -> %s%s", provider, change.before, change.after, why)
