"""All operations by name."""

from __future__ import annotations

from kruxos.operations import (
    agents,
    alerts,
    batches,
    catalogue,
    efforts,
    events,
    logins,
    logs,
    matrix,
    models,
    recommending,
    remote,
    standing,
    testing,
    usage,
    vault,
    verification,
    web,
    workers,
)
from kruxos.operations.base import Operation

_MODULES = (
    workers, verification, models, standing, recommending, logins, catalogue, efforts, matrix, remote, testing, vault,
    agents, usage, logs, events, alerts, batches, web,
)  # fmt: skip

OPERATIONS: dict[str, Operation] = {each.name: each for module in _MODULES for each in module.OPERATIONS}
