"""What was: calls with their attempts, batches, and the journal of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from kruxos.web.dashboard.charts import TIMELINE_WIDTH, share, timeline
from kruxos.web.dashboard.desk import Asked
from kruxos.web.dashboard.usage import INPUT_TOKENS

CALLS = 50
EVENTS = 100
_CHAIN = ("n", "prev", "hash", "at", "kind", "subject")


async def calls(asked: Asked) -> Response:
    """The latest calls, the newest first."""
    query = asked.request.query_params
    narrow = {name: query.get(name) or None for name in ("agent", "provider")}
    found = await asked.operate("call.list", limit=CALLS, **narrow)
    rows = [_call(each) for each in found["calls"]]
    return asked.show("calls.html", calls=rows[::-1], narrow=narrow, width=TIMELINE_WIDTH)


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    """A call with its timeline; ``input_tokens`` are those that are known, None where none are."""
    usage = call["usage"]
    known = [each for name in INPUT_TOKENS if (each := usage[name]) is not None]
    return dict(call) | {
        "timeline": timeline(call["attempts"], call["duration_ms"] or 0),
        "input_tokens": sum(known) if known else None,
    }


async def batches(asked: Asked) -> Response:
    """All batches, the latest first."""
    found = (await asked.operate("batch.list"))["batches"]
    rows = [dict(each) | {"share": share(each["succeeded"] + each["failed"], each["requests"])} for each in found]
    return asked.show("batches.html", batches=rows)


async def cancel_batch(asked: Asked) -> Response:
    """Ends a batch."""
    await asked.operate("batch.cancel", id=asked.name)
    asked.session.tell(f"{asked.name} is cancelled; what was answered until then is kept.")
    return asked.go("/batches")


async def events(asked: Asked) -> Response:
    """The latest entries of the journal, the newest first."""
    kind = asked.request.query_params.get("kind") or None
    found = await asked.operate("event.list", limit=EVENTS, kind=kind)
    rows = [dict(each) | {"told": _told(each)} for each in found["events"]]
    return asked.show("events.html", events=rows[::-1], kind=kind, log=found["path"])


def _told(event: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in event.items() if name not in _CHAIN)


PAGES = (
    ("GET", "/calls", calls),
    ("GET", "/batches", batches),
    ("POST", "/batches/{name}/cancel", cancel_batch),
    ("GET", "/events", events),
)
