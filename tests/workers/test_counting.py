"""Counting tokens: by the provider where it counts, else estimated and told so."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest
import trio

from kruxos import wire
from kruxos.codec import encode_request
from kruxos.dialects.profiles import ANTHROPIC, GEMINI, GENERIC, OPENAI, OPENAI_CODEX, Profile
from kruxos.events import Notice
from kruxos.messages import Message, Request, Tool
from kruxos_workers.counting import Counting
from kruxos_workers.estimate import Corrections, estimate_tokens
from kruxos_workers.exchange import Exchange
from kruxos_workers.http.scripted import Script
from tests.workers.test_exchange import World, json_answer, world

REQUEST = Request(
    [Message.of("system", "be kind"), Message.of("user", "hi")], tools=[Tool("t")], max_output_tokens=99, temperature=1
)


def count(here: World, request: Request = REQUEST) -> None:
    async def main() -> None:
        await Counting(
            here.worker, wire.Open(id=7, op="count_tokens", body=msgpack.packb(encode_request(request)))
        ).run()

    trio.run(main)


def counted(here: World) -> int:
    assert isinstance(here.last, wire.End), here.last
    return int(here.last.usage["uncached_input_tokens"])


@pytest.mark.parametrize(
    ("profile", "path", "answer", "asked"),
    [
        (ANTHROPIC, "/v1/messages/count_tokens", {"input_tokens": 14}, {"model", "messages", "system", "tools"}),
        (OPENAI, "/responses/input_tokens", {"input_tokens": 14}, {"model", "input", "tools"}),
        (GEMINI, "/models/m-1:countTokens", {"totalTokens": 14}, {"generateContentRequest"}),
    ],
)
def test_a_provider_that_counts_is_asked_with_what_it_counts(
    profile: Profile, path: str, answer: dict[str, Any], asked: set[str]
) -> None:
    here = world(Script([json_answer(200, json.dumps(answer))]), profile=profile)
    count(here)
    assert counted(here) == 14
    head, _, sent = bytes(here.network.streams[0].sent).partition(b"\r\n\r\n")
    assert head.split()[1].decode().endswith(path)
    assert asked <= set(json.loads(sent)) <= asked | {"instructions"}


@pytest.mark.parametrize("profile", [GENERIC, OPENAI_CODEX])
def test_elsewhere_an_estimate_says_that_it_is_one(profile: Profile) -> None:
    here = world(profile=profile)
    count(here)
    assert counted(here) == estimate_tokens(REQUEST, "m-1")
    notices = [event for event in here.said() if isinstance(event, Notice)]
    assert [notice.code for notice in notices] == ["estimated"]
    assert notices[0].data["median_percent"] > 0


def test_a_server_of_the_protocol_without_the_endpoint_gets_an_estimate() -> None:
    here = world(Script([json_answer(404, "{}")]), profile=ANTHROPIC)
    count(here)
    assert counted(here) == estimate_tokens(REQUEST, "m-1")


def test_a_refusal_is_told() -> None:
    refusal = json.dumps({"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}})
    here = world(Script([json_answer(401, refusal)]), profile=ANTHROPIC)
    count(here)
    assert here.error.code == "invalid_credentials"


@pytest.mark.parametrize("body", ["[]", "{}", '{"input_tokens": "14"}', '{"input_tokens": -1}', "no json"])
def test_a_count_without_a_number_is_a_broken_answer(body: str) -> None:
    here = world(Script([json_answer(200, body)]), profile=ANTHROPIC)
    count(here)
    assert here.error.code == "provider_protocol"


def test_counting_costs_nothing() -> None:
    here = world()
    count(here)
    assert isinstance(here.last, wire.End)
    assert here.last.cost == {"currency": "USD", "total": "0"}


def test_what_cannot_fit_is_refused_with_its_numbers_before_it_is_paid() -> None:
    async def main() -> None:
        here = world(profile=ANTHROPIC, model="claude-haiku-4-5", origin="anthropic")
        body = msgpack.packb(encode_request(Request([Message.of("user", "word " * 300_000)])))
        await Exchange(here.worker, wire.Open(id=7, body=body)).run()
        assert here.error.code == "context_overflow"
        assert "200,000" in str(here.error)
        assert here.failure == "final"
        assert not here.network.streams

    trio.run(main)


def test_the_same_conversation_is_estimated_by_what_it_really_had() -> None:
    corrections = Corrections()
    corrections.learn("m", "c", 100, 150)
    assert corrections.corrected("m", "c", 200) == 300
    assert 200 < corrections.corrected("m", "other", 200) < 300
    assert corrections.corrected("n", "c", 200) == 200


def test_a_growing_conversation_is_estimated_nearly_right() -> None:
    corrections = Corrections()
    talk = [Message.of("system", "Some instructions that were written in prose. " * 40)]
    errors: list[float] = []
    for turn in range(8):
        talk.append(Message.of("user", f"Question {turn}: what about the thing in line {turn * 17}? " * 5))
        estimate = estimate_tokens(Request(list(talk)), "m")
        real = round(estimate * 1.31) + 120  # another tokenizer, and instructions that nobody sees
        errors.append(abs(corrections.corrected("m", "c", estimate) / real - 1))
        corrections.learn("m", "c", estimate, real)
    assert errors[0] > 0.2
    assert max(errors[1:]) < 0.05


def test_what_is_learned_is_bounded() -> None:
    corrections = Corrections()
    for at in range(2000):
        corrections.learn("m", str(at), 10, 10)
    assert len(corrections._ratios) <= 256
