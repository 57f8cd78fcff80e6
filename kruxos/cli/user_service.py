"""The gateway as a service of the user: systemd's user manager on Linux, launchd on macOS.

The texts of unit and property list are pure; the managers ask ``systemctl --user`` and ``launchctl``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kruxos.cli.failing import CommandError

UNIT = "kruxos.service"
LABEL = "com.kruxos.gateway"
WITHIN_S = 60.0
STOP_WITHIN_S = 20
_UNIT_TEXT = """\
# Written by `kruxos service install`; `kruxos service uninstall` removes it.
[Unit]
Description=KruxOS model gateway

[Service]
Type=notify
{environment}ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
WatchdogSec=30
KillMode=mixed
TimeoutStopSec={stop_within_s}
Restart=on-failure
OOMPolicy=continue

[Install]
WantedBy=default.target
"""
_BY_HAND = "run `kruxos serve` in a terminal, or under whatever starts programs here"


@dataclass(frozen=True, slots=True)
class ServiceState:
    """``file`` is where it is installed; None: it is not. ``running``: its manager says so."""

    manager: str
    file: Path | None
    running: bool


class Manager(Protocol):
    """Whoever starts services for a user."""

    def install(self) -> Path:
        """Writes the file, and starts the service now and at each login. Raises ``CommandError``."""
        ...

    def uninstall(self) -> Path | None:
        """Stops it and removes the file; None where there was none. Raises ``CommandError``."""
        ...

    def state(self) -> ServiceState:
        """Whether it is installed, and runs."""
        ...


def manager() -> Manager:
    """This system's. Raises ``CommandError`` where there is none that answers."""
    if sys.platform == "darwin":
        return Launchd()
    found = Systemd()
    found.require()
    return found


def program() -> list[str]:
    """How this very program is started: the command by its own path, else this Python and the module."""
    started = Path(sys.argv[0])
    if started.name == "kruxos" and (path := shutil.which(str(started))):
        return [str(Path(path).absolute())]
    return [sys.executable, "-m", "kruxos.cli"]


def service_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What the service must be told of this environment: where the data directory is, if it was said."""
    data = environment.get("KRUXOS_DATA_DIR")
    return {"KRUXOS_DATA_DIR": str(Path(data).expanduser().absolute())} if data else {}


def unit_text(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Systemd's unit."""
    lines = "".join(f"Environment={_quoted(f'{name}={value}')}\n" for name, value in environment.items())
    shown = " ".join(map(_quoted, [*command, "serve", "--quiet"]))
    return _UNIT_TEXT.format(environment=lines, command=shown, stop_within_s=STOP_WITHIN_S)


def _quoted(word: str) -> str:
    """A word of a unit file (systemd.syntax, systemd.service: quoting; % and $ stand for themselves doubled)."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if any(sign in escaped for sign in " \t'\"\\;") else escaped


def plist_text(command: Sequence[str], environment: Mapping[str, str]) -> bytes:
    """Launchd's property list (launchd.plist(5))."""
    import plistlib  # noqa: PLC0415 - only on macOS

    wanted = {
        "Label": LABEL,
        "ProgramArguments": [*command, "serve", "--quiet"],
        "EnvironmentVariables": dict(environment),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ExitTimeOut": STOP_WITHIN_S,
        "ProcessType": "Interactive",
    }
    return plistlib.dumps(wanted)


class Systemd:
    """``systemctl --user``."""

    def __init__(self) -> None:
        chosen = Path(os.environ.get("XDG_CONFIG_HOME", ""))
        base = chosen if chosen.is_absolute() else Path.home() / ".config"
        self.file = base / "systemd" / "user" / UNIT

    def require(self) -> None:
        """Raises ``CommandError`` where no user manager answers."""
        if shutil.which("systemctl") is None or _ask("systemctl", "--user", "show-environment").returncode:
            raise CommandError("no systemd answers for this user (systemctl --user)", _BY_HAND)

    def install(self) -> Path:
        """See ``Manager``."""
        _write(self.file, unit_text(program(), service_environment(os.environ)).encode())
        _do("systemctl", "--user", "daemon-reload")
        _do("systemctl", "--user", "enable", UNIT)
        _do("systemctl", "--user", "restart", UNIT)
        return self.file

    def uninstall(self) -> Path | None:
        """See ``Manager``."""
        if not self.file.exists():
            return None
        _do("systemctl", "--user", "disable", "--now", UNIT)
        self.file.unlink()
        _do("systemctl", "--user", "daemon-reload")
        return self.file

    def state(self) -> ServiceState:
        """See ``Manager``."""
        active = _ask("systemctl", "--user", "is-active", "--quiet", UNIT).returncode == 0
        return ServiceState("systemd", self.file if self.file.exists() else None, active)


class Launchd:
    """``launchctl``, in the user's own session."""

    def __init__(self) -> None:
        self.file = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
        self._domain = f"gui/{os.getuid()}"

    def install(self) -> Path:
        """See ``Manager``."""
        _write(self.file, plist_text(program(), service_environment(os.environ)))
        _ask("launchctl", "bootout", f"{self._domain}/{LABEL}")  # an older one, if there is one
        _do("launchctl", "bootstrap", self._domain, str(self.file))
        return self.file

    def uninstall(self) -> Path | None:
        """See ``Manager``."""
        if not self.file.exists():
            return None
        _ask("launchctl", "bootout", f"{self._domain}/{LABEL}")
        self.file.unlink()
        return self.file

    def state(self) -> ServiceState:
        """See ``Manager``."""
        found = _ask("launchctl", "print", f"{self._domain}/{LABEL}")
        return ServiceState(
            "launchd", self.file if self.file.exists() else None, running="state = running" in found.stdout
        )


def _write(path: Path, data: bytes) -> None:
    from kruxos.config.files import write_atomically  # noqa: PLC0415 - only where something is installed

    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data)


def _ask(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=WITHIN_S, check=False)  # noqa: S603 - ours


def _do(*words: str) -> None:
    done = _ask(*words)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise CommandError(f"{' '.join(words)} failed" + (f": {said[-1]}" if said else ""), _BY_HAND)
