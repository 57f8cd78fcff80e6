"""What processes hold: memory, descriptors, sockets, threads. For root: a gateway's processes are closed to others."""

from __future__ import annotations

import re
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.service.raw import rss_bytes
from tests.service.running import Installation

SAMPLE_EVERY_S = 0.25
LOOKS_MAX = 40


@dataclass(frozen=True)
class Held:
    """One process. Where PSS cannot be read it is the resident memory."""

    memory_bytes: int
    descriptors: int
    sockets: int
    threads: int


def held(pid: int) -> Held:
    """What it holds now. Raises ``OSError`` where it is gone or not ours to read."""
    links = [_link(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
    return Held(memory_bytes(pid), len(links), sum(link.startswith("socket:") for link in links), _threads(pid))


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except FileNotFoundError:
        return ""  # it was just closed


def memory_bytes(pid: int) -> int:
    """Its share of memory (PSS), or what is resident of it."""
    try:
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except PermissionError:
        return rss_bytes(pid)
    return rss_bytes(pid) if found is None else int(found[1]) * 1024


def _threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def descriptors(pid: int, most: int) -> int:
    """How many it has once connections that were just closed are gone; waits until there are ``most`` at most."""
    found = held(pid).descriptors
    for _ in range(LOOKS_MAX):
        if found <= most:
            break
        threading.Event().wait(SAMPLE_EVERY_S)
        found = held(pid).descriptors
    return found


def starved_s(pid: int) -> float:
    """How long its main thread was ready to run, and no processor was free: the machine's fault, not its own."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def pids(installation: Installation) -> dict[str, int]:
    """The processes of a gateway by name: supervisor, launcher, and each provider's worker."""
    status = installation.status()
    found = {"supervisor": status["pid"], "launcher": status["launcher_pid"]}
    found |= {f"worker {each['provider']}": each["pid"] for each in status["workers"]}
    return {name: pid for name, pid in found.items() if pid is not None}


@dataclass
class Peaks:
    """The most memory that each process had."""

    bytes: dict[str, int] = field(default_factory=dict[str, int])

    def look(self, processes: Mapping[str, int]) -> None:
        """One more look."""
        for name, pid in processes.items():
            self.bytes[name] = max(self.bytes.get(name, 0), memory_bytes(pid))


@contextmanager
def watching(processes: Mapping[str, int]) -> Generator[Peaks]:
    """Looks again and again for the length of the block. The processes live as long."""
    peaks, over = Peaks(), threading.Event()

    def look() -> None:
        while not over.wait(SAMPLE_EVERY_S):
            peaks.look(processes)

    thread = threading.Thread(target=look)
    peaks.look(processes)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()
