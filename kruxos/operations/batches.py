"""Batches, as operators have them: of all agents. What is on the disk can be read without a gateway too."""

from __future__ import annotations

import time
from typing import Any

from kruxos.errors import BadRequestError
from kruxos.fields import Fields
from kruxos.ledger.batch_view import describe, ready_parts
from kruxos.ledger.batches import Batch
from kruxos.ledger.spool import Spool, read_results
from kruxos.operations.base import Context, Operation, Run
from kruxos.wire import CHUNK_BYTES_MAX

_NAME_CHARS_MAX = 256
_TOLD_MAX = 5


def _in_gateway(op: str) -> Run:
    async def run(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
        return await context.running().batch(op, arguments)

    return run


async def list_batches(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """All batches, the latest first, as ``show`` gives one."""
    if context.gateway is not None:
        return await context.gateway.batch("batch.list", arguments)
    found = context.ledger.batches.list() if context.has_ledger else []
    return {"batches": [_described(context, batch) for batch in found]}


async def show(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """One batch: ``id``. How far it is, its parts, what is wrong, what to do."""
    if context.gateway is not None:
        return await context.gateway.batch("batch.show", arguments)
    return _described(context, _found(context, arguments))


async def results(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """A chunk of a batch's results from ``offset`` on: ``data``, ``next_offset``, and whether that was the ``end``."""
    if context.gateway is not None:
        return await context.gateway.batch("batch.results", arguments)
    batch = _found(context, arguments)
    parts = context.ledger.batches.parts(batch.id)
    ready, offset = ready_parts(parts), Fields(arguments).maybe_integer("offset", low=0) or 0
    data, after = read_results(Spool(context.data.jobs, batch.id), ready, offset, CHUNK_BYTES_MAX)
    return {"data": data, "next_offset": after, "end": batch.over_at is not None and not data, "state": batch.state}


def told_of_batches(context: Context, *, agent: str | None = None, provider: str | None = None) -> list[str]:
    """What to tell whoever takes an agent or a provider away while batches of it are open."""
    found = context.ledger.batches.open() if context.has_ledger else []
    names = [each.id for each in found if agent in (None, each.agent) and provider in (None, each.provider)]
    if not names:
        return []
    shown = ", ".join(names[:_TOLD_MAX]) + (f" and {len(names) - _TOLD_MAX} more" if len(names) > _TOLD_MAX else "")
    what = "go on, and are paid" if provider is None else "wait until the provider is back"
    return [f"open batches {what}: {shown}; to end them: `kruxos batch cancel ID`"]


def _found(context: Context, arguments: dict[str, Any]) -> Batch:
    name = Fields(arguments).text("id", limit=_NAME_CHARS_MAX)
    found = context.ledger.batches.get(name) if context.has_ledger else None
    if found is None:
        raise BadRequestError("there is no batch of this id: `kruxos batch list` shows those there are", field="id")
    return found


def _described(context: Context, batch: Batch) -> dict[str, Any]:
    return describe(batch, context.ledger.batches.parts(batch.id), time.time())


OPERATIONS = (
    Operation("batch.begin", _in_gateway("batch.begin"), reads=True),
    Operation("batch.append", _in_gateway("batch.append"), reads=True),
    Operation("batch.submit", _in_gateway("batch.submit"), reads=True),
    Operation("batch.list", list_batches, reads=True),
    Operation("batch.show", show, reads=True),
    Operation("batch.results", results, reads=True),
    Operation("batch.cancel", _in_gateway("batch.cancel")),
)
"""``submit`` waits for its lines to be checked, so it runs beside others; the journal hears of it from the gateway."""
