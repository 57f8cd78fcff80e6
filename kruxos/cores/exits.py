"""How processes end, in words."""

from __future__ import annotations

EXIT_CONFIGURATION = 125
"""A worker that ends with this cannot work with its settings; it is not restarted until they change."""

_SIGNALS = {1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL",
            11: "SIGSEGV", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM", 24: "SIGXCPU", 31: "SIGSYS"}  # fmt: skip


def describe_exit(code: int | None) -> str:
    """An exit code in words: ``killed by SIGKILL``, ``ended with 1``."""
    if code is None:
        return "ended"
    if code < 0:
        return f"killed by {_SIGNALS.get(-code, f'signal {-code}')}"
    return "wrong settings" if code == EXIT_CONFIGURATION else f"ended with {code}"
