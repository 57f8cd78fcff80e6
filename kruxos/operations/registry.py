"""All operations by name."""

from __future__ import annotations

from kruxos.operations import (
    agents,
    catalogue,
    efforts,
    logins,
    matrix,
    models,
    remote,
    testing,
    usage,
    vault,
    workers,
)
from kruxos.operations.base import Operation

_MODULES = (workers, models, logins, catalogue, efforts, matrix, remote, testing, vault, agents, usage)

OPERATIONS: dict[str, Operation] = {each.name: each for module in _MODULES for each in module.OPERATIONS}
