"""One attempt at one call: check, admit, encode, ask, decode. The provider is asked at most once.

Whatever happens, the supervisor hears exactly one last frame about it, with what the provider may have done:

    never_sent   no byte of it left this machine
    refused      the provider said no, cleanly
    ambiguous    it left, and no whole answer came back: maybe done, maybe billed
    final        the request itself is wrong, anywhere
"""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from kruxos import wire
from kruxos.dialects.base import Decoder, EncodedRequest, Target
from kruxos.errors import (
    CallerError,
    CancelledError,
    DeadlineExceededError,
    KruxosError,
    NeedsLoginError,
    StreamInterruptedError,
    UnsupportedError,
)
from kruxos.events import Notice, Usage, encode_events
from kruxos.messages import Request
from kruxos_workers.answer import Answer
from kruxos_workers.cache import Asked, Caching
from kruxos_workers.compaction.native import told_of_native
from kruxos_workers.failed import FailedExchange, FailedStep
from kruxos_workers.http import Answer as HttpAnswer
from kruxos_workers.http import BodyFailure, SendFailure, TimeLimit
from kruxos_workers.limits import Ask
from kruxos_workers.meaning import meant_here, only_elsewhere, with_effort
from kruxos_workers.preflight import Judged, read_request
from kruxos_workers.raw import RawBytes, wants_raw
from kruxos_workers.settings import FIRST_EVENT_S
from kruxos_workers.summarising import Shape, Shaping
from kruxos_workers.upstream import request_id, upstream_us
from kruxos_workers.worker import Login, Worker

ERROR_BODY_BYTES_MAX = 1024 * 1024
TAIL_WITHIN_S = 2.0
"""How long the end of a body is awaited once the protocol's own end has come."""
UNAUTHORIZED = 401
AUTONOMOUS = "autonomous"
"""The role of calls that nobody waits for at a keyboard: their loops come back soon."""
LOADING_AFTER_S = 3.0
"""A local model that says nothing for so long is probably being loaded: the agent is told, and it is no failure."""
MAYBE_DONE_STATUSES = frozenset({408, 499, 502, 504, 520, 522, 524})
"""A gateway in between gave up waiting: the provider behind it may have done the work."""


@dataclass(slots=True)
class Exchange:
    """The attempt that ``frame`` asks for."""

    worker: Worker
    frame: wire.Open
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    _answer: Answer = field(init=False)
    _request: Request = field(init=False)
    _caching: Caching | None = None
    _judged: Judged | None = None
    _target_model: str = ""
    _decoder: Decoder | None = None
    _raw: RawBytes | None = None
    _http: HttpAnswer | None = None
    _limit: TimeLimit = field(default_factory=TimeLimit)
    _flowing: trio.Event = field(default_factory=trio.Event)
    _sent: bool = False
    _entered: bool = False
    _is_native: bool = False
    _is_over: bool = False
    _quiet_since: float | None = None

    def __post_init__(self) -> None:
        settings = self.worker.settings
        self._answer = Answer(
            self.frame.id,
            provider=settings.provider,
            shelf=settings.shelf,
            model=self.frame.model or settings.model or "",
            stream=self.frame.stream,
            flat=settings.profile.login,
            call_id=self.frame.call_id or "",
        )
        self._flowing.set()
        if self.frame.deadline_s is not None:
            self.scope.deadline = trio.current_time() + self.frame.deadline_s

    def pause(self) -> None:
        """The agent is slow: read no more for now."""
        if self._flowing.is_set():
            self._flowing = trio.Event()

    def resume(self) -> None:
        """Go on."""
        self._flowing.set()

    async def run(self) -> None:
        """From the request to the last frame."""
        last: wire.Frame | None = None
        with self.scope:
            try:
                last = await self._exchange()
            except FailedExchange as failed:
                last = self._failed(failed.error, failed.failure, failed.raw)
            except FailedStep as failed:
                last = failed.frame
        if last is None:
            self._leave()
            is_late = trio.current_time() >= self.scope.deadline
            error = DeadlineExceededError("the call's deadline passed") if is_late else CancelledError("cancelled")
            last = self._failed(error, "ambiguous" if self._sent else "never_sent")
        self.worker.outlet.send(last)

    async def _exchange(self) -> wire.Frame:
        self._request = self._read_request()
        meant = meant_here(self._request, self.frame.model, self.worker.settings, self.worker.now())
        self._answer.model = meant.model
        self._answer.take(meant.notices)
        shape = await self._shape(meant.model, meant.request)
        self._is_native = shape.native is not None
        target, encoded = self._encode(meant.model, shape)
        self._target_model = target.model
        await self._enter(target.model, shape.estimate)
        if self.worker.login is None:
            return await self._ask(target, encoded)
        return await self._ask_signed_in(target, encoded, self.worker.login)

    async def _ask_signed_in(self, target: Target, encoded: EncodedRequest, login: Login) -> wire.Frame:
        """The same with a login: where the provider refuses its token, once more with the renewed one."""
        try:
            token = await login.token()
        except KruxosError as error:
            raise FailedExchange("never_sent", error) from None
        try:
            return await self._ask(target, encoded)
        except FailedExchange as failed:
            if failed.failure != "refused" or failed.error.detail.provider_status != UNAUTHORIZED:
                raise
        try:
            has_another = await login.renewed(token)
        except KruxosError as error:
            raise FailedExchange("refused", error) from None
        if not has_another:
            raise FailedExchange("refused", NeedsLoginError("the provider refuses the login, however fresh it is"))
        return await self._ask(target, encoded)

    async def _ask(self, target: Target, encoded: EncodedRequest) -> wire.Frame:
        """Asks the provider, once."""
        limits = self.worker.settings.time_limits
        self._limit = TimeLimit()
        self._limit.start("first event" if target.stream else "answer", self._first_limit_s(target))
        try:
            async with self.worker.client.send(
                encoded.http.method,
                encoded.http.path,
                encoded.http.headers,
                encoded.http.body,
                on_sent=self._on_sent,
                limit=self._limit,
            ) as http:
                self._http = http
                accepted = 200 <= http.status < 300
                self.worker.gate.heard(self.frame.id, http.headers, accepted=accepted)
                self.worker.remains.heard(http.headers, self.worker.now())
                if not accepted:
                    raise await self._refused(http, target, encoded)
                self._decoder = self._decoder_for(http, target, encoded)
                self._raw = self._raw_for(http)
                await self._read(http, self._decoder, limits.idle_s if target.stream else limits.call_s)
        except SendFailure as failure:
            raise FailedExchange(failure.kind, failure.error) from None
        except BodyFailure as failure:
            if self._decoder is None or failure.kind == "too_large":  # what is too large is not looked at besides
                return self._failed(failure.error, "ambiguous")
            return self._close(self._decoder, failure.error)
        return self._close(self._decoder, StreamInterruptedError("the answer ended before its end"))

    def _first_limit_s(self, target: Target) -> float:
        limits, row = self.worker.settings.time_limits, self.worker.settings.shelf.lookup(target.model)
        if not target.stream:
            return limits.call_s
        usual = target.profile.first_event_s or FIRST_EVENT_S
        return limits.first_event_s or (row.first_event_s if row else None) or usual

    # Before it is sent

    def _read_request(self) -> Request:
        if self.frame.op != "chat":
            raise FailedExchange(
                "never_sent", UnsupportedError(f"{self.worker.settings.provider} cannot {self.frame.op}")
            )
        try:
            return with_effort(read_request(self.frame), self.frame.thinking_effort)
        except CallerError as error:
            raise FailedExchange("final", error) from None

    async def _shape(self, model: str, request: Request) -> Shape:
        """The request as short as it has to be; a summary of its oldest part is asked for where one is needed."""
        try:
            shape = await Shaping(self.worker, self.frame, self._step_sent, Exchange).shape(request, model)
        except CallerError as error:
            raise FailedExchange("final", error) from None
        self._sent = False
        self._answer.take(shape.notices)
        return shape

    def _step_sent(self) -> None:
        """A step before the answer leaves this machine."""
        self._sent = True

    def abandon(self) -> None:
        """Nobody waits for it any more: its place at the provider is free."""
        self._leave()

    def _encode(self, model: str, shape: Shape) -> tuple[Target, EncodedRequest]:
        settings, request = self.worker.settings, shape.request
        self._caching = caching = self._make_caching(model, request)
        target = Target(
            provider=settings.provider,
            model=model,
            profile=settings.profile,
            origin=settings.origin,
            stream=self.frame.stream,
            shelf=settings.shelf,
            now=self.worker.now(),
            edit=caching.edit,
            compaction=shape.native,
        )
        try:
            encoded = settings.dialect.encode_request(request, target)
        except UnsupportedError as error:
            raise FailedExchange("never_sent", error) from None
        except KruxosError as error:
            raise FailedExchange("final", error) from None
        unknown = [Notice("parameter_dropped", f"{path} is not known and was ignored") for path in request.unknown]
        self._answer.take([*unknown, *only_elsewhere(request, settings), *encoded.notices, *caching.notices])
        caching.notices.clear()
        return target, encoded

    def _make_caching(self, model: str, request: Request) -> Caching:
        frame, worker = self.frame, self.worker
        is_autonomous = frame.role == AUTONOMOUS
        asked = Asked(frame.agent or "", frame.conversation, model, is_autonomous, request.cache, worker.now())
        try:
            return worker.caches.caching(asked, worker.settings.shelf.lookup(model))
        except CallerError as error:
            raise FailedExchange("final", error) from None

    async def _enter(self, model: str, estimate: int) -> None:
        frame, row = self.frame, self.worker.settings.shelf.lookup(model)
        try:
            self._judged = self.worker.preflight.judge(estimate, row, model, self._conversation)
        except CallerError as error:
            raise FailedExchange("final", error) from None
        ask = Ask(frame.id, frame.agent or "", model, self._judged.tokens, frame.wait_s)
        try:
            await self.worker.gate.enter(ask)
        except KruxosError as error:
            raise FailedExchange("never_sent", error) from None
        self._entered = True

    @property
    def _conversation(self) -> str:
        """What names the call's conversation in this worker; empty where nothing does."""
        return "" if self._caching is None else self._caching.conversation

    def _leave(self, error: KruxosError | None = None) -> None:
        """The call is over without an answer; its place at the provider is free."""
        if not self._entered:
            return
        self._entered = False
        if error is None:
            self.worker.gate.left(self.frame.id)
        else:
            self.worker.gate.failed(self.frame.id, error)

    def _on_sent(self) -> None:
        """Before the first byte leaves, the supervisor knows: a crash from here on is ambiguous."""
        self._sent = True
        self.worker.remains.used()
        self._quiet_since = trio.current_time()
        self.worker.outlet.send(wire.Sent(id=self.frame.id))
        self.worker.outlet.flush()

    def on_beat(self) -> None:
        """Time passed: whoever waits for a model that loads is told so, once."""
        quiet_since, settings = self._quiet_since, self.worker.settings
        if quiet_since is None or not settings.profile.first_event_s or not self.frame.stream:
            return
        quiet_s = trio.current_time() - quiet_since
        if quiet_s >= LOADING_AFTER_S:
            self._quiet_since = None
            message = f"{settings.provider} has said nothing for {quiet_s:.0f} s; the model is probably being loaded"
            body = encode_events([Notice("loading", message)])
            self.worker.outlet.send(wire.Event(id=self.frame.id, body=body, committed=False))

    # While it comes

    def _raw_for(self, http: HttpAnswer) -> RawBytes | None:
        content_type, stream = http.headers.get("content-type", ""), self.frame.stream
        dialect = self.worker.settings.dialect.name
        wanted = wants_raw(self._request, dialect, content_type=content_type, stream=stream)
        return RawBytes(stream=stream) if wanted else None

    def _decoder_for(self, http: HttpAnswer, target: Target, encoded: EncodedRequest) -> Decoder:
        return self.worker.settings.dialect.decoder(target, encoded, http.headers.get("content-type", ""))

    async def _read(self, http: HttpAnswer, decoder: Decoder, idle_s: float) -> None:
        outlet = self.worker.outlet
        async for piece in http:
            events = decoder.feed(piece)
            if self._is_native:
                events = [*events, *told_of_native(events)]
            if events:
                self._quiet_since = None
            if not self._is_over:
                self._move_limit(decoder, idle_s if events else None)
            raw = None if self._raw is None else self._raw.take(piece, decoder)
            for frame in self._answer.take(events, raw):
                outlet.send(frame)
            if not self._flowing.is_set():
                self._limit.stop()
                await self._flowing.wait()
                self._is_over = False
                self._move_limit(decoder, idle_s)
            await outlet.room()

    def _move_limit(self, decoder: Decoder, idle_s: float | None) -> None:
        """Each event moves the limit on; the answer's end, or an error, sets the last one.

        What still comes behind that is not waited for much longer, however much it is.
        """
        if decoder.ending is not None or decoder.error is not None:
            self._is_over = True
            self._limit.start("end of the answer", TAIL_WITHIN_S)
        elif idle_s is not None:
            self._limit.start("event", idle_s)

    async def _refused(self, http: HttpAnswer, target: Target, encoded: EncodedRequest) -> FailedExchange:
        body = bytearray()
        try:
            async for piece in http:
                body += piece
                if len(body) > ERROR_BODY_BYTES_MAX:
                    break
        except BodyFailure:
            pass  # what came of the error's text is enough
        error = self.worker.settings.dialect.decode_error(http.status, http.headers, bytes(body), target, encoded)
        if isinstance(error, CallerError) and not isinstance(error, UnsupportedError):
            return FailedExchange("final", error, self._raw_error(http, bytes(body)))
        return FailedExchange("ambiguous" if http.status in MAYBE_DONE_STATUSES else "refused", error)

    def _raw_error(self, http: HttpAnswer, body: bytes) -> bytes:
        content_type, dialect = http.headers.get("content-type", ""), self.worker.settings.dialect.name
        if not wants_raw(self._request, dialect, content_type=content_type, stream=False):
            return b""
        return self.worker.client.redact(body.decode("utf-8", "replace")).encode()

    # After it

    def _close(self, decoder: Decoder, otherwise: KruxosError) -> wire.Frame:
        """The body is over. Whether the answer is whole, its own protocol says; else the best reason is told."""
        events = decoder.finish()
        raw = None if self._raw is None else self._raw.finish(decoder)
        for frame in self._answer.take(events, raw):
            self.worker.outlet.send(frame)
        if decoder.ending is None:
            cut_off = decoder.error is None or isinstance(decoder.error, StreamInterruptedError)
            error = otherwise if decoder.error is None or cut_off else decoder.error
            return self._failed(error, _failure_of(error))
        self._entered, usage = False, decoder.ending.usage
        self._learn(usage)
        self.worker.gate.worked(
            self.frame.id, None if usage is None else usage.input_tokens + (usage.output_tokens or 0)
        )
        return self._answer.end(
            decoder.ending,
            request_id=request_id(self._http),
            upstream_us=0 if self._http is None else upstream_us(self._http.timing),
            now=self.worker.now(),
        )

    def _learn(self, usage: Usage | None) -> None:
        """What an answer's usage teaches of caches and lengths."""
        if self._caching is not None:
            self._caching.settle(usage)
            for frame in self._answer.take(self._caching.notices):
                self.worker.outlet.send(frame)
        if usage is not None and self._judged is not None and self._target_model:
            corrections = self.worker.preflight.corrections
            corrections.learn(self._target_model, self._conversation, self._judged.estimate, usage.input_tokens)

    def _failed(self, error: KruxosError, failure: str, raw: bytes = b"") -> wire.Frame:
        now = self.worker.now()
        self._leave(error)
        error.message = self.worker.client.redact(error.message)
        if error.detail.excerpt is not None:
            error.detail.excerpt = self.worker.client.redact(error.detail.excerpt)
        error.detail.request_id = error.detail.request_id or request_id(self._http)
        error.detail.billed_maybe = failure == "ambiguous"
        return self._answer.fail(error, failure, self._decoder, raw=raw, now=now)


def _failure_of(error: KruxosError) -> str:
    """What an error inside an answer says about the provider's work: a clean no, or nothing certain."""
    if isinstance(error, CallerError):
        return "final"
    certain = error.detail.provider_code is not None or error.detail.provider_status is not None
    return "refused" if certain and not isinstance(error, StreamInterruptedError) else "ambiguous"
