"""What a part of a batch used, as rows of the ledger: one for each model that answered, all labelled as batch."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from kruxos.cores.batches import Part
from kruxos.events import Usage
from kruxos.ledger.batches import Batch
from kruxos.ledger.calls import Call

STEPS_PER_PART = 1000
"""Steps that a part may have: its rows stay its own, and a second booking replaces the first."""


def rows_of(batch: Batch, part: Part, rows: list[dict[str, Any]], now: float) -> list[Call]:
    """The rows. The last one of the last part carries the batch's outcome, so a batch counts as one call a part."""
    used = rows or [{"model": batch.model, "usage": {}, "cost": "0", "price_row": "", "requests": 0}]
    began = part.submitted_at or part.created_at
    outcome = "answered" if rows else _OUTCOMES.get(part.outcome, "provider_failed")
    return [
        Call(
            call_id=batch.id,
            step=part.number * STEPS_PER_PART + number,
            last=number == len(used) - 1,
            started_at=began,
            agent=batch.agent,
            provider=batch.provider,
            model=row["model"],
            op="batch",
            outcome=outcome,
            usage=Usage.from_wire(row["usage"]),
            raw_usage={"requests": row["requests"], "batch": part.upstream},
            cost=None if row["cost"] is None else Decimal(row["cost"]),
            currency=None if row["cost"] is None else "USD",
            price_row=row["price_row"] or None,
            duration_ms=round((now - began) * 1000),
            upstream_request_id=part.upstream,
        )
        for number, row in enumerate(used[:STEPS_PER_PART])
    ]


_OUTCOMES = {"cancelled": "cancelled", "expired": "deadline_exceeded"}
