"""What a script says is what a decoder reads in the simulator's bytes, streamed or whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.dialects.base import EncodedRequest, Ending, HttpRequest, Target
from kruxos.dialects.registry import DIALECTS
from kruxos.events import Assembler, Event, Start, State, UsageUpdate
from kruxos.messages import Part, ProviderState, ToolCall
from kruxos.simulator import Scripted
from tests.dialects.runs import anthropic_endings, anthropic_runs, chat_endings, chat_runs
from tests.simulator.support import CLAUDE, GPT, SPOKEN, Answer, ask, ask_gpt, world

NOTHING_SENT = EncodedRequest(HttpRequest("POST", "", {}, b""))


def read(answer: Answer, profile: str, model: str) -> tuple[list[Event], Ending]:
    """The answer's bytes through the dialect's decoder, in the pieces in which they were sent."""
    target = Target("p", model, SPOKEN[profile], profile, stream=True)
    decoder = DIALECTS[target.profile.dialect].decoder(target, NOTHING_SENT, answer.headers["content-type"])
    events = [event for piece in answer.pieces for event in decoder.feed(piece.body)] + decoder.finish()
    assert decoder.error is None
    assert decoder.ending is not None
    return events, decoder.ending


def parts(events: list[Event]) -> list[Part]:
    assembler = Assembler()
    for event in events:
        assembler.feed(event)
    return assembler.parts()


def said(events: list[Event]) -> list[Event]:
    """The events that a script can hold; origin and model of state are the receiver's to say."""
    kept = [event for event in events if not isinstance(event, (Start, UsageUpdate))]
    return [State(each.index, "", "", each.kind, each.data) if isinstance(each, State) else each for each in kept]


def scripted(events: list[Event], ending: Ending) -> Scripted:
    return Scripted(
        events=tuple(events), finish_reason=ending.finish_reason, raw_finish_reason=ending.raw_finish_reason,
        stop_detail=ending.stop_detail, usage=ending.usage,
    )  # fmt: skip


@given(st.data())
def test_anthropics_stream_holds_the_scripted_events(data: st.DataObject) -> None:
    events, ending = data.draw(anthropic_runs()), data.draw(anthropic_endings())
    came, end = read(ask(world(script=(scripted(events, ending),)), stream=True), "anthropic", CLAUDE)
    assert said(came) == said(events)
    assert (end.raw_finish_reason, end.stop_detail, end.usage) == (
        ending.raw_finish_reason, ending.stop_detail, ending.usage,
    )  # fmt: skip


@given(st.data())
def test_openais_stream_holds_the_scripted_events(data: st.DataObject) -> None:
    events = data.draw(chat_runs())
    ending = data.draw(chat_endings(events))
    answer = ask_gpt(world(script=(scripted(events, ending),)), stream=True, stream_options={"include_usage": True})
    came, end = read(answer, "openai", GPT)
    assert [event for event in said(came) if not isinstance(event, State)] == [
        event for event in said(events) if not isinstance(event, State)
    ]
    assert (end.finish_reason, end.usage) == (ending.finish_reason, ending.usage)


def meaning(part: Part) -> Any:
    """A part without what a whole answer can't keep: whose state it is, and how a call's arguments were spaced."""
    if isinstance(part, ToolCall):
        return (part.id, part.name, part.arguments)
    state = part if isinstance(part, ProviderState) else getattr(part, "state", None)
    return (type(part), getattr(part, "text", ""), state and (state.kind, state.data))


@given(st.data())
def test_anthropics_whole_answer_holds_the_scripted_parts(data: st.DataObject) -> None:
    events, ending = data.draw(anthropic_runs()), data.draw(anthropic_endings())
    came, end = read(ask(world(script=(scripted(events, ending),))), "anthropic", CLAUDE)
    assert [meaning(part) for part in parts(came)] == [meaning(part) for part in parts(events)]
    assert end.usage == ending.usage


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "prompt", ["hi", "[[simulate tokens=1]]", "[[simulate tokens=300]]", "[[simulate thinking=9]]"]
)
def test_made_up_answers_read_the_same_streamed_and_whole(prompt: str, *, stream: bool) -> None:
    fields = {"thinking": {"type": "adaptive"}, "max_tokens": 2000}
    events, ending = read(ask(world(), prompt, stream=stream, **fields), "anthropic", CLAUDE)
    again, same = read(ask(world(), prompt, **fields), "anthropic", CLAUDE)
    assert parts(events) == parts(again)
    assert ending.usage == same.usage
    assert ending.finish_reason == "stop"
