"""Gemini's batches (Google API definitions: batch; google-genai: batches, files).

The input goes up as a file, in one multipart request; results come as a file, or stand in the batch where it is small.
A batch is told as a long-running operation: what there is to know stands in its ``metadata``.
"""

from __future__ import annotations

from urllib.parse import quote

from kruxos.dialects.base import EncodedRequest, HttpRequest
from kruxos.dialects.batching import (
    LISTED_MAX,
    BatchDialect,
    Bounds,
    Fields,
    Order,
    Outcome,
    Result,
    Streamed,
    Upstream,
    count_of,
    dump,
    inner,
    moment,
    multipart,
    objects,
    read_object,
    required_id,
)
from kruxos.dialects.text import as_text

BOUNDS = Bounds(100_000, 1_990_000_000)
"""2 GB a file; no number of requests is told, so it is that of the others."""
_JSON = {"content-type": "application/json", "accept": "application/json"}
_ENDS: dict[str, Outcome] = {
    "BATCH_STATE_SUCCEEDED": "completed", "BATCH_STATE_FAILED": "failed", "BATCH_STATE_CANCELLED": "cancelled",
    "BATCH_STATE_EXPIRED": "expired",
}  # fmt: skip
_STATUSES = {3: 400, 5: 404, 7: 403, 8: 429, 9: 400, 13: 500, 14: 503, 16: 401}
"""Codes of google.rpc.Status as HTTP's."""
_CANCELLED, _EXPIRED = 1, 4
_WINDOW_S = 24 * 3600.0


def line(name: str, encoded: EncodedRequest) -> bytes:
    """A request with its key."""
    return b'{"key":%b,"request":%b}' % (dump(name), encoded.http.body)


def upload(order: Order, base_path: str) -> Streamed:
    """The lines as a file; uploads have a path of their own beside the API's."""
    boundary = f"{order.marker}-related"
    about = dump({"file": {"displayName": order.marker, "mimeType": "application/jsonl"}}).decode()
    parts = [("content-type: application/json; charset=utf-8", about), ("content-type: application/jsonl", "")]
    headers = {
        "content-type": f"multipart/related; boundary={boundary}",
        "x-goog-upload-protocol": "multipart",
        "accept": "application/json",
    }
    before, after = multipart(boundary, parts), f"\r\n--{boundary}--\r\n".encode()
    return Streamed(f"/upload{base_path}/files", headers, before, after, at_root=True)


def read_upload(body: bytes) -> str:
    """The file's name."""
    return required_id(inner(read_object(body), "file").get("name"))


def create(order: Order, file: str) -> HttpRequest:
    """Makes the batch of a file; its name to people is our marker."""
    batch = {"displayName": order.marker, "inputConfig": {"fileName": file}}
    path = f"/models/{quote(order.model.removeprefix('models/'), safe='')}:batchGenerateContent"
    return HttpRequest("POST", path, _JSON, dump({"batch": batch}))


def _get(path: str) -> HttpRequest:
    return HttpRequest("GET", path, {"accept": "application/json"}, b"")


def listing(cursor: str) -> HttpRequest:
    """A page of the list."""
    token = f"&pageToken={quote(cursor, safe='')}" if cursor else ""
    return _get(f"/batches?pageSize={LISTED_MAX}{token}")


def read_listing(body: bytes) -> tuple[list[Upstream], str]:
    """A page, and the cursor of the next one."""
    value = read_object(body)
    return [_upstream(each) for each in objects(value.get("operations"))], as_text(value.get("nextPageToken"))


def read_batch(body: bytes) -> Upstream:
    """A batch; an operation that was cancelled is answered with nothing but its metadata."""
    return _upstream(read_object(body))


def _upstream(value: Fields) -> Upstream:
    told, created = inner(value, "metadata"), moment(inner(value, "metadata").get("createTime"))
    stats, output = inner(told, "batchStats"), inner(told, "output") or inner(value, "response")
    file = as_text(output.get("responsesFile"))
    outcome = _ENDS.get(as_text(told.get("state")), "")
    return Upstream(
        id=required_id(told.get("name") or value.get("name")),
        outcome=outcome,
        marker=as_text(told.get("displayName")),
        total=count_of(stats, "requestCount"),
        succeeded=count_of(stats, "successfulRequestCount"),
        failed=count_of(stats, "failedRequestCount"),
        created_at=created,
        expires_at=None if created is None else created + _WINDOW_S,
        outputs=(f"/{required_id(file)}:download?alt=media",) if file else (),
        inlined=tuple(objects(inner(output, "inlinedResponses").get("inlinedResponses"))),
        problem=f"the provider failed the batch (code {inner(value, 'error').get('code')})" if outcome == "failed"
        else "",
    )  # fmt: skip


def read_result(value: Fields) -> Result:
    """A line of a results file, or an inlined response, which has its key among its metadata."""
    about = inner(value, "metadata")
    name = as_text(value.get("key")) or as_text(about.get("key")) or as_text(about.get("custom_id"))
    if inner(value, "response"):
        return Result(name, "answered", dump(value["response"]))
    error = inner(value, "error") or inner(value, "status")
    code = error.get("code")
    if code in (_CANCELLED, _EXPIRED):
        return Result(name, "cancelled" if code == _CANCELLED else "expired")
    status = _STATUSES.get(code if isinstance(code, int) else 13, 500)
    return Result(name, "errored", dump({"error": error}), status)


GEMINI_BATCH = BatchDialect(
    bounds=BOUNDS,
    one_model=True,
    line=line,
    upload=upload,
    read_upload=read_upload,
    create=create,
    poll=lambda name: _get(f"/{name}"),
    cancel=lambda name: HttpRequest("POST", f"/{name}:cancel", _JSON, b""),
    listing=listing,
    read_batch=read_batch,
    read_listing=read_listing,
    read_result=read_result,
)
