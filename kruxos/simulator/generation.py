"""The way of a request for an answer, at every provider: judged, charged, planned, encoded, paced, damaged.

door -> model -> shape and rules -> faults -> limits -> plan -> steps
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from kruxos import errors
from kruxos.dialects.base import DecodedRequest, Encoder
from kruxos.dialects.text import body_bytes
from kruxos.errors import BadRequestError
from kruxos.events import Event, Start, Usage

from .caching import with_counters
from .call import Call, Refused
from .damage import damage_events, damage_steps
from .directives import NOTHING, Directive, from_model, markers
from .dressing import DressedEncoder, Outgoing
from .faults import Fault
from .limits import Cost, Meters
from .pacing import Pace
from .planning import Order, Plan, asked_of, digest, marked_texts, plan, results_of, tokens_of
from .provider import Question
from .scenario import Scripted
from .steps import Data, End, Head, Headers, Response, Step, Wait

_OUTPUT_TOKENS_GUESSED = 16
"""What a request is charged in advance that does not say how much it wants at most."""


def generate(call: Call) -> Response:
    """The answer to one request. Raises ``Refused`` or ``Page``."""
    question = call.pass_door()
    header = call.header_directive()
    behind = read_model(call, question)
    fault = call.strike_early(header)
    call.judge(call.provider.rules, question)
    decoded = read_request(call, question)
    call.judge(call.provider.window, question)
    directive = Directive(wishes=header.wishes) | behind | _marked(call, decoded)
    asked = asked_of(decoded.request)
    fault = fault or _strike(call, directive.fault, asked)
    meters = _charge(call, question, decoded)
    scripted = call.world.script.take(asked, results_of(decoded.request), {tool.name for tool in decoded.request.tools})
    fault = fault or _strike(call, call.directive(scripted.fault).fault if scripted else None, asked)
    order = _order(call, question, decoded, directive, scripted)
    made = plan(order)
    meters.spend(made.output_tokens)
    response = _respond(call, decoded, made, fault, Pace(call.world.settings.timing, order.name))
    response.model, response.is_stream = call.model, decoded.stream
    if fault is not None:
        response.outcome, response.detail = "fault", fault.text
    return response


def _strike(call: Call, fault: Fault | None, asked: str) -> Fault | None:
    """A fault that the conversation asks for: retries and other models count as one. Raises ``Refused``, ``Page``."""
    struck = call.strike(fault, asked.encode("utf-8", "surrogatepass"))
    call.refuse_by(struck)
    return struck


def read_model(call: Call, question: Question) -> Directive:
    """Reads body and model into the question; gives the directive behind the model's name. Raises ``Refused``.

    The model stands in the body, or in the path.
    """
    body = question.body = call.provider.tidy(call.body())
    is_in_path = "model" in call.values
    given = call.values.get("model", body.get("model"))
    if not isinstance(given, str):
        return NOTHING
    try:
        name, directive = from_model(given)
    except BadRequestError as error:
        raise Refused(call.provider.not_readable(str(error)), "directive") from None
    question.name = name
    if not is_in_path:
        body["model"] = name
    question.model = call.find_model(name)
    call.model = question.model.row.id if question.model is not None else name
    if question.model is not None:
        call.meter(question)
    return directive


def read_request(call: Call, question: Question, defaults: dict[str, Any] | None = None) -> DecodedRequest:
    """The request in our own words, once its shape was judged. Raises ``Refused``.

    ``defaults`` are fields that the dialect wants and this endpoint does not have.
    """
    plain = call.provider.plain
    body = body_bytes(defaults | question.body) if defaults else call.asked.body
    body = body_bytes(plain(question.body)) if plain is not None else body
    try:
        decoded = call.provider.dialect.decode_request(body, question.headers)
    except BadRequestError as error:
        raise Refused(call.provider.not_readable(str(error)), "not_understood") from None
    question.decoded = decoded
    return decoded


def _marked(call: Call, decoded: DecodedRequest) -> Directive:
    try:
        return markers(marked_texts(decoded.request))
    except BadRequestError as error:
        raise Refused(call.provider.not_readable(str(error)), "directive") from None


def _order(
    call: Call, question: Question, decoded: DecodedRequest, directive: Directive, scripted: Scripted | None
) -> Order:
    provider = call.provider
    counters = call.world.caches.serve(
        (provider.name, question.key or ""),
        provider.dialect.name,
        question.body,
        question.sold.row,
        question.input_tokens,
        call.now,
    )

    def usage(input_tokens: int, output_tokens: int, reasoning_tokens: int | None) -> Usage:
        return with_counters(provider.usage(input_tokens, output_tokens, reasoning_tokens), counters)

    return Order(
        request=decoded.request,
        model=question.sold.id,
        input_tokens=question.input_tokens,
        thinking=provider.thinking(question),
        state_origin=provider.name,
        call_id=provider.call_id,
        mark=provider.mark(question),
        marks=provider.marks,
        answer_id=provider.answer_id(call.request_id),
        usage=usage,
        limit=0 if question.body.get("max_tokens") == 0 else decoded.request.max_output_tokens,
        signer=call.world.signer,
        name=digest(call.world.settings.seed, question.sold.id, decoded.request),
        directive=directive,
        scripted=scripted,
    )


def _charge(call: Call, question: Question, decoded: DecodedRequest) -> Meters:
    """Takes the request's cost from the key's limits. Raises ``Refused``."""
    most = decoded.request.max_output_tokens or _OUTPUT_TOKENS_GUESSED
    meters = call.meter(question)
    exceeded = call.provider.take(meters, Cost(question.input_tokens, question.input_tokens + most))
    if exceeded is not None:
        raise Refused(call.provider.limited(exceeded, call.model), "rate_limit")
    return meters


def _respond(call: Call, decoded: DecodedRequest, made: Plan, fault: Fault | None, pace: Pace) -> Response:
    encoder = _encoder(call, decoded, made, fault)
    headers: Headers = (("content-type", encoder.content_type), *call.headers())
    events = damage_events(made.events, fault, is_stream=decoded.stream)
    every = itertools.chain([Start(call.provider.name, made.ending.model)], events)
    make = _stream if decoded.stream else _unary
    steps = make(call, encoder, headers, every, made, pace)
    overload = errors.ProviderOverloadedError("Overloaded")
    return Response(damage_steps(steps, fault, lambda: _encoder(call, decoded, made, fault).fail(overload)))


def _encoder(call: Call, decoded: DecodedRequest, made: Plan, fault: Fault | None) -> Encoder:
    provider = call.provider
    extra: dict[str, Any] = {**decoded.extra, **provider.encoding}
    encoder = provider.dialect.encoder(
        stream=decoded.stream,
        model=call.model,
        call_id=provider.answer_id(call.request_id),
        created=int(call.now),
        extra=extra,
    )
    usage = made.ending.usage
    load_s = fault.seconds if fault is not None and fault.kind == "load" else 0.0
    outgoing = Outgoing(decoded.stream, call.request_id, usage.input_tokens if usage else 0, load_s)
    return DressedEncoder(encoder, provider.dress, outgoing, provider.opening, provider.fail)


def _unary(
    _call: Call, encoder: Encoder, headers: Headers, events: Iterable[Event], made: Plan, pace: Pace
) -> Iterator[Step]:
    for event in events:
        encoder.feed(event)
    body = encoder.finish(made.ending)
    yield from _wait(pace.whole(made.output_tokens))
    yield Head(200, headers, len(body))
    yield Data(body, made.output_tokens - made.hidden_tokens, is_ending=True, is_terminal=True)
    yield End()


def _stream(
    call: Call, encoder: Encoder, headers: Headers, events: Iterable[Event], made: Plan, pace: Pace
) -> Iterator[Step]:
    yield Head(200, headers)
    is_first, has_begun = True, False
    for event in events:
        tokens, data = tokens_of(event), encoder.feed(event)
        if is_first and data and made.ending.usage is not None:
            data, is_first = call.provider.first(data, made.ending.usage), False
        if tokens:
            yield from _wait(pace.before(tokens) if has_begun else pace.whole(made.hidden_tokens))
            has_begun = True
        yield from _pieces(data, tokens)
    ending = list(_pieces(encoder.finish(made.ending), 0))
    for piece in ending:
        is_terminal = piece is ending[-1]
        yield Data(piece.body, is_ending=True, is_terminal=is_terminal)
    yield End()


def _pieces(data: bytes, tokens: int) -> Iterator[Data]:
    """One piece for each event of the stream; the tokens are in the last one."""
    events = data.split(b"\n\n")
    rest = events.pop()
    for event in events:
        is_last = event is events[-1] and not rest
        yield Data(event + b"\n\n", tokens if is_last else 0)
    if rest:
        yield Data(rest, tokens)


def _wait(seconds: float) -> Iterator[Step]:
    if seconds > 0:
        yield Wait(seconds)
