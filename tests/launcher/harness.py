"""A real launcher under the process that runs the tests, which plays the supervisor."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from kruxos.launcher import channel, linux
from kruxos.launcher.paths import import_paths

BOOT = (
    "import sys; fd, module, sys.path[:0] = int(sys.argv[1]), sys.argv[2], sys.argv[3:]; "
    "from kruxos.launcher.process import main; main(fd, module)"
)
PATIENCE_S = 20.0


class Launcher:
    """Forks workers that run ``module``; what they print goes to ``log``."""

    def __init__(self, log: Path, module: str) -> None:
        linux.become_subreaper()
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.end, theirs = channel.pair()
        self.end.settimeout(PATIENCE_S)
        paths = [*import_paths(), str(Path.cwd())]
        command = [sys.executable, "-I", "-S", "-c", BOOT, str(theirs.fileno()), module, *paths]
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env={}, stderr=self.log)
        theirs.close()
        up = self.end.recv(4096)
        assert up, log.read_text()
        assert channel.decode(up) == channel.Up(self.process.pid)
        self.count = 0

    def fork(self, *, caged: bool = False, ports: tuple[int, ...] = ()) -> tuple[int, socket.socket]:
        """A worker's pid, and our end of its link."""
        ours, theirs = socket.socketpair()
        ours.settimeout(PATIENCE_S)
        self.count += 1
        channel.ask_spawn(self.end, channel.Spawn(self.count, caged, ports), [theirs.fileno(), self.log])
        theirs.close()
        answer = channel.decode(self.end.recv(4096))
        assert isinstance(answer, channel.Spawned)
        assert answer.ticket == self.count
        return answer.pid, ours

    def close(self) -> None:
        self.end.close()
        self.process.wait(PATIENCE_S)
        os.close(self.log)


def wait_code(pid: int) -> int:
    """Waits for a child's end; its exit code, negative for a signal."""
    fd = os.pidfd_open(pid)
    try:
        result = os.waitid(os.P_PIDFD, fd, os.WEXITED)
    finally:
        os.close(fd)
    assert result is not None
    return result.si_status if result.si_code == os.CLD_EXITED else -result.si_status
