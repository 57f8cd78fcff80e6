"""One call through a door: a provider's protocol in, the gateway's own call, the protocol's answer out.

    headers, body -> decode_request -> call -> events -> encoder, or the provider's own bytes -> body

A provider of the door's own protocol gets the request as it came (``native``), and its bytes go back as they are; the
first event tells which of both it is. Status and headers of a stream wait for it, so that what fails before
content is an error of HTTP. While an answer is under way the connection is watched: when it goes, so does the call.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, cast

import anyio
from starlette.types import Message, Receive, Scope, Send

from kruxos.client import CallOptions, Client, EventStream
from kruxos.codec import NATIVE_PATHS_MAX
from kruxos.dialects.base import DecodedRequest, Encoder, Ending
from kruxos.dialects.text import body_bytes
from kruxos.errors import InternalError, KruxosError, UnauthorizedError
from kruxos.events import CONTENT_EVENTS, Event, Notice, Raw, Reply, Start
from kruxos.web.doors import telling
from kruxos.web.doors.protocols import Door
from kruxos.web.doors.reading import Bodies, ClientGoneError, Headers, headers_of, read_body, who_asks
from kruxos.web.doors.sessions import Session, Sessions

DEFAULT_MODEL = "default"
"""A model of this name is whatever the agent, or the gateway, is set to."""
_ROUTING = ("provider", "role", "fallback", "conversation")
_WISHES = (
    "tools", "tool_choice", "parallel_tool_calls", "max_output_tokens", "temperature", "top_p", "top_k", "seed",
    "presence_penalty", "frequency_penalty", "stop", "thinking_effort", "output_format", "metadata", "native",
)  # fmt: skip


@dataclass(slots=True)
class CallEndpoint:
    """The ASGI application at a door's path."""

    door: Door
    sessions: Sessions
    bodies: Bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        exchange = Exchange(self.door, send)
        headers = headers_of(scope)
        try:
            session = await self.sessions.find(*who_asks(scope, headers))
            body = await read_body(receive, headers, self.bodies)
        except ClientGoneError:
            return
        except KruxosError as error:
            await exchange.fail(error)
            return
        try:
            with anyio.CancelScope() as scope_of_call, session as client:
                watch = asyncio.create_task(_watch(receive, scope_of_call))
                try:
                    await self._answer(exchange, session, client, headers, body)
                finally:
                    watch.cancel()
        finally:
            self.bodies.held_bytes -= len(body)

    async def _answer(
        self, exchange: Exchange, session: Session, client: Client, headers: Headers, body: bytes
    ) -> None:
        try:
            decoded = self.door.dialect.decode_request(body, headers)
            await exchange.answer(client, decoded, options_of(decoded, headers))
        except UnauthorizedError as error:
            self.sessions.forget(session)
            await exchange.fail(error)
        except KruxosError as error:
            await exchange.fail(error)


@dataclass(slots=True)
class Exchange:
    """One request's answer on its way out. ``begun``: status and headers have gone."""

    door: Door
    send: Send
    begun: bool = False
    is_raw: bool = False
    raw_ended: bool = False
    encoder: Encoder | None = None
    _notices: list[Notice] = field(default_factory=list[Notice])
    _raw: bytes = b""
    """What the provider said, in the protocol of this door: a whole answer, or an error in its place."""

    async def answer(self, client: Client, decoded: DecodedRequest, options: CallOptions) -> None:
        """The whole of it. Raises the call's error."""
        if decoded.stream:
            async with client.stream(None, **options) as events:
                await self._stream(events, decoded)
        else:
            async with client.whole(None, **options) as events:
                await self._whole(events, decoded)

    async def fail(self, error: KruxosError) -> None:
        """The error: an answer of its own, or the end of a stream that has begun."""
        if not self.begun:
            status, headers, body = self.door.failure(error)
            if self._raw and error.detail.provider_status is not None:
                status, body = error.detail.provider_status, self._raw
            await self._send_whole(status, headers | telling.of_error(error), body, error.detail.call_id)
            return
        last = b""
        if self.is_raw and not self.raw_ended:
            last = self.door.raw_failure(error)
        elif self.encoder is not None and not self.is_raw:
            last = self.encoder.fail(error)
        await self.send({"type": "http.response.body", "body": last})

    async def send_json(self, value: dict[str, Any], headers: Headers | None = None) -> None:
        """A plain answer."""
        await self._send_whole(200, {"content-type": "application/json"} | (headers or {}), body_bytes(value), None)

    async def _whole(self, events: EventStream, decoded: DecodedRequest) -> None:
        run: list[Event] = []
        while more := await events.next_run():
            run += more
            self._raw = _raw_of(run)
        reply = events.reply()
        encoder = self._encoder_for(decoded, reply.call_id, reply.model)
        body = self._raw
        if not body:
            for event in run:
                encoder.feed(event)
            body = encoder.finish(ending_of(reply))
        headers = {"content-type": encoder.content_type} | telling.of_reply(reply)
        await self._send_whole(200, headers, body, reply.upstream_request_id or reply.call_id)

    async def _stream(self, events: EventStream, decoded: DecodedRequest) -> None:
        run = await self._first_run(events)
        start = next((event for event in run if isinstance(event, Start)), None)
        self.is_raw = any(isinstance(event, Raw) for event in run)
        call_id = start.call_id if start is not None else ""
        encoder = self.encoder = self._encoder_for(decoded, call_id, start.model if start is not None else "")
        keep = self.door.raw_filter(decoded)
        headers = {"content-type": encoder.content_type, "cache-control": "no-cache"}
        await self._begin(200, headers | telling.of_start(start, self._notices), call_id)
        while run:
            data = self._raw_bytes(run) if self.is_raw else b"".join([encoder.feed(event) for event in run])
            if self.is_raw and keep is not None:
                data = keep(data)
            if data:
                await self.send({"type": "http.response.body", "body": data, "more_body": True})
            run = await events.next_run()
        last = b"" if self.is_raw else encoder.finish(ending_of(events.reply()))
        await self.send({"type": "http.response.body", "body": last})

    async def _first_run(self, events: EventStream) -> list[Event]:
        """All up to the first run with content, or to the end: only then it is certain who answers.

        Bytes without a start are an error's, which comes next.
        """
        run: list[Event] = []
        while more := await events.next_run():
            run += more
            self._raw = _raw_of(run)
            has_content = bool(self._raw) or any(isinstance(event, CONTENT_EVENTS) for event in more)
            if has_content and any(isinstance(event, Start) for event in run):
                break
        self._notices += [event for event in run if isinstance(event, Notice)]
        return run

    def _raw_bytes(self, run: list[Event]) -> bytes:
        self.raw_ended = self.raw_ended or any(event.is_last for event in run if isinstance(event, Raw))
        return _raw_of(run)

    def _encoder_for(self, decoded: DecodedRequest, call_id: str, model: str) -> Encoder:
        return self.door.dialect.encoder(
            stream=decoded.stream,
            model=model or decoded.model,
            call_id=call_id.removeprefix("call_"),
            created=int(time.time()),
            extra=decoded.extra | self.door.always,
        )

    async def _send_whole(self, status: int, headers: Headers, body: bytes, request_id: str | None) -> None:
        await self._begin(status, headers | {"content-length": str(len(body))}, request_id)
        await self.send({"type": "http.response.body", "body": body})

    async def _begin(self, status: int, headers: Headers, request_id: str | None) -> None:
        self.begun = True
        named = {self.door.request_id: telling.safe(request_id)} if request_id else {}
        pairs = [(name.encode(), value.encode("latin-1")) for name, value in (headers | named).items()]
        await self.send({"type": "http.response.start", "status": status, "headers": pairs})


def options_of(decoded: DecodedRequest, headers: Headers) -> CallOptions:
    """The call that a request means."""
    request = decoded.request
    if request.native is not None:
        said = [path for path, value in decoded.extra.items() if value is not None]
        request.native.only = said[:NATIVE_PATHS_MAX]
    options: dict[str, object] = {"messages": request.messages, "raw_events": True}
    options |= {name: value for name in _WISHES if (value := getattr(request, name)) not in (None, [], {})}
    if decoded.model != DEFAULT_MODEL:
        options["model"] = decoded.model
    options |= {name: headers[each] for name in _ROUTING if (each := telling.PREFIX + name) in headers}
    if "idempotency-key" in headers:
        options["key"] = headers["idempotency-key"]
    return cast("CallOptions", options)


def ending_of(reply: Reply) -> Ending:
    """How the answer ended, for an encoder. Raises ``InternalError`` for one without an end."""
    if reply.finish_reason is None:
        raise InternalError("the gateway's answer has no finish reason")
    return Ending(
        reply.finish_reason, reply.raw_finish_reason, reply.model, usage=reply.usage, raw_usage=reply.raw_usage or {}
    )


def _raw_of(run: list[Event]) -> bytes:
    return b"".join([event.data for event in run if isinstance(event, Raw)])


async def _watch(receive: Receive, scope: anyio.CancelScope) -> None:
    """Ends the call when whoever asked is gone."""
    message: Message = {}
    while message.get("type") != "http.disconnect":
        message = await receive()
    scope.cancel()
