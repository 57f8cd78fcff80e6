"""Where the gateway keeps its things, and where its sockets are. Standard library only: agents import this."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

SYSTEM_DIRECTORY = Path("/data/kruxos")


def data_directory(environment: Mapping[str, str] | None = None, *, system: Path = SYSTEM_DIRECTORY) -> Path:
    """The data directory: ``$KRUXOS_DATA_DIR``; else /data/kruxos where it can be written; else the user's own.

    The directory need not exist.
    """
    environment = os.environ if environment is None else environment
    chosen = environment.get("KRUXOS_DATA_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if system.is_dir() and os.access(system, os.W_OK | os.X_OK):
        return system
    return _user_data_directory(environment) / "kruxos"


def _user_data_directory(environment: Mapping[str, str]) -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    chosen = Path(environment.get("XDG_DATA_HOME", ""))
    return chosen if chosen.is_absolute() else Path.home() / ".local" / "share"


def agent_socket(data: Path) -> Path:
    """The socket for agents."""
    return data / "run" / "agents" / "agent.sock"


def http_socket(data: Path) -> Path:
    """The socket for agents that speak HTTP."""
    return data / "run" / "agents" / "http.sock"


def control_socket(data: Path) -> Path:
    """The socket for operators."""
    return data / "run" / "control" / "control.sock"
