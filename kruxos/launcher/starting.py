"""A launcher that was started: its process, and the supervisor's end of the channel. Imports next to nothing."""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import dataclass

from kruxos.launcher import channel
from kruxos.launcher.paths import import_paths

_BOOT = (
    "import sys; fd, module, sys.path[:0] = int(sys.argv[1]), sys.argv[2], sys.argv[3:]; "
    "from kruxos.launcher.process import main; main(fd, module)"
)


@dataclass(frozen=True, slots=True)
class Launched:
    """``end`` does not block. ``worker_module`` and ``log_fd`` are what it was started with, and the next one is."""

    worker_module: str
    log_fd: int
    process: subprocess.Popen[bytes]
    end: socket.socket

    def close(self) -> None:
        """Ends it, and waits until it is gone. May be called again."""
        self.end.close()
        self.process.kill()
        self.process.wait()


def start_launcher(worker_module: str, log_fd: int) -> Launched:
    """Starts one. To be called on the main thread: the launcher ends with the thread that started it."""
    ours, theirs = channel.pair()
    command = [sys.executable, "-I", "-S", "-c", _BOOT, str(theirs.fileno()), worker_module, *import_paths()]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        command, pass_fds=[theirs.fileno()], env={}, stdin=subprocess.DEVNULL, stdout=log_fd, stderr=log_fd, cwd="/"
    )
    theirs.close()
    ours.setblocking(False)  # noqa: FBT003 - the standard library's name for it
    return Launched(worker_module, log_fd, process, ours)
