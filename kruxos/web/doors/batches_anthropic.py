"""``/v1/messages/batches``: Anthropic's Message Batches (Anthropic docs: batch processing), over the gateway's own.

The body that makes one is a single JSON object around all requests. It is taken apart as it comes: a line for each.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from starlette.responses import JSONResponse, Response, StreamingResponse

from kruxos import wire
from kruxos.batch_results import BatchResult
from kruxos.client.batches import Batch
from kruxos.dialects.anthropic.request import PASSED_HEADERS
from kruxos.dialects.batching import dump
from kruxos.dialects.json_stream import ObjectStream
from kruxos.dialects.text import body_bytes
from kruxos.errors import BadRequestError, ProviderProtocolError, TooLargeError
from kruxos.web.doors.batch_lines import answer_of, error_of
from kruxos.web.doors.batching import Asked, MissingError, page, place_of
from kruxos.web.doors.protocols import MESSAGES
from kruxos.web.doors.reading import body_pieces

PREFIX = "msgbatch_"
_OPENING = re.compile(rb'\s*\{\s*"requests"\s*:\s*\[')
_OPENING_BYTES_MAX = 4096
_CLOSING = re.compile(rb"[}\[]\s*\]\s*\}\s*\Z")  # a request or none, then the list's end and the object's
_CLOSING_BYTES = 256


class Requests:
    """Takes the body's bytes, gives lines. Raises ``BadRequestError``, ``TooLargeError``."""

    def __init__(self, headers: dict[str, str]) -> None:
        told = {name: headers[name] for name in PASSED_HEADERS if name in headers}
        self._more = b',"headers":' + dump(told) + b"}"
        self._head: bytes | None = b""
        self._tail = b""
        self._objects = ObjectStream(wire.REQUEST_BYTES_MAX)

    def feed(self, data: bytes) -> bytes:
        """The lines that these bytes complete."""
        self._tail = (self._tail + data)[-_CLOSING_BYTES:]
        if self._head is not None:
            data = self._open(self._head + data)
        try:
            lines = [self._line(each.data) for each in self._objects.feed(data)]
        except ProviderProtocolError:
            raise TooLargeError(f"one request of the batch is over {wire.REQUEST_BYTES_MAX} bytes") from None
        return b"".join(lines)

    def _open(self, head: bytes) -> bytes:
        found = _OPENING.match(head)
        if found is None:
            if len(head) > _OPENING_BYTES_MAX:
                raise _malformed()
            self._head = head
            return b""
        self._head = None
        return head[found.end() :]

    def _line(self, text: str) -> bytes:
        # White space between a request's fields may be line ends; within its texts JSON has none.
        line = text.replace("\n", " ").replace("\r", " ").encode("utf-8", "replace")
        return line[:-1] + self._more + b"\n"

    def finish(self) -> None:
        """The body is over: so must its object be."""
        if self._head is not None or not self._objects.is_between or not _CLOSING.search(self._tail):
            raise _malformed()


def _malformed() -> BadRequestError:
    return BadRequestError('the body is no JSON object of the form {"requests": [...]}', field="requests")


async def create(asked: Asked) -> Response:
    """Takes the requests, and submits them."""

    async def lines() -> AsyncIterator[bytes]:
        requests = Requests(asked.headers)
        async for piece in body_pieces(asked.request.receive, asked.headers, wire.BATCH_BYTES_MAX):
            if line := requests.feed(piece):
                yield line
        requests.finish()

    batch = await asked.upload(lines(), "params")
    return JSONResponse(_shown(asked, await asked.batches.start(batch.id)))


async def retrieve(asked: Asked) -> Response:
    """One batch."""
    return JSONResponse(_shown(asked, await asked.batches.show(asked.place(PREFIX))))


async def cancel(asked: Asked) -> Response:
    """Gives it up."""
    return JSONResponse(_shown(asked, await asked.batches.cancel(asked.place(PREFIX))))


async def listing(asked: Asked) -> Response:
    """A page of the agent's batches, the latest first."""
    every = [_shown(asked, each) for each in await asked.batches.list() if each.state != "receiving"]
    rows, has_more = page(asked, every, "after_id", "before_id")
    first, last = (rows[0]["id"], rows[-1]["id"]) if rows else (None, None)
    return JSONResponse({"data": rows, "has_more": has_more, "first_id": first, "last_id": last})


async def results(asked: Asked) -> Response:
    """A line for each request, in their order."""
    batch = await asked.batches.show(asked.place(PREFIX))
    if not batch.results_ready:
        raise MissingError("the batch has no results yet: they come when it has ended", field="id")

    async def lines() -> AsyncIterator[bytes]:
        place = 0
        async for result in asked.batches.results(batch.id):
            told = _result(result, f"msg_{place_of(batch)}_{place}")
            yield body_bytes({"custom_id": result.custom_id, "result": told}) + b"\n"
            place += 1

    return StreamingResponse(lines(), media_type="application/x-jsonl")


def _result(result: BatchResult, name: str) -> dict[str, Any]:
    if result.reply is not None:
        return {"type": "succeeded", "message": answer_of(MESSAGES.dialect, result.reply, name, 0)}
    if result.status == "failed":
        return {"type": "errored", "error": error_of(MESSAGES.dialect, result)[1]}
    return {"type": "canceled" if result.status == "cancelled" else "expired"}


def _shown(asked: Asked, batch: Batch) -> dict[str, Any]:
    name = f"{PREFIX}{place_of(batch)}"
    ended = batch.over and batch.state != "outcome_unknown"
    status = "ended" if ended else "canceling" if batch.cancel_wanted else "in_progress"
    expires_at = batch.expires_at or batch.created_at + batch.window_s
    path = f"/v1/messages/batches/{name}/results"
    return {
        "id": name, "type": "message_batch", "processing_status": status, "request_counts": _counts(batch, ended),
        "created_at": _moment(batch.created_at), "expires_at": _moment(expires_at),
        "ended_at": _moment(batch.ended_at) if ended else None, "archived_at": None,
        "cancel_initiated_at": _moment(batch.ended_at or batch.created_at) if batch.cancel_wanted else None,
        "results_url": f"{asked.base}{path}" if batch.results_ready else None,
    }  # fmt: skip


def _counts(batch: Batch, ended: bool) -> dict[str, int]:  # noqa: FBT001 - of a table
    """While it runs all count as processing, as at Anthropic. Without an answer: by how the whole of it ended."""
    counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
    if not ended:
        return counts | {"processing": batch.requests}
    without = {"cancelled": "canceled", "expired": "expired"}.get(batch.state, "errored")
    return counts | {"succeeded": batch.succeeded, without: batch.failed}


def _moment(unix: float | None) -> str | None:
    return None if unix is None else datetime.fromtimestamp(unix, UTC).isoformat().replace("+00:00", "Z")
