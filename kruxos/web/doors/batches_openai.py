"""``/v1/files``, as far as batches need it, and ``/v1/batches`` (OpenAI API reference: files, batches).

A file that is uploaded is a batch at the gateway that is not submitted; making the batch submits it. So a file makes
one batch, and making it again gives the same. Results are a file, errors another: both are made of the gateway's
results as they are read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

from starlette.responses import JSONResponse, Response, StreamingResponse

from kruxos import wire
from kruxos.batch_results import BatchResult
from kruxos.client.batches import Batch
from kruxos.dialects.base import Dialect
from kruxos.dialects.text import body_bytes
from kruxos.errors import BadRequestError, UnsupportedError
from kruxos.web.doors.batch_lines import answer_of, error_of
from kruxos.web.doors.batching import Asked, MissingError, gateway_id, page, place_of
from kruxos.web.doors.form import Form, boundary_of
from kruxos.web.doors.protocols import CHAT, RESPONSES
from kruxos.web.doors.reading import body_pieces

FILE, BATCH = "file-", "batch_"
OUTPUT, ERRORS = "-output", "-errors"
_DIALECTS: dict[str, Dialect] = {CHAT.path: CHAT.dialect, RESPONSES.path: RESPONSES.dialect}
_ENDPOINT, _METADATA = "endpoint", "metadata."
METADATA_MAX = 16
WINDOW = "24h"
_STATUSES = {
    "receiving": "validating", "preparing": "validating", "refused": "failed", "collecting": "finalizing",
    "done": "completed", "failed": "failed", "expired": "expired", "cancelled": "cancelled",
}  # fmt: skip
_WITHOUT = {
    "cancelled": ("batch_cancelled", "This request could not be executed since the batch was cancelled."),
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
}


# Files


async def upload(asked: Asked) -> Response:
    """Takes a file for a batch."""
    form = Form(boundary_of(asked.headers.get("content-type", "")))

    async def pieces() -> AsyncIterator[bytes]:
        async for piece in body_pieces(asked.request.receive, asked.headers, wire.BATCH_BYTES_MAX):
            if data := form.feed(piece):
                yield data
        form.finish()
        if form.fields.get("purpose") != "batch":
            raise UnsupportedError("files are taken for batches only: purpose must be batch", field="purpose")

    batch = await asked.upload(pieces(), "body")
    return JSONResponse(_input(batch) | ({"filename": form.filename} if form.filename else {}))


async def show_file(asked: Asked) -> Response:
    """What is known of a file."""
    name = str(asked.request.path_params["id"])
    batch, kind = await _file(asked, name)
    return JSONResponse(_input(batch) if not kind else _output(batch, name))


async def content(asked: Asked) -> Response:
    """Results, or errors, a line for each."""
    batch, kind = await _file(asked, str(asked.request.path_params["id"]))
    if not kind:
        raise UnsupportedError("the input of a batch cannot be read back", field="file_id")
    dialect = _DIALECTS.get(batch.labels.get(_ENDPOINT, ""), CHAT.dialect)

    async def lines() -> AsyncIterator[bytes]:
        place = 0
        async for result in asked.batches.results(batch.id):
            if (result.reply is not None) == (kind == OUTPUT):
                yield body_bytes(_line(dialect, result, f"{place_of(batch)}_{place}", int(batch.created_at))) + b"\n"
            place += 1

    return StreamingResponse(lines(), media_type="application/octet-stream")


async def delete(asked: Asked) -> Response:
    """Gives an input up that no batch was made of. The input of one that is over is gone already."""
    name = str(asked.request.path_params["id"])
    batch, kind = await _file(asked, name)
    if kind:
        raise UnsupportedError("results are kept for 30 days, then removed by themselves", field="file_id")
    if batch.state == "receiving":
        await asked.batches.cancel(batch.id)
    elif not batch.over:
        raise BadRequestError("the batch of this file is under way: cancel it first", field="file_id")
    return JSONResponse({"id": name, "object": "file", "deleted": True})


async def _file(asked: Asked, name: str) -> tuple[Batch, str]:
    """The batch that a file is of, and which of its files it is. Raises ``MissingError``."""
    kind = next((kind for kind in (OUTPUT, ERRORS) if name.endswith(kind)), "")
    batch = await asked.batches.show(gateway_id(name.removesuffix(kind), FILE))
    if kind and name not in (_output_name(batch), _errors_name(batch)):
        raise MissingError("the batch has no such file, or not yet", field="id")
    return batch, kind


def _input(batch: Batch) -> dict[str, Any]:
    return {
        "id": f"{FILE}{place_of(batch)}", "object": "file", "bytes": batch.received_bytes,
        "created_at": int(batch.created_at), "filename": "input.jsonl", "purpose": "batch", "status": "processed",
    }  # fmt: skip


def _output(batch: Batch, name: str) -> dict[str, Any]:
    """Its size is not known before it is read: it is made then."""
    return {
        "id": name, "object": "file", "bytes": 0, "created_at": int(batch.ended_at or batch.created_at),
        "filename": f"{name}.jsonl", "purpose": "batch_output", "status": "processed",
    }  # fmt: skip


def _output_name(batch: Batch) -> str | None:
    return f"{FILE}{place_of(batch)}{OUTPUT}" if batch.results_ready and batch.succeeded else None


def _errors_name(batch: Batch) -> str | None:
    return f"{FILE}{place_of(batch)}{ERRORS}" if batch.results_ready and batch.failed else None


def _line(dialect: Dialect, result: BatchResult, name: str, created: int) -> dict[str, Any]:
    line: dict[str, Any] = {"id": f"batch_req_{name}", "custom_id": result.custom_id, "response": None, "error": None}
    if result.status in _WITHOUT:
        code, message = _WITHOUT[result.status]
        return line | {"error": {"code": code, "message": message}}
    if result.reply is None:
        status, body = error_of(dialect, result)
    else:
        status, body = 200, answer_of(dialect, result.reply, name, created)
    return line | {"response": {"status_code": status, "request_id": f"req_{name}", "body": body}}


# Batches


async def create(asked: Asked) -> Response:
    """Submits an uploaded file."""
    wanted = await asked.json()
    endpoint = wanted.get("endpoint")
    if endpoint not in _DIALECTS:
        raise UnsupportedError(f"endpoint must be one of {', '.join(_DIALECTS)}", field="endpoint")
    if wanted.get("completion_window") != WINDOW:
        raise BadRequestError(f"completion_window must be {WINDOW}", field="completion_window")
    labels = {_ENDPOINT: str(endpoint)} | _metadata_of(wanted.get("metadata"))
    batch = await asked.batches.start(gateway_id(wanted.get("input_file_id"), FILE), labels)
    return JSONResponse(_shown(batch))


def _metadata_of(value: Any) -> dict[str, str]:
    metadata = cast("dict[str, Any]", value) if isinstance(value, dict) else {} if value is None else None
    if metadata is None or len(metadata) > METADATA_MAX or not all(isinstance(each, str) for each in metadata.values()):
        raise BadRequestError(f"metadata is a map of at most {METADATA_MAX} texts", field="metadata")
    return {f"{_METADATA}{name}": text for name, text in metadata.items()}


async def retrieve(asked: Asked) -> Response:
    """One batch."""
    return JSONResponse(_shown(await asked.batches.show(asked.place(BATCH))))


async def cancel(asked: Asked) -> Response:
    """Gives it up."""
    return JSONResponse(_shown(await asked.batches.cancel(asked.place(BATCH))))


async def listing(asked: Asked) -> Response:
    """A page of the agent's batches, the latest first."""
    every = [_shown(each) for each in await asked.batches.list() if each.state != "receiving"]
    rows, has_more = page(asked, every, "after")
    first, last = (rows[0]["id"], rows[-1]["id"]) if rows else (None, None)
    return JSONResponse({"object": "list", "data": rows, "has_more": has_more, "first_id": first, "last_id": last})


def _shown(batch: Batch) -> dict[str, Any]:
    status = _STATUSES.get(batch.state, "in_progress")
    if batch.cancel_wanted and not batch.over:
        status = "cancelling"
    ended = None if batch.ended_at is None else int(batch.ended_at)
    metadata = {name.removeprefix(_METADATA): text for name, text in batch.labels.items() if name != _ENDPOINT}
    problem = {"code": batch.code or None, "message": batch.problem, "line": None, "param": None}
    return {
        "id": batch.id, "object": "batch", "endpoint": batch.labels.get(_ENDPOINT, CHAT.path),
        "input_file_id": f"{FILE}{place_of(batch)}", "completion_window": WINDOW, "status": status,
        "errors": {"object": "list", "data": [problem]} if batch.problem else None,
        "output_file_id": _output_name(batch), "error_file_id": _errors_name(batch),
        "created_at": int(batch.created_at), "in_progress_at": _whole(batch.submitted_at),
        "expires_at": _whole(batch.expires_at), "metadata": metadata or None, "model": batch.model,
        "request_counts": {"total": batch.requests, "completed": batch.succeeded, "failed": batch.failed},
        **{f"{name}_at": ended if status == name else None for name in ("completed", "failed", "expired", "cancelled")},
    }  # fmt: skip


def _whole(unix: float | None) -> int | None:
    return None if unix is None else int(unix)
