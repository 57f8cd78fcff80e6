"""Files and batches (OpenAI API reference)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kruxos.dialects.text import body_bytes, parse_json
from kruxos.simulator.call import Call, Refused
from kruxos.simulator.openai_chat.provider import OPENAI as CHAT
from kruxos.simulator.openai_responses.provider import OPENAI_RESPONSES_ROW as RESPONSES
from kruxos.simulator.provider import Provider, Refusal
from kruxos.simulator.steps import Response

from .common import enter, file_in, for_batches, job_of, json_lines, made, page_of, results
from .jobs import Item, Job, Kind

OPENAI = for_batches(CHAT)
LINES_MAX = 50_000
_ENDPOINTS: dict[str, Provider] = {"/v1/responses": RESPONSES, "/v1/chat/completions": CHAT}
_OUTPUT, _ERRORS = "file-output-", "file-errors-"


def _not_found(name: str) -> Refusal:
    return Refusal(404, "invalid_request_error", f"No batch found with id '{name}'.")


def upload(call: Call) -> Response:
    """Takes a file for batches."""
    enter(call)
    data = file_in(call.asked)
    if b'name="purpose"' not in call.asked.body[:4096] or not data:
        raise Refused(call.provider.not_readable("'file' and 'purpose' are required properties"), "file_missing")
    name = call.world.batches.add_file(data, "file-")
    told = {"id": name, "object": "file", "bytes": len(data), "created_at": int(call.now), "filename": "batch.jsonl"}
    return call.answered(body_bytes({**told, "purpose": "batch", "status": "processed"}))


def create(call: Call) -> Response:
    """Makes a batch of a file; a file that is wrong shows when it is validated."""
    key, body = enter(call), call.body()
    endpoint, file = body.get("endpoint"), body.get("input_file_id")
    data = call.world.batches.files.get(str(file))
    if endpoint not in _ENDPOINTS or body.get("completion_window") != "24h" or data is None:
        raise Refused(call.provider.not_readable("invalid endpoint, completion_window or input_file_id"), "batch")
    items, wrong = _items(data, str(endpoint))
    job = call.world.batches.add(
        "batch_", call.provider.name, key, call.now, items, endpoint=endpoint, file=file, wrong=wrong,
        metadata=body.get("metadata"),
    )  # fmt: skip
    return made(call, job, lambda each: _batch(call, each))


def _items(data: bytes, endpoint: str) -> tuple[list[Item], list[dict[str, Any]]]:
    try:
        lines = json_lines(data)
    except ValueError as error:
        return [], [_wrong("invalid_json_line", int(str(error)))]
    if len(lines) > LINES_MAX:
        return [], [_wrong("too_many_tasks", LINES_MAX + 1)]
    items: list[Item] = []
    names: set[str] = set()
    for number, line in enumerate(lines, 1):
        name = line.get("custom_id")
        if not isinstance(name, str) or name in names or line.get("method") != "POST":
            return [], [_wrong("duplicate_custom_id" if name in names else "invalid_request", number)]
        if line.get("url") != endpoint:
            return [], [_wrong("mismatched_endpoint", number)]
        names.add(name)
        items.append(Item(name, endpoint, body_bytes(line.get("body"))))
    models = {parse_json(item.body).get("model") for item in items}
    return (items, []) if len(models) == 1 else ([], [_wrong("mismatched_model", 2)])


def _wrong(code: str, line: int) -> dict[str, Any]:
    return {"code": code, "line": line, "message": f"The batch's input is not valid: {code}.", "param": None}


def list_batches(call: Call) -> Response:
    """A page, the newest first."""
    jobs, more = page_of(call, call.world.batches.of(call.provider.name, enter(call)), "limit", "after")
    ends = {"first_id": jobs[0].id if jobs else None, "last_id": jobs[-1].id if jobs else None}
    rows = [_batch(call, job) for job in jobs]
    return call.answered(body_bytes({"object": "list", "data": rows, "has_more": more, **ends}))


def show(call: Call) -> Response:
    """One batch."""
    return call.answered(body_bytes(_batch(call, job_of(call, enter(call), _not_found))))


def cancel(call: Call) -> Response:
    """Begins to stop it."""
    job = job_of(call, enter(call), _not_found)
    if job.has_ended(call.now):
        words = f"Cannot cancel a batch with status '{_status(call, job)}'."
        raise Refused(Refusal(409, "invalid_request_error", words), "batch_over")
    job.cancelled_at = job.cancelled_at or call.now
    return call.answered(body_bytes(_batch(call, job) | {"status": "cancelling", "output_file_id": None}))


def content(call: Call) -> Response:
    """A file's content: what was uploaded, or what became of a batch."""
    key, name = enter(call), call.values["id"]
    uploaded = call.world.batches.files.get(name)
    if uploaded is not None:
        return call.answered(uploaded)
    prefix = next((each for each in (_OUTPUT, _ERRORS) if name.startswith(each)), "")
    call.values["id"] = name.removeprefix(prefix)
    job = job_of(call, key, _not_found)
    if not prefix or not job.has_ended(call.now):
        raise Refused(Refusal(404, "invalid_request_error", f"No such File object: {name[:128]}"), "file_not_found")
    call.provider = for_batches(_ENDPOINTS[job.about["endpoint"]])
    return results(call, job, _output_line if prefix == _OUTPUT else _error_line)


def _output_line(name: str, kind: Kind, status: int, body: bytes) -> dict[str, Any] | None:
    return _line(name, status, body) if kind == "done" and status == 200 else None


def _error_line(name: str, kind: Kind, status: int, body: bytes) -> dict[str, Any] | None:
    if kind == "done":
        return _line(name, status, body) if status != 200 else None
    words = "This request could not be executed before the completion window expired."
    return _row(name, None, {"code": f"batch_{kind}", "message": words})


def _line(name: str, status: int, body: bytes) -> dict[str, Any]:
    return _row(name, {"status_code": status, "request_id": f"req_{name[-8:]}", "body": parse_json(body)}, None)


def _row(name: str, response: dict[str, Any] | None, error: dict[str, Any] | None) -> dict[str, Any]:
    return {"id": f"batch_req_{name}", "custom_id": name, "response": response, "error": error}


def _status(call: Call, job: Job) -> str:
    if job.about["wrong"]:
        return "failed"
    if not job.has_ended(call.now):
        return "cancelling" if job.cancelled_at else "in_progress"
    kinds = job.kinds(call.now)
    return next((each for each in ("cancelled", "expired") if each in kinds), "completed")


def _moments(job: Job, status: str) -> Iterator[tuple[str, int | None]]:
    for name in ("completed", "failed", "expired", "cancelled"):
        yield f"{name}_at", int(job.ends_at) if name == status else None


def _batch(call: Call, job: Job) -> dict[str, Any]:
    status, done = _status(call, job), job.done(call.now)
    is_over = status in ("completed", "expired", "cancelled")
    wrong = job.about["wrong"]
    return {
        "id": job.id,
        "object": "batch",
        "endpoint": job.about["endpoint"],
        "errors": {"object": "list", "data": wrong} if wrong else None,
        "input_file_id": job.about["file"],
        "completion_window": "24h",
        "status": status,
        "output_file_id": f"{_OUTPUT}{job.id}" if is_over else None,
        "error_file_id": f"{_ERRORS}{job.id}" if is_over else None,
        "created_at": int(job.created_at),
        "expires_at": int(job.created_at + job.window_s),
        **dict(_moments(job, status)),
        "request_counts": {"total": len(job.items), "completed": done, "failed": 0},
        "metadata": job.about["metadata"],
    }
