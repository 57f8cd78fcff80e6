"""How each fault is done to an answer: to its events before they are encoded, or to the steps that send them.

A fault strikes at a point: before the first token, or when ``after`` tokens are out, or at the end of an answer that
is shorter. An answer that is not streamed is struck before its body or in its middle. Answers are made while they are
sent, so an endless one costs no more than a short one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from kruxos.events import Event, TextDelta, ThinkingDelta, ToolCallDelta

from .faults import ENDLESS_BYTES_MAX, Fault
from .planning import tokens_of
from .steps import Cut, Data, End, Head, Step, Wait

_HALF = "\ue000"
"""A character that is put into an answer, to be cut in two when it is bytes."""
_FILLING = b"and on " * 1024
_CONTENT = (TextDelta, ThinkingDelta, ToolCallDelta)

Steps = Iterator[Step]
EndEvent = Callable[[], bytes]


def damage_events(events: list[Event], fault: Fault | None, *, is_stream: bool) -> Iterable[Event]:
    """The events of an answer, with the fault among them if it is one of theirs."""
    if fault is not None and fault.kind == "endless" and is_stream:
        return _endless_events(events)
    if fault is not None and fault.kind in _EVENTS:
        return _struck(events, fault.after, _EVENTS[fault.kind](fault))
    return events


def damage_steps(steps: Steps, fault: Fault | None, overload: EndEvent) -> Steps:
    """The steps of an answer, with the fault done to them. ``overload`` gives the provider's error in a 200."""
    change = _STEPS.get(fault.kind) if fault else None
    return change(steps, fault, overload) if change and fault else steps


def _with_text(event: Event, change: Callable[[str], str]) -> Event:
    match event:
        case TextDelta() | ThinkingDelta():
            return replace(event, text=change(event.text))
        case ToolCallDelta():
            return replace(event, arguments=change(event.arguments))
        case _:
            return event


def _struck(events: list[Event], after: int, change: Callable[[str], str]) -> list[Event]:
    """Changes the first event with content when ``after`` tokens are out, or the last one with content."""
    sent, place = 0, None
    for at, event in enumerate(events):
        if isinstance(event, _CONTENT):
            place = at
            if sent >= after:
                break
            sent += tokens_of(event)
    return events if place is None else [*events[:place], _with_text(events[place], change), *events[place + 1 :]]


def _endless_events(events: list[Event]) -> Iterator[Event]:
    for event in events:
        yield event
        if isinstance(event, _CONTENT):
            yield from itertools.repeat(_with_text(event, lambda _: " on"))


_EVENTS: dict[str, Callable[[Fault], Callable[[str], str]]] = {
    "bad-utf8": lambda _fault: lambda text: text + _HALF,
    "huge": lambda fault: lambda text: text + "x" * fault.bytes,
}


def _marked(steps: Steps, after: int) -> Iterator[Step | None]:
    """The steps, and None at the point where ``after`` tokens are out; a body that is sent whole is halved there."""
    sent, is_marked, is_whole = 0, False, False
    for step in steps:
        if isinstance(step, Head):
            is_whole = step.length is not None
        if not isinstance(step, Data) or is_marked:
            yield step
            continue
        is_marked = is_whole or step.is_ending or (step.tokens > 0 and sent >= after)
        sent += step.tokens
        if is_marked and is_whole:
            at = len(step.body) // 2 if after else 0
            yield Data(step.body[:at])
            yield None
            yield replace(step, body=step.body[at:])
        elif is_marked:
            yield None
            yield step
        else:
            yield step


def _chunked(step: Step) -> Step:
    """A head without the length, for a body that will have another."""
    return replace(step, length=None) if isinstance(step, Head) else step


def _until_mark(steps: Steps, after: int) -> Steps:
    for step in _marked(steps, after):
        if step is None:
            return
        yield step


def _cut(steps: Steps, fault: Fault, _overload: EndEvent) -> Steps:
    yield from _until_mark(steps, fault.after)
    yield Cut(is_reset=fault.how == "reset")


def _silence(steps: Steps, fault: Fault, _overload: EndEvent) -> Steps:
    if fault.where == "headers":
        yield Wait(fault.seconds)
        yield from steps
        return
    for step in _marked(steps, fault.after):
        yield Wait(fault.seconds) if step is None else step


def _load(steps: Steps, fault: Fault, _overload: EndEvent) -> Steps:
    """As Ollama does with a model that is not in memory."""
    yield Wait(fault.seconds)
    yield from steps


def _overloaded(steps: Steps, fault: Fault, overload: EndEvent) -> Steps:
    """The error in place of the answer, or of the rest of a stream; with ``after=0`` nothing comes before it."""
    for step in steps:
        if isinstance(step, Head):
            yield _chunked(step)
            if step.length is None and fault.after:
                yield from _until_mark(steps, fault.after)
            break
        yield step
    yield Data(overload())
    yield End()


def _bad_json(steps: Steps, fault: Fault, _overload: EndEvent) -> Steps:
    is_next = False
    for step in _marked(steps, fault.after):
        if step is None:
            is_next = True
        elif is_next and isinstance(step, Data):
            is_next = False
            body = step.body.rstrip()
            yield replace(step, body=body[: len(body) - len(body) // 4] + step.body[len(body) :])
        else:
            yield _chunked(step)


def _content_type(steps: Steps, fault: Fault, _overload: EndEvent) -> Steps:
    for step in steps:
        if isinstance(step, Head):
            kept = tuple(each for each in step.headers if each[0] != "content-type")
            yield replace(step, headers=(("content-type", fault.type), *kept))
        else:
            yield step


def _drip(steps: Steps, fault: Fault, _overload: EndEvent) -> Steps:
    for step in steps:
        if isinstance(step, Data):
            for at in range(len(step.body)):
                is_last = at == len(step.body) - 1
                yield Data(step.body[at : at + 1], step.tokens if is_last else 0)
                yield Wait(fault.interval)
        else:
            yield step


def _no_terminal(steps: Steps, _fault: Fault, _overload: EndEvent) -> Steps:
    return _without(steps, lambda data: data.is_terminal)


def _no_finish(steps: Steps, _fault: Fault, _overload: EndEvent) -> Steps:
    return _without(steps, lambda data: data.is_ending)


def _without(steps: Steps, is_left_out: Callable[[Data], bool]) -> Steps:
    """A stream without some of its events; an answer that is sent whole stays so."""
    is_whole = False
    for step in steps:
        if isinstance(step, Head):
            is_whole = step.length is not None
        if is_whole or not (isinstance(step, Data) and is_left_out(step)):
            yield step


def _bad_utf8(steps: Steps, _fault: Fault, _overload: EndEvent) -> Steps:
    whole = _HALF.encode()
    for step in steps:
        if isinstance(step, Data):
            yield replace(step, body=step.body.replace(whole, whole[:-1]))
        else:
            yield _chunked(step)


def _endless(steps: Steps, fault: Fault, _overload: EndEvent) -> Steps:
    sent = 0
    for step in _without_end(steps):
        yield step
        if isinstance(step, Data):
            sent += len(step.body)
            if fault.interval:
                yield Wait(fault.interval)
        if sent > ENDLESS_BYTES_MAX:
            break
    yield Cut(is_reset=False)


def _without_end(steps: Steps) -> Steps:
    """A stream's events do not end by themselves; a body that is sent whole gets filling from its middle on."""
    is_whole = False
    for step in _marked(steps, after=1):
        if isinstance(step, Head):
            is_whole = step.length is not None
        if step is not None:
            yield _chunked(step)
        elif is_whole:
            yield from itertools.repeat(Data(_FILLING))


_STEPS: dict[str, Callable[[Steps, Fault, EndEvent], Steps]] = {
    "cut": _cut,
    "silence": _silence,
    "load": _load,
    "overloaded": _overloaded,
    "bad-json": _bad_json,
    "content-type": _content_type,
    "drip": _drip,
    "no-terminal": _no_terminal,
    "no-finish": _no_finish,
    "bad-utf8": _bad_utf8,
    "endless": _endless,
}
