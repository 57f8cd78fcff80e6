"""A batch's lines in JSON, in and out: parts with bytes as base64, and one result a line.

    {"custom_id": "a", "status": "succeeded", "reply": {"text": ..., "parts": [...], "usage": {...}, "cost": {...}}}
    {"custom_id": "b", "status": "failed", "error": {"code": "bad_request", "message": ...}}

``status`` is succeeded, failed, cancelled or expired. A reply has the names of ``kruxos.events.Reply``.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from kruxos.codec import decode_part, encode_part
from kruxos.errors import BadRequestError, KruxosError, from_wire
from kruxos.events import Notice, Reply, Usage
from kruxos.messages import compact_json

Status = Literal["succeeded", "failed", "cancelled", "expired"]
_DATA = "data"


@dataclass(slots=True)
class BatchResult:
    """What became of one request of a batch: a reply, or why there is none."""

    custom_id: str
    status: Status
    reply: Reply | None = None
    error: KruxosError | None = None


def write_result(custom_id: str, status: Status, reply: Reply | None = None, error: KruxosError | None = None) -> bytes:
    """One line without its end."""
    line: dict[str, Any] = {"custom_id": custom_id, "status": status}
    if reply is not None:
        line["reply"] = _reply_map(reply)
    if error is not None:
        line["error"] = error.to_wire()
    return compact_json(line).encode("utf-8", "replace")


def read_result(line: bytes) -> BatchResult:
    """A line as it was written. Raises ``ValueError`` for anything else."""
    value = cast("dict[str, Any]", json.loads(line))
    reply, error = value.get("reply"), value.get("error")
    return BatchResult(
        value["custom_id"],
        value["status"],
        None if reply is None else _reply_of(reply),
        None if error is None else from_wire(error),
    )


def _reply_map(reply: Reply) -> dict[str, Any]:
    calls = [{"id": call.id, "name": call.name, "arguments": call.arguments_json} for call in reply.tool_calls]
    return {
        "text": reply.text,
        "thinking": reply.thinking,
        "tool_calls": calls,
        "parts": [with_base64(encode_part(part)) for part in reply.parts],
        "finish_reason": reply.finish_reason,
        "raw_finish_reason": reply.raw_finish_reason,
        "provider": reply.provider,
        "model": reply.model,
        "usage": None if reply.usage is None else reply.usage.to_wire(),
        "raw_usage": reply.raw_usage,
        "cost": reply.cost,
        "notices": [asdict(notice) for notice in reply.notices],
    }


def _reply_of(value: dict[str, Any]) -> Reply:
    parts = [decode_part(with_bytes(part), f"parts[{index}]") for index, part in enumerate(value["parts"])]
    usage = value.get("usage")
    return Reply(
        parts,
        finish_reason=value.get("finish_reason"),
        raw_finish_reason=value.get("raw_finish_reason"),
        provider=value.get("provider", ""),
        model=value.get("model", ""),
        usage=None if usage is None else Usage.from_wire(usage),
        raw_usage=value.get("raw_usage"),
        cost=value.get("cost"),
        notices=[Notice(each["code"], each["message"], each.get("data") or {}) for each in value.get("notices", ())],
    )


def with_base64(value: Any) -> Any:
    """A part's map as JSON can hold it."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list):
        return [with_base64(inner) for inner in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: with_base64(inner) for name, inner in cast("dict[str, Any]", value).items()}
    return value


def with_bytes(value: Any) -> Any:
    """The other way round: what images, documents and provider state hold. Raises ``BadRequestError``."""
    if isinstance(value, list):
        return [with_bytes(inner) for inner in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    fields = cast("dict[str, Any]", value)
    holds_bytes = fields.get("type") in ("image", "document") or "origin" in fields
    return {
        name: _bytes_of(inner) if name == _DATA and holds_bytes and isinstance(inner, str) else with_bytes(inner)
        for name, inner in fields.items()
    }


def _bytes_of(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise BadRequestError("data is not base64", field=_DATA) from None
