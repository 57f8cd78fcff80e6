"""Results of a batch in a protocol's own words, and the first line of an upload. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from kruxos.batch_results import BatchResult
from kruxos.dialects.base import Dialect
from kruxos.errors import BadRequestError, KruxosError, ProviderFailedError
from kruxos.events import (
    Event,
    Reply,
    Start,
    State,
    TextDelta,
    ThinkingDelta,
    ToolCallBegin,
    ToolCallDelta,
    ToolCallEnd,
)
from kruxos.messages import ProviderState, Text, Thinking, ToolCall
from kruxos.web.doors.calling import ending_of


def model_of(line: bytes, form: str) -> str | None:
    """The model that a line asks for, in the field ``form``. Raises ``BadRequestError``."""
    try:
        value: Any = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BadRequestError("line 1 of the batch is not a JSON object")
    inner: Any = cast("dict[str, Any]", value).get(form)
    model: Any = cast("dict[str, Any]", inner).get("model") if isinstance(inner, dict) else None
    return model if isinstance(model, str) and model else None


def answer_of(dialect: Dialect, reply: Reply, name: str, created: int) -> dict[str, Any]:
    """A whole answer as the protocol has it."""
    encoder = dialect.encoder(stream=False, model=reply.model, call_id=name, created=created, extra={})
    for event in events_of(reply):
        encoder.feed(event)
    answer: dict[str, Any] = json.loads(encoder.finish(ending_of(reply)))
    return answer


def error_of(dialect: Dialect, result: BatchResult) -> tuple[int, dict[str, Any]]:
    """Status and body of a request that failed."""
    error: KruxosError = result.error or ProviderFailedError("the request failed, and nobody said why")
    status, _, body = dialect.encode_error(error)
    return status, json.loads(body)


def events_of(reply: Reply) -> Iterator[Event]:
    """The events that make the reply again."""
    yield Start(reply.provider, reply.model, reply.call_id)
    for index, part in enumerate(reply.parts):
        state = part if isinstance(part, ProviderState) else getattr(part, "state", None)
        match part:
            case Text():
                yield TextDelta(index, part.text)
            case Thinking():
                yield ThinkingDelta(index, part.text)
            case ToolCall():
                yield ToolCallBegin(index, part.id, part.name)
                yield ToolCallDelta(index, part.arguments_json)
            case _:
                pass
        if state is not None:
            yield State(index, state.origin, state.model, state.kind, state.data)
        if isinstance(part, ToolCall):
            yield ToolCallEnd(index)
