"""All operations by name, for who may be asked for any: the gateway."""

from __future__ import annotations

from kruxos.operations.registry import all_operations

OPERATIONS = all_operations()
