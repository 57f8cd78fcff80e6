"""All operations by name."""

from __future__ import annotations

from kruxos.operations import agents, catalogue, logins, logs, models, testing, usage, vault, verification, workers
from kruxos.operations.base import Operation

_MODULES = (workers, verification, models, logins, catalogue, testing, vault, agents, usage, logs)

OPERATIONS: dict[str, Operation] = {each.name: each for module in _MODULES for each in module.OPERATIONS}
