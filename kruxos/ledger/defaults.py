"""Defaults for a while: which provider answers for a role until a time, in place of the one of models.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kruxos.config.model import ROLE_NAMES, ModelsConfig, RoleName
from kruxos.ledger.database import Database


@dataclass(frozen=True, slots=True)
class ForAWhile:
    """``provider`` answers until then (Unix seconds)."""

    provider: str
    until: float


class TimedDefaults:
    """The table, by role. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, now: float) -> dict[RoleName, ForAWhile]:
        """Those whose time has not come. Raises ``LedgerError``."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT role, provider, until FROM defaults WHERE until > ?", (now,)).fetchall()
        return {role: ForAWhile(provider, until) for role, provider, until in rows if role in ROLE_NAMES}

    def set(self, role: RoleName, value: ForAWhile | None) -> None:
        """Sets one; None takes it back. Raises ``LedgerError``."""
        with self._database.writing() as connection:
            if value is None:
                connection.execute("DELETE FROM defaults WHERE role = ?", (role,))
            else:
                row = role, value.provider, value.until
                connection.execute("INSERT OR REPLACE INTO defaults VALUES (?, ?, ?)", row)


def with_timed(config: ModelsConfig, timed: Mapping[RoleName, ForAWhile], now: float) -> ModelsConfig:
    """The configuration with the defaults that hold now; one whose provider is gone holds no more."""
    holding = {role: each.provider for role, each in timed.items() if holds(each, config, now)}
    return replace(config, defaults=replace(config.defaults, **holding)) if holding else config


def holds(each: ForAWhile, config: ModelsConfig, now: float) -> bool:
    """Whether it is in force."""
    return each.until > now and each.provider in config.providers
