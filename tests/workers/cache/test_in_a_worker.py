"""Prompt caches as calls meet them: marks in what is sent, notices in what is answered."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import trio

from kruxos import wire
from kruxos.codec import encode_request
from kruxos.dialects.profiles import ANTHROPIC
from kruxos.events import Notice
from kruxos.messages import Message, Native, Request
from kruxos_workers.exchange import Exchange
from kruxos_workers.http.scripted import Script
from tests.workers.test_exchange import World, json_answer, world

LONG = "some instructions " * 800


def answer(**usage: int) -> Script:
    value = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-6", "stop_sequence": None,
        "content": [{"type": "text", "text": "yes"}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 5, "output_tokens": 1, "cache_read_input_tokens": 0,
                  "cache_creation_input_tokens": 0, **usage},
    }  # fmt: skip
    return Script([json_answer(200, json.dumps(value), "connection: close")])


def play(here: World, *requests: Request) -> list[dict[str, Any]]:
    """Sends them one after the other; gives the bodies that were sent."""

    async def main() -> None:
        for at, request in enumerate(requests):
            body = msgpack.packb(encode_request(request))
            await Exchange(here.worker, wire.Open(id=at + 1, agent="a", role="autonomous", body=body)).run()

    trio.run(main)
    return [json.loads(bytes(stream.sent).partition(b"\r\n\r\n")[2]) for stream in here.network.streams]


def anthropic(*scripts: Script) -> World:
    return world(*scripts, profile=ANTHROPIC, origin="anthropic", model="claude-sonnet-4-6")


def request(*turns: str, system: str = LONG, **more: Any) -> Request:
    talk = [Message.of("assistant" if at % 2 else "user", turn) for at, turn in enumerate(turns)]
    return Request([Message.of("system", system), *talk], **more)


def test_what_is_sent_has_breakpoints_on_the_system_prompt_and_the_last_message() -> None:
    (sent,) = play(anthropic(answer(cache_creation_input_tokens=4000)), request("hi"))
    assert "cache_control" in sent["system"][-1]
    assert "cache_control" in sent["messages"][-1]["content"][-1]


def test_a_call_that_does_not_want_it_is_sent_as_it_is() -> None:
    (sent,) = play(anthropic(answer()), request("hi", cache={"enabled": False}))
    assert "cache_control" not in json.dumps(sent)


def test_a_wish_that_makes_no_sense_is_refused_before_anything_is_sent() -> None:
    here = anthropic()
    assert play(here, request("hi", cache={"ttl": "2h"})) == []
    assert here.error.code == "bad_request"


def test_a_request_in_the_providers_own_protocol_gets_its_marks_too() -> None:
    body = {"model": "x", "max_tokens": 9, "system": LONG, "messages": [{"role": "user", "content": "hi"}]}
    (sent,) = play(anthropic(answer()), Request([], native=Native("anthropic", json.dumps(body).encode())))
    assert sent["system"] == [{"type": "text", "text": LONG, "cache_control": sent["system"][0]["cache_control"]}]
    assert sent["max_tokens"] == 9


def test_a_missed_hit_is_a_notice_of_the_answer_and_counted_for_status() -> None:
    here = anthropic(answer(cache_creation_input_tokens=4000), answer(input_tokens=4005))
    play(here, request("hi"), request("hi", "yes", "go on", system="Be unkind. " + LONG))
    assert [event.code for event in here.said() if isinstance(event, Notice)] == ["cache_missed"]
    assert here.worker.caches.state(1_001.0)["counts"]["missed_system"] == 1
