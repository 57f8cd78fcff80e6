"""Responses from the other side: an answer as OpenAI writes it (OpenAI API reference: responses streaming).

Every event of a stream is numbered, and tells the type twice: as the event's name and in its data. What is not
streamed is the final event's response. The items are made in ``written``.
"""

from __future__ import annotations

from typing import Any

from kruxos.dialects.base import Ending
from kruxos.dialects.openai_errors import error_body
from kruxos.dialects.text import body_bytes
from kruxos.errors import KruxosError
from kruxos.events import Event, Start

from .response import FINISH_REASONS
from .usage import raw_usage
from .written import WrittenItems

Wire = dict[str, Any]


class ResponsesEncoder:
    """Encodes one answer; ``created`` is in Unix seconds. ``extra`` holds the tools that are no functions."""

    def __init__(self, *, stream: bool, model: str, call_id: str, created: int, extra: dict[str, Any]) -> None:
        self.content_type = "text/event-stream; charset=utf-8" if stream else "application/json"
        self._stream = stream
        self._response: Wire = {
            "id": call_id if call_id.startswith("resp_") else f"resp_{call_id}",
            "object": "response",
            "created_at": created,
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "model": model,
            "output": [],
            "parallel_tool_calls": True,
            "temperature": None,
            "tool_choice": "auto",
            "tools": [],
            "top_p": None,
            "usage": None,
        }
        self._items = WrittenItems(call_id, extra)
        self._begun = False
        self._count = 0

    def feed(self, event: Event) -> bytes:
        """The bytes for one event; empty while an answer that is not streamed is being collected."""
        if isinstance(event, Start):
            self._response["model"] = event.model
            return self._begin()
        self._items.feed(event)
        return self._told(self._items.take())

    def finish(self, ending: Ending) -> bytes:
        """The rest of the answer."""
        self._items.finish(ending.refusal)
        response = self._ended(ending)
        if not self._stream:
            return body_bytes(response)
        return self._told([*self._items.take(), {"type": f"response.{response['status']}", "response": response}])

    def fail(self, error: KruxosError) -> bytes:
        """The rest of a stream that breaks off with an error after it began; some clients read only the last event."""
        body = error_body(error)
        if not self._stream:
            return body_bytes(body)
        told = {"code": body["error"]["code"] or "server_error", "message": error.message}
        response = self._response | {"status": "failed", "error": told, "output": self._items.output}
        return self._told([{"type": "error", **body}, {"type": "response.failed", "response": response}])

    def _ended(self, ending: Ending) -> Wire:
        reason = _incomplete_reason(ending)
        usage = None if ending.usage is None else raw_usage(ending.usage)
        status = {"status": "completed" if reason is None else "incomplete"}
        details = {"incomplete_details": None if reason is None else {"reason": reason}}
        return self._response | status | details | {"output": self._items.output, "usage": usage}

    def _begin(self) -> bytes:
        return self._told([])

    def _told(self, events: list[Wire]) -> bytes:
        if not self._stream:
            return b""
        if not self._begun:
            self._begun = True
            begins = ("response.created", "response.in_progress")
            events = [*({"type": kind, "response": self._response} for kind in begins), *events]
        return b"".join([self._numbered(event) for event in events])

    def _numbered(self, event: Wire) -> bytes:
        numbered = {"type": event["type"], "sequence_number": self._count} | event
        self._count += 1
        return b"event: %s\ndata: %s\n\n" % (event["type"].encode(), body_bytes(numbered))


def _incomplete_reason(ending: Ending) -> str | None:
    """Why an answer is incomplete; None for one that is not. A refusal in words is a whole answer."""
    is_filtered = ending.finish_reason == "content_filter" and not ending.refusal
    if not (ending.raw_finish_reason == "incomplete" or ending.finish_reason == "length" or is_filtered):
        return None
    if isinstance(ending.stop_detail, str) and ending.stop_detail in FINISH_REASONS:
        return ending.stop_detail
    return "content_filter" if is_filtered else "max_output_tokens"
