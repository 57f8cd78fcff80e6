"""Calls as they end, from the ledger, without anything of their content; and the last lines of the log files."""

from __future__ import annotations

from typing import Any

from kruxos.config.model import PROVIDER_NAME
from kruxos.config.pasted import shown
from kruxos.fields import Fields
from kruxos.ledger.calls import Call
from kruxos.logfile import tail
from kruxos.operations.base import Context, Operation, refused

CALLS_MAX = 1000
LINES_MAX = 10_000
_NAME_CHARS_MAX = 256
_GATEWAY = "gateway"


async def list_calls(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """The latest steps of calls in the order in which they ended, the newest last. Costs are decimal text.

    Arguments: ``limit`` (at most 1000), ``agent``, ``provider``, ``since`` (Unix seconds); ``after``, the ``cursor`` of
    an earlier answer, for what came since; ``forward``, with ``after`` alone: of these the first ones.
    """
    fields = Fields(arguments)
    limit = fields.maybe_integer("limit", low=1, high=CALLS_MAX) or CALLS_MAX
    narrow: dict[str, Any] = {
        "agent": fields.maybe_text("agent", limit=_NAME_CHARS_MAX),
        "provider": fields.maybe_text("provider", limit=_NAME_CHARS_MAX),
        "since": fields.maybe_number("since", low=0.0) or 0.0,
        "after": fields.maybe_integer("after", low=0) or 0,
        "forward": fields.boolean("forward", default=False),
    }
    running = context.gateway is not None
    if not context.has_ledger:
        return {"calls": [], "cursor": 0, "running": running}
    calls, cursor = await context.aside(lambda: _read(context, limit, narrow))
    return {"calls": [_shown(each) for each in calls], "cursor": cursor, "running": running}


def _read(context: Context, limit: int, narrow: dict[str, Any]) -> tuple[list[Call], int]:
    context.ledger.writer.flush()
    return context.ledger.log(limit=limit, **narrow)


def _shown(call: Call) -> dict[str, Any]:
    """A step without texts: not even a provider's own words about a failure."""
    usage = call.usage
    return {
        "call_id": call.call_id,
        "step": call.step,
        "last": call.last,
        "started_at": call.started_at,
        "agent": call.agent,
        "provider": call.provider,
        "model": call.model,
        "op": call.op,
        "outcome": call.outcome,
        "finish_reason": call.finish_reason,
        "stream": call.stream,
        "attempts": [
            {name: attempt.get(name) for name in ("provider", "model", "outcome", "elapsed_ms")}
            for attempt in call.attempts
        ],
        "usage": {
            "uncached_input_tokens": usage.uncached_input_tokens,
            "cache_read_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "output_tokens": usage.output_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
        },
        "cost": None if call.cost is None else {"currency": call.currency, "total": format(call.cost, "f")},
        "billed_maybe": call.billed_maybe,
        "overhead_us": call.overhead_us,
        "upstream_us": call.upstream_us,
        "duration_ms": call.duration_ms,
        "upstream_request_id": call.upstream_request_id,
    }


async def read_file(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """The last ``lines`` of the gateway's log, or of the log of ``provider``; ``path`` and ``offset`` are its end."""
    fields = Fields(arguments)
    provider = fields.maybe_text("provider", limit=_NAME_CHARS_MAX)
    lines = fields.maybe_integer("lines", low=0, high=LINES_MAX)
    name = _GATEWAY if provider is None else provider
    path = context.data.logs / f"{name}.log"
    if not PROVIDER_NAME.fullmatch(name) or not path.is_file():
        whose = "the gateway" if provider is None else shown(name)
        raise refused(f"there is no log of {whose} yet", "kruxos serve" if provider is None else "kruxos model list")
    found, offset = await context.aside(lambda: tail(path, LINES_MAX if lines is None else lines))
    return {"path": str(path), "lines": found, "offset": offset}


OPERATIONS = (
    Operation("call.list", list_calls, reads=True),
    Operation("log.read", read_file, reads=True),
)
