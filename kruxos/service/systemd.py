"""What systemd is told: ready, reloading, stopping, a line of status, and signs of life. Nothing where it does not ask.

The protocol is datagrams to the socket that ``NOTIFY_SOCKET`` names, a path or an abstract name behind ``@``; with
``WATCHDOG_USEC`` it wants to hear from us that often (sd_notify(3), sd_watchdog_enabled(3)). The variables are taken
out of the environment at once, so that no process that we start speaks for us.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass

import trio

STATUS_EVERY_S = 5.0
_WATCHDOG_SHARE = 0.5
"""A sign of life comes twice in the time after which we count as dead, as sd_watchdog_enabled(3) recommends."""


@dataclass(slots=True)
class Systemd:
    """Who started us. ``address`` None: not systemd, or it does not want to be told. Methods never wait."""

    address: bytes | None = None
    watchdog_s: float | None = None

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str]) -> Systemd:
        """As the environment says; what says it is taken out."""
        address = environment.pop("NOTIFY_SOCKET", "")
        watchdog = environment.pop("WATCHDOG_USEC", "")
        for_pid = environment.pop("WATCHDOG_PID", "")
        if not address.startswith(("/", "@")):
            return cls()
        is_meant = for_pid in ("", str(os.getpid())) and watchdog.isdecimal() and int(watchdog) > 0
        where = address.encode().replace(b"@", b"\0", 1) if address.startswith("@") else address.encode()
        return cls(where, int(watchdog) / 1e6 if is_meant else None)

    def ready(self, status: str) -> None:
        """Up, or up again after a reload."""
        self._tell("READY=1", f"MAINPID={os.getpid()}", f"STATUS={status}")

    def reloading(self) -> None:
        """A reload begins; ``ready`` is its end. The time tells systemd which of its requests this answers."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self, status: str) -> None:
        """On the way down."""
        self._tell("STOPPING=1", f"STATUS={status}")

    async def run(self, status: Callable[[], str]) -> None:
        """Tells it that we live and how things are, from the loop that does the work, for ever."""
        if self.address is None:
            return
        every_s = STATUS_EVERY_S
        if self.watchdog_s is not None:
            every_s = min(every_s, self.watchdog_s * _WATCHDOG_SHARE)
        while True:
            self._tell(*([] if self.watchdog_s is None else ["WATCHDOG=1"]), f"STATUS={status()}")
            await trio.sleep(every_s)

    def _tell(self, *lines: str) -> None:
        if self.address is None:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.setblocking(False)  # noqa: FBT003 - the standard library's name for it
            notify.sendto("\n".join(lines).encode(), self.address)
