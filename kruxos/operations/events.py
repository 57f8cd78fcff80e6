"""The journal of events: reading it, and telling it of operators' actions."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from kruxos.config.pasted import shown
from kruxos.fields import Fields
from kruxos.ledger.journal import Journal, read_entries
from kruxos.operations.base import Context, Operation

EVENTS_MAX = 10_000
_NAMED = ("name", "provider", "role", "place", "type", "model", "id")
"""The arguments of operations that say what was done to whom; all others stay unsaid, secrets among them."""


async def list_events(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """The latest entries, the newest last. Arguments: ``limit``, ``since`` (Unix seconds), ``kind``.

    ``path`` is the file.
    """
    fields = Fields(arguments)
    limit = fields.maybe_integer("limit", low=0, high=EVENTS_MAX)
    since = fields.maybe_number("since", low=0.0) or 0.0
    path = context.data.events
    count = EVENTS_MAX if limit is None else limit
    kind = fields.maybe_text("kind", limit=32)
    found = await context.aside(lambda: read_entries(path, since=since, limit=count, kind=kind))
    size = path.stat().st_size if path.exists() else 0
    return {"events": found, "path": str(path), "offset": size}


def tell_action(
    journal: Journal, operation: str, arguments: Mapping[str, Any], *, uid: int | None, pid: int | None, outcome: str
) -> None:
    """Writes down what an operator did: the operation, to whom or what, by whom, and ``done`` or an error code."""
    named = {key: shown(value) for key in _NAMED if isinstance(value := arguments.get(key), str)}
    subject = " ".join(named.values())
    journal.tell(time.time(), "operator", subject, action=operation, outcome=outcome, uid=uid, pid=pid)


OPERATIONS = (Operation("event.list", list_events, reads=True),)
