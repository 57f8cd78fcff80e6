"""All operations by name."""

from __future__ import annotations

from kruxos.operations import workers
from kruxos.operations.base import Operation

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in (*workers.OPERATIONS,)}
