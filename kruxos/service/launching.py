"""The supervisor's end of the launcher: keeps one running, and turns requests into worker processes.

The launcher is started from the main thread (its death signal belongs to the thread that started it). When it dies it
is started again; requests made meanwhile wait. Workers that exist do not notice.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

import trio

from kruxos.launcher import channel, linux
from kruxos.launcher.starting import Launched, start_launcher

RESTART_PAUSE_S = 0.05
RESTART_PAUSE_MAX_S = 5.0
UP_WITHIN_S = 30.0


@dataclass(slots=True)
class Request:
    """A worker to be: its end of the link, its log, and who wants to know. ``on_result`` gets a pid or a reason.

    ``caged``, ``ports``, ``memory_bytes``: see ``channel.Spawn``.
    """

    link: socket.socket
    log_fd: int
    on_result: Callable[[int | None, str], None]
    caged: bool = True
    ports: tuple[int, ...] = ()
    memory_bytes: int = channel.MEMORY_BYTES


class Launching:
    """Runs in one task (``run``), from the launcher on that was ``launched``. ``spawn`` may be called at any time."""

    def __init__(self, launched: Launched) -> None:
        self._launched = launched
        self._tickets: dict[int, Request] = {}
        self._waiting: list[Request] = []
        self._channel: socket.socket | None = None
        self._count = 0
        self.process_pid: int | None = None
        self.pid: int | None = None
        self.restarts = 0

    def spawn(self, request: Request) -> None:
        """Asks for a worker; its end of the link is closed here once it was handed over."""
        if self._channel is None:
            self._waiting.append(request)
            return
        self._count += 1
        try:
            wanted = channel.Spawn(self._count, request.caged, request.ports, request.memory_bytes)
            channel.ask_spawn(self._channel, wanted, [request.link.fileno(), request.log_fd])
        except OSError:
            self._waiting.append(request)  # the launcher is gone; the next one gets it
            return
        request.link.close()
        self._tickets[self._count] = request

    async def run(self) -> None:
        """Keeps a launcher running, for ever; cancelled, it closes the channel, which ends the launcher."""
        pause_s = RESTART_PAUSE_S
        while True:
            started_at = trio.current_time()
            self.process_pid = self._launched.process.pid
            try:
                await self._listen(self._launched.end)
            finally:
                self._channel, self.pid = None, None
                self._launched.close()
            self._give_up_tickets()
            self.restarts += 1
            lived_s = trio.current_time() - started_at
            pause_s = RESTART_PAUSE_S if lived_s > 10.0 else min(RESTART_PAUSE_MAX_S, pause_s * 2)
            await trio.sleep(pause_s)
            self._launched = start_launcher(self._launched.worker_module, self._launched.log_fd)

    async def _listen(self, end: socket.socket) -> None:
        while True:
            try:
                data = end.recv(channel.DATAGRAM_BYTES_MAX)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(end)
                continue
            except ConnectionError:
                return
            if not data:
                return
            self._on_message(channel.decode(data), end)

    def _on_message(self, message: channel.Message, end: socket.socket) -> None:
        match message:
            case channel.Up():
                self.pid, self._channel = message.pid, end
                waiting, self._waiting = self._waiting, []
                for request in waiting:
                    self.spawn(request)
            case channel.Spawned():
                self._tickets.pop(message.ticket).on_result(message.pid, "")
            case channel.Failed():
                self._tickets.pop(message.ticket).on_result(None, message.reason)

    def _give_up_tickets(self) -> None:
        """A worker whose launcher died before it told the pid is not ours to keep: its link closes, so it ends."""
        tickets, self._tickets = self._tickets, {}
        for request in tickets.values():
            request.on_result(None, "the launcher died")


async def wait_exit(pid: int) -> int | None:
    """Waits until our child ``pid`` is gone. Its exit code, negative for a signal; None where the system can't say."""
    fd = linux.open_pidfd(pid)
    if fd is None:
        return None
    try:
        await trio.lowlevel.wait_readable(fd)
        result = os.waitid(os.P_PIDFD, fd, os.WEXITED | os.WNOHANG)  # noqa: ASYNC222 - does not block
    except ChildProcessError:
        return None
    finally:
        os.close(fd)
    if result is None:
        return None
    return result.si_status if result.si_code == os.CLD_EXITED else -result.si_status
