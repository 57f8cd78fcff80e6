"""A conversation that is too long, over a scripted network: what is asked, what is told; nothing is paid twice."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest
import trio
import trio.testing

from kruxos import events, wire
from kruxos.codec import encode_request
from kruxos.messages import Message, Request, Text, ToolCall, ToolResult
from kruxos_workers.compaction.compactor import HEADING
from kruxos_workers.exchange import Exchange
from kruxos_workers.http.scripted import REQUEST, RESET, Script, Step, Wait
from tests.workers.test_exchange import World, json_answer, world

STATED = {"m-1": {"context": 8000, "max_output": 1000}}
WORDS = "lorem ipsum dolor sit amet " * 40


def answer(text: str, reason: str = "stop") -> bytes:
    choice = {"index": 0, "message": {"content": text}, "finish_reason": reason}
    usage = {"prompt_tokens": 5500, "completion_tokens": 5, "total_tokens": 5505}
    return json_answer(200, json.dumps({"id": "c", "model": "m-1", "choices": [choice], "usage": usage}))


def saying(*texts: str) -> Script:
    """One connection that answers so many requests."""
    return Script([step for text in texts for step in (answer(text), REQUEST)])


def history(turns: int = 40) -> list[Message]:
    said = [Message.of("system", "Be brief.")]
    for at in range(turns):
        said += [
            Message.of("user", f"{at} {WORDS}"),
            Message("assistant", [ToolCall(f"c{at}", "look", {"at": at})]),
            Message("tool", [ToolResult(f"c{at}", WORDS)]),
        ]
    return [*said, Message.of("user", "And now?")]


def call(here: World, messages: list[Message], **more: Any) -> Exchange:
    body = msgpack.packb(encode_request(Request(messages, **more)))
    return Exchange(here.worker, wire.Open(id=7, body=body, agent="a"))


def bodies(here: World) -> list[dict[str, Any]]:
    """What the provider was sent, in order."""
    sent = b"".join(bytes(stream.sent) for stream in here.network.streams)
    return [json.loads(piece.partition(b"POST /")[0]) for piece in sent.split(b"\r\n\r\n")[1:]]


def notices(here: World) -> list[events.Notice]:
    return [event for event in here.said() if isinstance(event, events.Notice)]


def told(here: World, code: str) -> list[dict[str, Any]]:
    return [notice.data for notice in notices(here) if notice.code == code]


def test_the_oldest_part_is_summed_up_in_a_step_that_is_told_before_the_answer() -> None:
    async def main() -> None:
        here = world(saying("They looked at it.", "Now this."), stated=STATED)
        messages = history()
        await call(here, messages).run()
        assert [type(frame) for frame in here.outlet.frames] == [wire.Sent, wire.Step, wire.Sent, wire.End]
        step = here.outlet.frames[1]
        assert isinstance(step, wire.Step)
        assert (step.op, step.model, step.usage["output_tokens"]) == ("summarise", "m-1", 5)
        question, final = bodies(here)
        assert "<conversation>" in question["messages"][0]["content"]
        assert [each["content"] for each in final["messages"][:2]] == ["Be brief.", HEADING + "They looked at it."]
        [data] = told(here, "compacted")
        assert (data["first"], data["reused"], data["summary"]) == (1, False, HEADING + "They looked at it.")
        assert final["messages"][-1]["content"] == "And now?"
        kept = len(messages) - 1 - data["last"]
        assert len(final["messages"]) == kept + 2
        assert data["tokens_after"] < data["tokens_before"]

    trio.run(main)


def test_the_same_history_again_costs_no_second_summary() -> None:
    async def main() -> None:
        here = world(saying("They looked.", "1", "2", "3"), stated=STATED)
        messages = history()
        await call(here, messages).run()
        await call(here, messages).run()
        messages += [Message.of("assistant", "Now this."), Message.of("user", "Go on.")]
        await call(here, messages).run()
        assert sum(isinstance(frame, wire.Step) for frame in here.outlet.frames) == 1
        assert [data["reused"] for data in told(here, "compacted")] == [False, True, True]
        _, first, again, longer = bodies(here)
        assert first["messages"] == again["messages"] == longer["messages"][: len(first["messages"])]

    trio.run(main)


def test_two_calls_of_one_conversation_at_once_pay_for_one_summary() -> None:
    async def main() -> None:
        scripts = [saying("They looked.", "1"), saying("2")]
        here = world(*scripts, stated=STATED)
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(call(here, history()).run)
        assert sum(isinstance(frame, wire.Step) for frame in here.outlet.frames) == 1
        assert sum(isinstance(frame, wire.End) for frame in here.outlet.frames) == 2

    trio.run(main)


def test_what_grows_on_is_summed_up_from_the_last_summary_on() -> None:
    async def main() -> None:
        here = world(saying("First.", "1", "Second.", "2"), stated=STATED)
        await call(here, history(40)).run()
        await call(here, history(80)).run()
        _, _, question, final = bodies(here)
        asked = question["messages"][0]["content"]
        assert "First." in asked
        assert "\n0 lorem" not in asked
        assert final["messages"][1]["content"] == HEADING + "Second."

    trio.run(main)


def test_a_short_conversation_is_sent_as_it_is() -> None:
    async def main() -> None:
        here = world(saying("1"), stated=STATED)
        await call(here, history(1)).run()
        assert [type(frame) for frame in here.outlet.frames] == [wire.Sent, wire.End]
        assert not told(here, "compacted")

    trio.run(main)


def test_who_switches_it_off_is_refused_before_anything_is_paid() -> None:
    async def main() -> None:
        here = world(saying("1"), stated=STATED)
        await call(here, history(), compaction={"enabled": False}).run()
        assert (here.error.code, here.failure) == ("context_overflow", "final")

    trio.run(main)


def test_a_wish_that_makes_no_sense_is_named() -> None:
    async def main() -> None:
        here = world()
        for wish in ({"template": "poet"}, {"at": 7}, {"at_token": 5}):
            await call(here, history(1), compaction=wish).run()
            assert here.error.code == "bad_request"

    trio.run(main)


@pytest.mark.parametrize(
    ("said", "code", "failure"),
    [
        (json_answer(429, '{"error":{"message":"slow","code":"rate_limit_exceeded"}}'), "rate_limited", "refused"),
        (RESET, "interrupted", "ambiguous"),
    ],
)
def test_where_the_summary_fails_the_attempt_does(said: Any, code: str, failure: str) -> None:
    async def main() -> None:
        here = world(Script([said]), stated=STATED)
        await call(here, history()).run()
        assert (here.error.code, here.failure) == (code, failure)
        assert not here.worker.gate.limits._flights

    trio.run(main)


def test_a_summary_without_words_is_booked_and_told_and_the_conversation_stays_as_it_is() -> None:
    async def main() -> None:
        here = world(saying("", "1"), stated={"m-1": {"context": 40_000}})
        await call(here, history(), compaction={"at_tokens": 5000}).run()
        assert [type(frame) for frame in here.outlet.frames] == [wire.Sent, wire.Step, wire.Sent, wire.End]
        assert told(here, "not_compacted")
        assert len(bodies(here)[1]["messages"]) == len(history())

    trio.run(main)


def test_a_call_cancelled_while_its_summary_is_written_leaves_its_place() -> None:
    async def main() -> None:
        here = world(Script([Wait()]), stated=STATED)
        exchange = call(here, history())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(exchange.run)
            await trio.testing.wait_all_tasks_blocked()
            exchange.scope.cancel()
        assert (here.error.code, here.failure) == ("cancelled", "ambiguous")
        assert not here.worker.gate.limits._flights

    trio.run(main)


def test_one_message_that_fills_the_window_cannot_be_compacted() -> None:
    async def main() -> None:
        here = world(stated=STATED)
        await call(here, [Message("user", [Text(WORDS * 100)])]).run()
        assert here.error.code == "context_overflow"

    trio.run(main)


def test_a_successor_knows_the_summaries_and_what_is_lost_is_told() -> None:
    async def main() -> None:
        here = world(saying("They looked.", "1"), stated=STATED)
        await call(here, history()).run()
        state = msgpack.unpackb(msgpack.packb(here.worker.compactor.summaries.state()))
        heir = world(saying("1"), stated=STATED)
        heir.worker.compactor.restore(state)
        await call(heir, history()).run()
        assert [data["reused"] for data in told(heir, "compacted")] == [True]
        late = world(saying("Again.", "1"), stated=STATED)
        late.worker.compactor.restore({"lost": [each["digest"] for each in state["kept"]], "kept": []})
        await call(late, history()).run()
        assert [data["again"] for data in told(late, "compacted")] == [True]

    trio.run(main)


def test_what_a_provider_refuses_as_too_long_is_made_shorter_the_next_time() -> None:
    async def main() -> None:
        said = {"error": {"message": "too long", "code": "context_length_exceeded"}}
        steps: list[Step] = [json_answer(400, json.dumps(said)), REQUEST, answer("They looked."), REQUEST, answer("1")]
        here = world(Script(steps), stated={"m-1": {"context": 40_000}})
        await call(here, history()).run()
        assert here.error.code == "context_overflow"
        await call(here, history()).run()
        assert [data["reused"] for data in told(here, "compacted")] == [False]

    trio.run(main)
