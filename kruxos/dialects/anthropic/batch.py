"""Message Batches (Anthropic docs: batch processing).

The requests are the body that makes the batch. Nothing of ours is kept with it but the names of its requests, so a
batch whose answer was lost is known by its results, or by a time and a count that nothing else has.
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
    objects,
    read_object,
    required_id,
)
from kruxos.dialects.text import as_text

from .request import VERSION

PATH = "/v1/messages/batches"
BOUNDS = Bounds(100_000, 255 * 1000 * 1000)
"""100,000 requests or 256 MB; what stands around the lines has the rest."""
_HEADERS = {"anthropic-version": VERSION, "content-type": "application/json", "accept": "application/json"}
_ENDS = ("succeeded", "errored", "canceled", "expired")


def line(name: str, encoded: EncodedRequest) -> bytes:
    """A request of a batch."""
    return b'{"custom_id":%b,"params":%b}' % (dump(name), encoded.http.body)


def create(order: Order, _file: str) -> Streamed:
    """Makes the batch; betas go with the whole of it."""
    return Streamed(PATH, {**_HEADERS, **order.headers}, b'{"requests":[', b"]}", separator=b",\n")


def _get(path: str) -> HttpRequest:
    return HttpRequest("GET", path, _HEADERS, b"")


def listing(cursor: str) -> HttpRequest:
    """A page of the list, the newest first."""
    after = f"&after_id={quote(cursor, safe='')}" if cursor else ""
    return _get(f"{PATH}?limit={LISTED_MAX}{after}")


def read_listing(body: bytes) -> tuple[list[Upstream], str]:
    """A page, and the cursor of the next one."""
    value = read_object(body)
    more = as_text(value.get("last_id")) if value.get("has_more") is True else ""
    return [_upstream(each) for each in objects(value.get("data"))], more


def read_batch(body: bytes) -> Upstream:
    """A batch."""
    return _upstream(read_object(body))


def _upstream(value: Fields) -> Upstream:
    name, counts = required_id(value.get("id")), inner(value, "request_counts")
    has_ended = value.get("processing_status") == "ended"
    return Upstream(
        id=name,
        outcome=_outcome(value, counts) if has_ended else "",
        total=count_of(counts, "processing", *_ENDS),
        succeeded=count_of(counts, "succeeded"),
        failed=count_of(counts, "errored", "canceled", "expired"),
        created_at=moment(value.get("created_at")),
        expires_at=moment(value.get("expires_at")),
        outputs=(f"{PATH}/{name}/results",) if has_ended else (),
    )


def _outcome(value: Fields, counts: Fields) -> Outcome:
    if value.get("cancel_initiated_at") and count_of(counts, "canceled"):
        return "cancelled"
    return "expired" if count_of(counts, "expired") else "completed"


def read_result(value: Fields) -> Result:
    """A line of results."""
    name, result = as_text(value.get("custom_id")), inner(value, "result")
    match result.get("type"):
        case "succeeded":
            return Result(name, "answered", dump(result.get("message")))
        case "canceled":
            return Result(name, "cancelled")
        case "expired":
            return Result(name, "expired")
        case _:
            error = inner(result, "error")
            status = _STATUSES.get(as_text(inner(error, "error").get("type")), 500)
            return Result(name, "errored", dump(error), status)


_STATUSES = {
    "invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403,
    "not_found_error": 404, "request_too_large": 413, "rate_limit_error": 429, "timeout_error": 504,
    "overloaded_error": 529,
}  # fmt: skip

ANTHROPIC_BATCH = BatchDialect(
    bounds=BOUNDS,
    one_model=False,
    line=line,
    upload=None,
    read_upload=lambda _body: "",
    create=create,
    poll=lambda name: _get(f"{PATH}/{name}"),
    cancel=lambda name: HttpRequest("POST", f"{PATH}/{name}/cancel", _HEADERS, b""),
    listing=listing,
    read_batch=read_batch,
    read_listing=read_listing,
    read_result=read_result,
)
