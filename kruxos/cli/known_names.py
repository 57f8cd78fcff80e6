"""The names of providers and agents, read from the data directory's files at once: no gateway is asked or started.

For completion, which is called at each press of a key: models.yaml is skimmed for its names and not loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kruxos.paths import data_directory

TEXT_BYTES_MAX = 1024 * 1024
NAMES_MAX = 256
_TOP = re.compile(r"[A-Za-z_\"']")
_ENTRY = re.compile(r"( +)[\"']?([a-z0-9][a-z0-9._-]{0,62})[\"']?:(?:\s|$)")


def provider_names() -> list[str]:
    """The providers that models.yaml names."""
    try:
        with (data_directory() / "models.yaml").open(encoding="utf-8", errors="replace") as file:
            return list(names_in(file.read(TEXT_BYTES_MAX)))
    except OSError:
        return []


def names_in(text: str) -> Iterator[str]:
    """The keys right below ``providers:``, in block style."""
    within, indent = False, ""
    for line in text.splitlines():
        if _TOP.match(line):
            within, indent = line.split("#")[0].strip() == "providers:", ""
        elif within and (entry := _ENTRY.match(line)) is not None:
            indent = indent or entry[1]
            if entry[1] == indent:
                yield entry[2]


def agent_names() -> list[str]:
    """The agents that the ledger knows."""
    import sqlite3  # noqa: PLC0415 - only where agents are asked for

    path = data_directory() / "ledger.db"
    try:
        ledger = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)
        try:
            rows = ledger.execute("select name from agents order by name limit ?", (NAMES_MAX,)).fetchall()
        finally:
            ledger.close()
    except sqlite3.Error:
        return []
    return [str(name) for (name,) in rows]
