"""Gemini's batches and the files that they need (Google API definitions)."""

from __future__ import annotations

from typing import Any

from kruxos.dialects.batching import inner, objects
from kruxos.dialects.text import body_bytes, parse_json
from kruxos.simulator.call import Call, Refused
from kruxos.simulator.gemini.provider import GEMINI as ROW
from kruxos.simulator.provider import Refusal
from kruxos.simulator.steps import Response

from .common import enter, file_in, for_batches, job_of, json_lines, made, page_of, results, rfc3339
from .jobs import Item, Job, Kind

GEMINI = for_batches(ROW)
_RESULTS = "results-"
_CODES = {400: 3, 404: 5, 403: 7, 429: 8, 401: 16, 503: 14}


def _not_found(name: str) -> Refusal:
    return Refusal(404, "NOT_FOUND", f"Requested entity was not found: {name}")


def upload(call: Call) -> Response:
    """Takes a file."""
    enter(call)
    data = file_in(call.asked)
    if not data:
        raise Refused(call.provider.not_readable("the upload holds no file"), "file_missing")
    name = call.world.batches.add_file(data, "files/")
    told = {"name": name, "mimeType": "application/jsonl", "sizeBytes": str(len(data)), "state": "ACTIVE"}
    return call.answered(body_bytes({"file": told}))


def create(call: Call) -> Response:
    """Makes a batch, of a file or of requests in its body."""
    key, model = enter(call), call.values["model"]
    batch = inner(call.body(), "batch")
    config = inner(batch, "inputConfig")
    if call.find_model(model) is None:
        raise Refused(_not_found(f"models/{model}"), "model_not_found")
    rows = objects(inner(config, "requests").get("requests"))
    if "fileName" in config:
        data = call.world.batches.files.get(str(config["fileName"]))
        if data is None:
            raise Refused(_not_found(str(config["fileName"])[:128]), "file_not_found")
        try:
            rows = json_lines(data)
        except ValueError as error:
            raise Refused(call.provider.not_readable(f"line {error} is not JSON"), "file_not_json") from None
    path = f"/v1beta/models/{model}:generateContent"
    items = [Item(_key(row), path, body_bytes(row.get("request"))) for row in rows]
    job = call.world.batches.add(
        "batches/", call.provider.name, key, call.now, items, model=model, name=batch.get("displayName")
    )
    return made(call, job, lambda each: _batch(call, each))


def _key(row: dict[str, Any]) -> str:
    return str(row.get("key") or inner(row, "metadata").get("key") or "")


def list_batches(call: Call) -> Response:
    """A page."""
    mine = call.world.batches.of(call.provider.name, enter(call))
    jobs, more = page_of(call, mine, "pageSize", "pageToken")
    token = {"nextPageToken": jobs[-1].id} if more else {}
    return call.answered(body_bytes({"operations": [_batch(call, job) for job in jobs], **token}))


def show(call: Call) -> Response:
    """One batch."""
    return call.answered(body_bytes(_batch(call, job_of(call, enter(call), _not_found, "batches/"))))


def cancel(call: Call) -> Response:
    """Stops it."""
    job = job_of(call, enter(call), _not_found, "batches/")
    if job.has_ended(call.now):
        raise Refused(Refusal(400, "FAILED_PRECONDITION", "The batch has ended already."), "batch_over")
    job.cancelled_at = job.cancelled_at or call.now
    return call.answered(b"{}")


def download(call: Call) -> Response:
    """The results of a batch as a file."""
    key, name = enter(call), call.values["id"]
    call.values["id"] = name.removeprefix(_RESULTS)
    job = job_of(call, key, _not_found, "batches/")
    if not name.startswith(_RESULTS) or not job.has_ended(call.now):
        raise Refused(_not_found(f"files/{name[:128]}"), "file_not_found")
    return results(call, job, _line)


def _line(name: str, kind: Kind, status: int, body: bytes) -> dict[str, Any]:
    if kind != "done":
        code = 1 if kind == "cancelled" else 4
        return {"key": name, "error": {"code": code, "message": kind, "status": kind.upper()}}
    value = parse_json(body)
    if status == 200:
        return {"key": name, "response": value}
    error = inner(value, "error")
    return {"key": name, "error": {"code": _CODES.get(status, 13), "message": error.get("message")}}


def _state(call: Call, job: Job) -> str:
    if not job.has_ended(call.now):
        return "RUNNING"
    kinds = job.kinds(call.now)
    return next((each.upper() for each in ("cancelled", "expired") if each in kinds), "SUCCEEDED")


def _batch(call: Call, job: Job) -> dict[str, Any]:
    state, has_ended = _state(call, job), job.has_ended(call.now)
    file = {"responsesFile": f"files/{_RESULTS}{job.id.removeprefix('batches/')}"}
    told = {
        "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
        "model": f"models/{job.about['model']}",
        "displayName": job.about["name"],
        "createTime": rfc3339(job.created_at),
        "batchStats": {"requestCount": str(len(job.items)), "successfulRequestCount": str(job.done(call.now))},
        "state": f"BATCH_STATE_{state}",
        "name": job.id,
        **({"output": file, "endTime": rfc3339(job.ends_at)} if has_ended else {}),
    }
    return {"name": job.id, "metadata": told, **({"done": True, "response": file} if has_ended else {})}
