"""Message Batches (Anthropic docs: batch processing)."""

from __future__ import annotations

import re
from typing import Any, cast

from kruxos.dialects.text import body_bytes, parse_json
from kruxos.simulator.anthropic.provider import ANTHROPIC as ROW
from kruxos.simulator.call import Call, Refused
from kruxos.simulator.provider import Refusal
from kruxos.simulator.steps import Response

from .common import enter, for_batches, job_of, made, page_of, results, rfc3339
from .jobs import Item, Job, Kind

ANTHROPIC = for_batches(ROW)
REQUESTS_MAX = 100_000
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_PATH = "/v1/messages"


def _not_found(name: str) -> Refusal:
    return Refusal(404, "not_found_error", f"Message Batch {name} not found.")


def create(call: Call) -> Response:
    """Makes a batch; only its outside is judged now."""
    key = enter(call)
    job = call.world.batches.add("msgbatch_01", call.provider.name, key, call.now, _items(call))
    return made(call, job, lambda each: _batch(call, each))


def _items(call: Call) -> list[Item]:
    given: Any = call.body().get("requests")
    requests = cast("list[dict[str, Any]]", given) if isinstance(given, list) else []
    say = call.provider.not_readable
    if not requests:
        raise Refused(say("requests: Field required"), "requests_missing")
    if len(requests) > REQUESTS_MAX:
        raise Refused(say(f"requests: List should have at most {REQUESTS_MAX} items"), "requests_many")
    names = [str(each.get("custom_id")) for each in requests]
    for place, (name, each) in enumerate(zip(names, requests, strict=True)):
        if not _NAME.fullmatch(name):
            raise Refused(say(f"requests.{place}.custom_id: String should match pattern"), "custom_id")
        if not isinstance(each.get("params"), dict):
            raise Refused(say(f"requests.{place}.params: Field required"), "params_missing")
    if len(set(names)) != len(names):
        raise Refused(say("requests: custom_id must be unique within a batch"), "custom_id_twice")
    return [Item(name, _PATH, body_bytes(each["params"])) for name, each in zip(names, requests, strict=True)]


def list_batches(call: Call) -> Response:
    """A page, the newest first."""
    jobs, more = page_of(call, call.world.batches.of(call.provider.name, enter(call)), "limit", "after_id")
    ends = {"first_id": jobs[0].id if jobs else None, "last_id": jobs[-1].id if jobs else None}
    return call.answered(body_bytes({"data": [_batch(call, job) for job in jobs], "has_more": more, **ends}))


def show(call: Call) -> Response:
    """One batch."""
    return call.answered(body_bytes(_batch(call, job_of(call, enter(call), _not_found))))


def cancel(call: Call) -> Response:
    """Begins to stop it."""
    job = job_of(call, enter(call), _not_found)
    if not job.has_ended(call.now) and job.cancelled_at is None:
        job.cancelled_at = call.now
    return call.answered(body_bytes(_batch(call, job) | {"processing_status": "canceling", "results_url": None}))


def told_results(call: Call) -> Response:
    """All results, once it has ended."""
    job = job_of(call, enter(call), _not_found)
    if not job.has_ended(call.now):
        words = f"Message Batch {job.id} has no available results."
        raise Refused(Refusal(404, "not_found_error", words), "no_results")
    return results(call, job, _line)


def _line(name: str, kind: Kind, status: int, body: bytes) -> dict[str, Any]:
    if kind != "done":
        return {"custom_id": name, "result": {"type": {"cancelled": "canceled"}.get(kind, kind)}}
    value = parse_json(body)
    if status == 200:
        value["usage"]["service_tier"] = "batch"
        return {"custom_id": name, "result": {"type": "succeeded", "message": value}}
    return {"custom_id": name, "result": {"type": "errored", "error": value}}


def _batch(call: Call, job: Job) -> dict[str, Any]:
    has_ended, kinds = job.has_ended(call.now), job.kinds(call.now)
    counts = {"processing": 0 if has_ended else len(kinds), "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    if has_ended:
        counts |= {"succeeded": kinds.count("done"), "canceled": kinds.count("cancelled")}
        counts["expired"] = kinds.count("expired")
    url = f"https://api.anthropic.com/v1/messages/batches/{job.id}/results"
    return {
        "id": job.id,
        "type": "message_batch",
        "processing_status": "ended" if has_ended else "canceling" if job.cancelled_at else "in_progress",
        "request_counts": counts,
        "ended_at": rfc3339(job.ends_at) if has_ended else None,
        "created_at": rfc3339(job.created_at),
        "expires_at": rfc3339(job.created_at + job.window_s),
        "archived_at": None,
        "cancel_initiated_at": rfc3339(job.cancelled_at),
        "results_url": url if has_ended else None,
    }
