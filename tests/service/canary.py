"""Looking for a secret everywhere it must not be: processes, files, and what anybody was told."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path

PROC = Path("/proc")
_MAY_HOLD_KEYS = ("vault.db", "vault.db-wal", "vault.db-shm", "vault.key")


def forms(secret: str) -> dict[str, bytes]:
    """How a secret might have got out: as it is, or lightly wrapped. Base64 at any of its three offsets."""
    data = secret.encode()
    found = {"plain": data, "hex": data.hex().encode(), "HEX": data.hex().upper().encode(), "reversed": data[::-1]}
    for offset in range(3):
        for name, encode in (("base64", base64.b64encode), ("urlsafe", base64.urlsafe_b64encode)):
            wrapped = encode(b"\0" * offset + data)
            start, end = (0, 2, 3)[offset], len(wrapped) - (4 if wrapped.endswith(b"=") else 0)
            found[f"{name} at {offset}"] = wrapped[start:end]
    return found


def in_bytes(secrets: Iterable[str], where: str, data: bytes) -> Iterator[str]:
    """Where a secret stands in ``data``: sentences that do not hold it."""
    for number, secret in enumerate(secrets):
        for name, form in forms(secret).items():
            if form in data:
                yield f"secret {number} ({name}) in {where}"


def in_processes(secrets: Iterable[str]) -> Iterator[str]:
    """Command lines and environments of all processes that may be read."""
    wanted = list(secrets)
    for process in PROC.iterdir():
        if process.name.isdecimal():
            for part in ("cmdline", "environ"):
                try:
                    data = (process / part).read_bytes()
                except OSError:
                    continue
                yield from in_bytes(wanted, f"the {part} of a process", data)


def in_files(secrets: Iterable[str], root: Path, *, but: tuple[str, ...] = _MAY_HOLD_KEYS) -> Iterator[str]:
    """Every file below ``root``; ``but`` names those that are sealed or are keys themselves."""
    wanted = list(secrets)
    for path in root.rglob("*"):
        if path.is_file() and path.name not in but:
            yield from in_bytes(wanted, str(path.relative_to(root)), path.read_bytes())
