"""Addresses of providers' names, remembered for a while. Pure: what was found comes in, with the time.

The system's resolver does not tell how long an answer holds, so it holds ``KEEP_S``. While the resolver cannot answer
for now, addresses that are up to ``STALE_S`` old are used: a name server that stumbles costs no call (RFC 8767).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

KEEP_S = 30.0
KEEP_FAILURE_S = 2.0
STALE_S = 3600.0
NAMES_MAX = 1024
ADDRESSES_MAX = 16

Name: TypeAlias = tuple[str, int]
"""Host and port."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a name has. No addresses: ``reason`` says why; ``passing``: ask again, it may be over soon."""

    addresses: tuple[str, ...] = ()
    reason: str = ""
    passing: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    found: Found
    until: float


@dataclass(slots=True)
class NameCache:
    """At most ``NAMES_MAX`` names; the one that was learned longest ago goes first."""

    _rows: dict[Name, _Row] = field(default_factory=dict[Name, _Row])
    _good: dict[Name, _Row] = field(default_factory=dict[Name, _Row])

    def known(self, name: Name, now: float) -> Found | None:
        """What is known well enough to answer; None: it has to be looked up."""
        row = self._rows.get(name)
        return row.found if row is not None and now < row.until else None

    def learned(self, name: Name, found: Found, now: float) -> Found:
        """Takes what a look-up brought; gives what is to be answered."""
        if found.addresses:
            found = Found(found.addresses[:ADDRESSES_MAX])
            _put(self._good, name, _Row(found, now + STALE_S))
        elif found.passing:
            old = self._good.get(name)
            found = old.found if old is not None and now < old.until else found
            _put(self._rows, name, _Row(found, now + KEEP_FAILURE_S))
            return found
        _put(self._rows, name, _Row(found, now + (KEEP_S if found.addresses else KEEP_FAILURE_S)))
        return found


def _put(rows: dict[Name, _Row], name: Name, row: _Row) -> None:
    rows.pop(name, None)
    rows[name] = row
    if len(rows) > NAMES_MAX:
        del rows[next(iter(rows))]
