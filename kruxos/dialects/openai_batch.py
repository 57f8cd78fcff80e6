"""Batches of Responses and of Chat Completions (OpenAI API reference: files, batches).

The input goes up as a file; the batch is made of it, with our marker among its metadata.
"""

from __future__ import annotations

from urllib.parse import quote

from .base import EncodedRequest, HttpRequest
from .batching import (
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
from .text import as_text

PATH = "/batches"
MARKER = "kruxos"
BOUNDS = Bounds(50_000, 199 * 1000 * 1000)
"""50,000 lines and 200 MB a file."""
_ENDS: dict[str, Outcome] = {
    "completed": "completed", "cancelled": "cancelled", "expired": "expired", "failed": "failed",
}  # fmt: skip
_JSON = {"content-type": "application/json", "accept": "application/json"}
_STATUS_OK = 400


def upload(order: Order, _base_path: str) -> Streamed:
    """The lines as a file for batches."""
    boundary = f"{order.marker}-form"
    disposition = 'content-disposition: form-data; name="'
    file = f'{disposition}file"; filename="{order.marker}.jsonl"\r\ncontent-type: application/jsonl'
    before = multipart(boundary, [(f'{disposition}purpose"', "batch"), (file, "")])
    headers = {"content-type": f"multipart/form-data; boundary={boundary}", "accept": "application/json"}
    return Streamed("/files", headers, before, f"\r\n--{boundary}--\r\n".encode())


def read_upload(body: bytes) -> str:
    """The file's id."""
    return required_id(read_object(body).get("id"))


def _get(path: str) -> HttpRequest:
    return HttpRequest("GET", path, {"accept": "application/json"}, b"")


def listing(cursor: str) -> HttpRequest:
    """A page of the list, the newest first."""
    after = f"&after={quote(cursor, safe='')}" if cursor else ""
    return _get(f"{PATH}?limit={LISTED_MAX}{after}")


def read_listing(body: bytes) -> tuple[list[Upstream], str]:
    """A page, and the cursor of the next one."""
    value = read_object(body)
    rows = objects(value.get("data"))
    more = as_text(value.get("last_id")) if value.get("has_more") is True else ""
    return [_upstream(row) for row in rows], more


def read_batch(body: bytes) -> Upstream:
    """A batch."""
    return _upstream(read_object(body))


def _upstream(value: Fields) -> Upstream:
    counts = inner(value, "request_counts")
    files = [as_text(value.get(name)) for name in ("output_file_id", "error_file_id")]
    return Upstream(
        id=required_id(value.get("id")),
        outcome=_ENDS.get(as_text(value.get("status")), ""),
        marker=as_text(inner(value, "metadata").get(MARKER)),
        total=count_of(counts, "total"),
        succeeded=count_of(counts, "completed"),
        failed=count_of(counts, "failed"),
        created_at=moment(value.get("created_at")),
        expires_at=moment(value.get("expires_at")),
        outputs=tuple(f"/files/{required_id(name)}/content" for name in files if name),
        problem=_problem(value),
    )


def _problem(value: Fields) -> str:
    """Why the file was refused: the provider's codes and lines, not its words, which may quote a request."""
    errors = objects(inner(value, "errors").get("data"))
    told = [f"{as_text(each.get('code')) or 'error'} in line {each.get('line')}" for each in errors[:5]]
    return f"the provider refuses the input: {', '.join(told)}" if told else ""


def read_result(value: Fields) -> Result:
    """A line of an output or error file: it fails by ``error``, or by the status of its answer."""
    name, response = as_text(value.get("custom_id")), inner(value, "response")
    code = as_text(inner(value, "error").get("code"))
    if not response:
        kind = {"batch_expired": "expired", "batch_cancelled": "cancelled"}.get(code, "errored")
        if kind == "errored":
            return Result(name, "errored", dump({"error": inner(value, "error")}), 500, code)
        return Result(name, "expired" if kind == "expired" else "cancelled", error=code)
    status = response.get("status_code")
    known = status if isinstance(status, int) else 200
    body = dump(response.get("body"))
    return Result(name, "errored" if known >= _STATUS_OK else "answered", body, known)


def openai_batch(path: str) -> BatchDialect:
    """Batches of one endpoint: ``path`` as it follows the base URL."""
    endpoint = f"/v1{path}"

    def line(name: str, encoded: EncodedRequest) -> bytes:
        head = b'{"custom_id":%b,"method":"POST","url":%b,"body":' % (dump(name), dump(endpoint))
        return head + encoded.http.body + b"}"

    def create(order: Order, file: str) -> HttpRequest:
        body = {"input_file_id": file, "endpoint": endpoint, "completion_window": "24h"}
        return HttpRequest("POST", PATH, _JSON, dump({**body, "metadata": {MARKER: order.marker}}))

    return BatchDialect(
        bounds=BOUNDS,
        one_model=True,
        line=line,
        upload=upload,
        read_upload=read_upload,
        create=create,
        poll=lambda name: _get(f"{PATH}/{name}"),
        cancel=lambda name: HttpRequest("POST", f"{PATH}/{name}/cancel", _JSON, b""),
        listing=listing,
        read_batch=read_batch,
        read_listing=read_listing,
        read_result=read_result,
    )
