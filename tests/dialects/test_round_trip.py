"""What a dialect writes it reads again as the same, streamed and whole, cut anywhere."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.dialects.base import Ending, Target
from kruxos.dialects.registry import DIALECTS
from kruxos.events import Event, UsageUpdate
from kruxos.messages import Text, Thinking, ToolCall
from tests.dialects import runs
from tests.dialects.support import decoder, parts_of, run, target

ANTHROPIC, GENERIC = target("anthropic", "asked-for"), target("generic", "asked-for")
GEMINI, OLLAMA = target("gemini", "asked-for"), target("ollama", "asked-for")
OPENAI = target("openai", "asked-for")


def answers(aim: Target, events: Any, endings: Any) -> Any:
    return events.flatmap(lambda run: st.tuples(st.just(aim), st.just(run), endings(run)))


ANSWERS = (
    st.tuples(st.just(ANTHROPIC), runs.anthropic_runs(), runs.anthropic_endings())
    | answers(GENERIC, runs.chat_runs(), runs.chat_endings)
    | answers(OPENAI, runs.responses_runs(), runs.responses_endings)
    | answers(GEMINI, runs.gemini_runs(), runs.gemini_endings)
    | answers(OLLAMA, runs.ollama_runs(), runs.ollama_endings)
)


def encoded(aim: Target, events: list[Event], ending: Ending, *, stream: bool) -> tuple[bytes, str]:
    extra: dict[str, Any] = {"stream_options": {"include_usage": True}, "ping": True}
    dialect = DIALECTS[aim.profile.dialect]
    encoder = dialect.encoder(stream=stream, model="other", call_id="1", created=1_800_000_000, extra=extra)
    return b"".join([*(encoder.feed(event) for event in events), encoder.finish(ending)]), encoder.content_type


@given(ANSWERS, st.lists(st.integers(0, 5_000), max_size=6))
def test_a_stream_is_read_as_the_events_it_was_made_of(
    answer: tuple[Target, list[Event], Ending], cuts: list[int]
) -> None:
    aim, events, ending = answer
    body, content_type = encoded(aim, events, ending, stream=True)
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    reading = decoder(aim, content_type=content_type)
    found = run(reading, *(body[start:end] for start, end in pairwise(places)))
    assert ending.usage is not None
    assert found == [*events, UsageUpdate(ending.usage)]
    assert reading.ending is not None
    assert replace(reading.ending, raw_usage={}) == ending


@given(ANSWERS)
def test_a_whole_answer_says_what_the_events_said(answer: tuple[Target, list[Event], Ending]) -> None:
    aim, events, ending = answer
    body, content_type = encoded(aim, events, ending, stream=False)
    reading = decoder(aim, content_type=content_type)
    assert saying(run(reading, body)) == saying(events)
    assert reading.ending is not None
    assert replace(reading.ending, raw_usage={}) == ending


def saying(events: list[Event]) -> tuple[Any, ...]:
    parts = parts_of(events)
    text = "".join(part.text for part in parts if isinstance(part, Text))
    thinking = "".join(part.text for part in parts if isinstance(part, Thinking))
    calls = [(part.id, part.name, part.arguments) for part in parts if isinstance(part, ToolCall)]
    return text, thinking, calls


@pytest.mark.parametrize("aim", [ANTHROPIC, GENERIC, OPENAI, GEMINI, OLLAMA])
def test_the_same_answer_is_the_same_bytes(aim: Target) -> None:
    ending = Ending("stop", None, "m")
    assert encoded(aim, [], ending, stream=True) == encoded(aim, [], ending, stream=True)
