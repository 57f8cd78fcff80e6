"""The first page: the gateway, its workers, and what each of them has left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from kruxos.operations.advice import advise
from kruxos.web.dashboard.charts import share
from kruxos.web.dashboard.desk import Asked, Trouble

VERBS = {
    "restart": "{name} restarts: calls under way finish on the old process.",
    "stop": "{name} stops when its calls are done; it stays stopped until you start it.",
    "start": "{name} starts.",
    "reset": "{name}'s cooldowns and learned limits are forgotten: it is asked again at once.",
}
LAST_ERROR_S = 900.0
"""A failed call is worth a line for so long."""


async def show(asked: Asked) -> Response:
    """All workers."""
    status = await asked.operate("status")
    now = time.time()
    lines = [worker_line(each, now) for each in status["workers"]]
    return asked.show("workers.html", status=status, workers=lines, budgets=[budget(b) for b in status["budgets"]])


def worker_line(worker: Mapping[str, Any], now: float) -> dict[str, Any]:
    """A worker with its gauges, and with what is wrong and what mends it."""
    return dict(worker) | {
        "gauges": [gauge(each) for each in worker["remains"]],
        "cools": (worker["cooling_until"] or 0.0) > now,
        "advice": _advice(worker, now),
    }


def _advice(worker: Mapping[str, Any], now: float) -> dict[str, str] | None:
    code = ""
    if worker["state"] in ("failed", "backoff"):
        code = worker["reason"]
    elif (worker["cooling_until"] or 0.0) > now:
        code = worker["cooling_reason"] or "rate_limited"
    elif worker["last_error"] and now - (worker["last_error_at"] or 0.0) < LAST_ERROR_S:
        code = worker["last_error"]
    if not code:
        return None
    found = advise(code, worker["provider"], kind=worker["type"], model=worker["model"])
    return {"message": found.message, "fix": found.fix}


def gauge(remains: Mapping[str, Any]) -> dict[str, Any]:
    """What a provider told of one limit. ``share`` is what is left of it; None where it named no limit."""
    limit = remains["limit"]
    left_share = None if limit is None else share(float(remains["left"]), float(limit))
    return dict(remains) | {"share": left_share}


def budget(standing: Mapping[str, Any]) -> dict[str, Any]:
    """A limit of money or tokens; ``share`` is what is used of it."""
    return dict(standing) | {"share": share(float(standing["used"]), float(standing["amount"]))}


async def act(asked: Asked) -> Response:
    """Restart, stop, start, reset."""
    verb = str(asked.request.path_params["verb"])
    if verb not in VERBS:
        raise Trouble("A worker cannot do this.", "", 404)
    await asked.operate(f"worker.{verb}", provider=asked.name)
    asked.session.tell(VERBS[verb].format(name=asked.name))
    return asked.go("")


PAGES = (("GET", "", show), ("POST", "/workers/{name}/{verb}", act))
