"""What a reload of models.yaml has to touch: pure comparison of two configurations."""

from __future__ import annotations

from dataclasses import dataclass

from kruxos.config.model import ROLE_NAMES, ModelsConfig, RoleName, destination

_GATEWAY_FIELDS = ("isolation", "operators", "agents", "agents_group", "http", "budgets", "alerts", "telemetry")


@dataclass(frozen=True, slots=True)
class Changes:
    """Names of providers, in the files' order. Those in ``destination_moved`` are in ``changed`` too.

    ``defaults_changed`` holds roles; ``gateway_changed`` the fields of ``ModelsConfig`` that concern the gateway.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    destination_moved: tuple[str, ...] = ()
    defaults_changed: tuple[RoleName, ...] = ()
    gateway_changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self != Changes()


def difference(old: ModelsConfig, new: ModelsConfig) -> Changes:
    """From ``old`` to ``new``. False where nothing changed; the order of providers is no change."""
    kept = [name for name in new.providers if name in old.providers]
    changed = [name for name in kept if old.providers[name] != new.providers[name]]
    moved = [name for name in changed if destination(old.providers[name]) != destination(new.providers[name])]
    return Changes(
        added=tuple(name for name in new.providers if name not in old.providers),
        changed=tuple(changed),
        removed=tuple(name for name in old.providers if name not in new.providers),
        destination_moved=tuple(moved),
        defaults_changed=tuple(r for r in ROLE_NAMES if old.defaults.for_role(r) != new.defaults.for_role(r)),
        gateway_changed=tuple(name for name in _GATEWAY_FIELDS if getattr(old, name) != getattr(new, name)),
    )
