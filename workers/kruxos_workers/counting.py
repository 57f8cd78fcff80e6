"""Counting a request's input tokens: the provider's own count where it has one, else an estimate that says so.

Anthropic, OpenAI and Gemini count for nothing, so no rate limit of answers is asked first. Where a server of their
protocol does not know the endpoint, the estimate stands in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import trio

from kruxos import wire
from kruxos.dialects.base import EncodedRequest, Target
from kruxos.dialects.text import body_bytes, parse_json
from kruxos.errors import CallerError, CancelledError, DeadlineExceededError, KruxosError, ProviderProtocolError
from kruxos.events import Notice, Usage, encode_events
from kruxos.messages import Request
from kruxos_workers.estimate import ERROR_MEDIAN_PERCENT, ERROR_P95_PERCENT
from kruxos_workers.http import BodyFailure, SendFailure, TimeLimit
from kruxos_workers.preflight import read_request
from kruxos_workers.worker import Worker

WITHIN_S = 60.0
ANSWER_BYTES_MAX = 1024 * 1024
_NOT_THERE = (404, 405, 501)
_ANTHROPIC = (
    "model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "context_management",
)  # fmt: skip
_RESPONSES = (
    "model", "input", "instructions", "tools", "tool_choice", "reasoning", "text", "truncation",
    "previous_response_id", "conversation", "parallel_tool_calls",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a dialect's provider counts. ``body``: the question, from a request's fields; ``field`` has the answer."""

    path: Callable[[str], str]
    body: Callable[[str, Mapping[str, Any]], dict[str, Any]]
    field: str


def _only(names: tuple[str, ...]) -> Callable[[str, Mapping[str, Any]], dict[str, Any]]:
    return lambda _model, body: {name: body[name] for name in names if name in body}


def _whole(model: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Gemini counts tools and instructions only within the whole request (Gemini docs: countTokens)."""
    return {"generateContentRequest": {"model": f"models/{model}", **body}}


ENDPOINTS: Mapping[str, Endpoint] = {
    "anthropic": Endpoint(lambda _: "/v1/messages/count_tokens", _only(_ANTHROPIC), "input_tokens"),
    "openai-responses": Endpoint(lambda _: "/responses/input_tokens", _only(_RESPONSES), "input_tokens"),
    "gemini": Endpoint(lambda model: f"/models/{model}:countTokens", _whole, "totalTokens"),
}


@dataclass(slots=True)
class Counting:
    """The count that ``frame`` asks for. It ends with exactly one last frame, as a call does."""

    worker: Worker
    frame: wire.Open
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    def pause(self) -> None:
        """A count leaves whole: there is nothing to hold back."""

    def resume(self) -> None:
        """See ``pause``."""

    def on_beat(self) -> None:
        """Nobody waits for a model here."""

    async def run(self) -> None:
        """From the request to the last frame."""
        last: wire.Frame | None = None
        self.scope.deadline = trio.current_time() + min(self.frame.deadline_s or WITHIN_S, WITHIN_S)
        with self.scope:
            try:
                last = await self._count()
            except (SendFailure, BodyFailure) as failure:
                last = self._failed(failure.error, "refused")
            except KruxosError as error:
                last = self._failed(error, "final" if isinstance(error, CallerError) else "refused")
        if last is None:
            is_late = trio.current_time() >= self.scope.deadline
            ended = DeadlineExceededError("the count took too long") if is_late else CancelledError("cancelled")
            last = self._failed(ended, "refused")
        self.worker.outlet.send(last)

    async def _count(self) -> wire.Frame:
        request, settings = read_request(self.frame), self.worker.settings
        model = self.frame.model or settings.model or ""
        endpoint = None if settings.profile.login else ENDPOINTS.get(settings.dialect.name)
        if endpoint is not None:
            tokens = await self._ask(endpoint, request, model)
            if tokens is not None:
                return self._answered(model, tokens, [])
        return self._estimated(request, model)

    async def _ask(self, endpoint: Endpoint, request: Request, model: str) -> int | None:
        """The provider's count; None: it has no such endpoint."""
        settings, limit = self.worker.settings, TimeLimit()
        target = Target(
            settings.provider, model, settings.profile, settings.origin, stream=False, shelf=settings.shelf,
            now=self.worker.now(),
        )  # fmt: skip
        encoded = settings.dialect.encode_request(replace(request, max_output_tokens=None), target)
        body = body_bytes(endpoint.body(model, json.loads(encoded.http.body)))
        limit.start("answer", WITHIN_S)
        path = endpoint.path(model)
        async with self.worker.client.send("POST", path, encoded.http.headers, body, limit=limit) as http:
            data = bytearray()
            async for piece in http:
                data += piece
                if len(data) > ANSWER_BYTES_MAX:
                    raise ProviderProtocolError(f"a count is over {ANSWER_BYTES_MAX} bytes")
        if http.status in _NOT_THERE and settings.origin != settings.profile.name:
            return None
        if not 200 <= http.status < 300:
            raise self._refusal(http.status, http.headers, bytes(data), target, encoded)
        return _read(bytes(data), endpoint.field)

    def _refusal(
        self, status: int, headers: Mapping[str, str], data: bytes, target: Target, encoded: EncodedRequest
    ) -> KruxosError:
        return self.worker.settings.dialect.decode_error(status, headers, data, target, encoded)

    def _estimated(self, request: Request, model: str) -> wire.End:
        row = self.worker.settings.shelf.lookup(model)
        tokens = self.worker.preflight.estimated(request, model)
        name = self.worker.settings.provider
        message = (
            f"{name} does not count: {tokens} tokens is an estimate; of short requests half were within "
            f"{ERROR_MEDIAN_PERCENT} percent, and 95 of 100 within {ERROR_P95_PERCENT}"
        )
        data = {"median_percent": ERROR_MEDIAN_PERCENT, "p95_percent": ERROR_P95_PERCENT}
        return self._answered(row.id if row else model, tokens, [Notice("estimated", message, data)])

    def _answered(self, model: str, tokens: int, notices: list[Notice]) -> wire.End:
        return wire.End(
            id=self.frame.id,
            body=encode_events(notices),
            provider=self.worker.settings.provider,
            model=model,
            finish_reason="stop",
            usage=Usage(uncached_input_tokens=tokens).to_wire(),
            cost={"currency": "USD", "total": "0"},
        )

    def _failed(self, error: KruxosError, failure: str) -> wire.Error:
        error.message = self.worker.client.redact(error.message)
        if error.detail.excerpt is not None:
            error.detail.excerpt = self.worker.client.redact(error.detail.excerpt)
        error.detail.provider = self.worker.settings.provider
        return wire.Error(id=self.frame.id, error=error.to_wire(), failure=failure)


def _read(data: bytes, name: str) -> int:
    try:
        value = parse_json(data)
    except ValueError:
        value = None
    tokens: Any = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
    if not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 0:
        raise ProviderProtocolError("the provider's count holds no number of tokens")
    return tokens
