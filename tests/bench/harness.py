"""The harness that measured the rivals, where it stands beside the project: ``../shared/bench``, or ``KRUXOS_SHARED``.

Its provider and its load generator are C programs that cost a few microseconds a call; its table of targets says how
the rivals are started. What was installed for it stands in ``BENCH_ENV``. Without it the project's own provider and
generator, in Python, measure ``direct`` and ourselves.
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@cache
def folder() -> Path | None:
    """Where the harness stands."""
    places = [os.environ.get("KRUXOS_SHARED"), ROOT.parent / "shared"]
    found = [Path(place, "bench") for place in places if place]
    return next((path for path in found if (path / "bench.py").exists()), None)


def installed() -> Path:
    """Where its programs and the rivals are."""
    return Path(os.environ.setdefault("BENCH_ENV", str(Path.home() / ".cache" / "kruxos-bench")))


@cache
def programs() -> tuple[Path, Path] | None:
    """Its provider and its load generator, compiled; None where it or a compiler is missing."""
    found = installed() / "upstream", installed() / "load"
    if not all(path.exists() for path in found):
        source = folder()
        if source is None or shutil.which("gcc") is None:
            return None
        installed().mkdir(parents=True, exist_ok=True)
        for path in found:
            subprocess.run(["gcc", "-O2", "-o", path, source / "native" / f"{path.name}.c"], check=True)
    return found


@cache
def driver() -> Any:
    """Its driver, as a module; ``driver().TARGETS`` are the rivals."""
    source = folder()
    if source is None:
        raise FileNotFoundError("there is no ../shared/bench")
    installed()
    sys.dont_write_bytecode = True  # it is not ours
    sys.path.insert(0, str(source))
    module = importlib.import_module("bench")
    Path(module.CLEAN_ENV["HOME"]).mkdir(parents=True, exist_ok=True)
    return module


def rivals() -> list[str]:
    """The rivals that are installed here."""
    if folder() is None or programs() is None:
        return []
    return [name for name, target in driver().TARGETS.items() if target.cmd and _is_there(target.cmd)]


def _is_there(command: list[str]) -> bool:
    return all(Path(word).exists() for word in command[:2] if word.startswith("/"))


def enter_own_network() -> None:
    """Goes on in a network that holds nothing but loopback, where this user may make one."""
    if os.environ.get("KRUXOS_BENCH_ALONE") == "1":
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    flags = ["-n"] if os.getuid() == 0 else ["-rn"]
    tools = shutil.which("unshare"), shutil.which("ip")
    if (
        all(tools)
        and subprocess.run(["unshare", *flags, "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0
    ):
        os.environ["KRUXOS_BENCH_ALONE"] = "1"
        os.execvp("unshare", ["unshare", *flags, sys.executable, "-m", "tests.bench", *sys.argv[1:]])
