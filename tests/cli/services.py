"""A stand-in for ``systemctl``: does what a unit says, as far as these tests need it, and keeps a record."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

from tests.cli.running import Kruxos

_SYSTEMCTL = """\
#!/bin/sh
cd "$HOME"
echo "$*" >>asked
unit=.config/systemd/user/kruxos.service
case "$*" in
"--user restart kruxos.service")
    [ -f pid ] && kill "$(cat pid)" 2>/dev/null
    sed -n 's/^Environment=/export /p; s/^ExecStart=/exec /p' $unit >run
    setsid sh run >/dev/null 2>&1 </dev/null &
    echo $! >pid ;;
"--user disable --now kruxos.service") kill "$(cat pid)"; rm pid ;;
"--user is-active"*) [ -f pid ] ;;
esac
"""


class Services:
    """What a user's manager has been asked, and the process that it has started."""

    def __init__(self, kruxos: Kruxos) -> None:
        self.home = kruxos.home
        self.bin = kruxos.home / "bin"
        self.bin.mkdir()
        systemctl = self.bin / "systemctl"
        systemctl.write_text(_SYSTEMCTL)
        systemctl.chmod(0o755)

    @property
    def path(self) -> str:
        """``PATH`` with the stand-in before all else."""
        return f"{self.bin}{os.pathsep}{os.environ['PATH']}"

    @property
    def unit(self) -> Path:
        """The unit's file."""
        return self.home / ".config/systemd/user/kruxos.service"

    def asked(self) -> list[str]:
        """What it was asked to do."""
        return (self.home / "asked").read_text().splitlines()

    def stop(self) -> None:
        """Ends the gateway, if one was started."""
        pid = self.home / "pid"
        if pid.exists():
            os.kill(int(pid.read_text()), signal.SIGTERM)
            pid.unlink()


def without_services(home: Path) -> str:
    """A ``PATH`` on which there is no service manager, and no kruxos."""
    directory = home / "few"
    directory.mkdir()
    for name in ("sh", "env"):
        found = shutil.which(name)
        assert found is not None
        (directory / name).symlink_to(found)
    return str(directory)
