"""Recorded traffic of real providers decodes to what their own libraries make of it, however it is cut."""

from __future__ import annotations

import random
import re
from itertools import cycle, islice, pairwise
from typing import Any

import pytest

from tests.dialects import traffic
from tests.shared import exchanges_of

pytestmark = pytest.mark.traffic

CUTTINGS = 1_000
PIECES_MAX = 40
SEED = 20_261_122
LAST_WORD = {
    "messages": re.compile(rb"message_stop"),
    "chat": re.compile(rb'"finish_reason": ?"'),
    "responses": re.compile(rb"response\.completed"),
    "gemini": re.compile(rb'"finishReason": ?"'),
    "ollama-chat": re.compile(rb'"done": ?true'),
    "ollama-generate": re.compile(rb'"done": ?true'),
}

Exchanges = dict[str, tuple[dict[str, Any], dict[str, Any]]]


def wrong_in(exchanges: Exchanges, cut: Any = None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (recorded, expected) in exchanges.items():
        body = recorded["response"]["body_text"].encode()
        outcome = traffic.decode(recorded, expected["wire"], cut and cut(body))
        differences = traffic.mismatches(outcome, expected)
        if differences:
            found[name] = differences
    return found


def byte_by_byte(body: bytes) -> list[bytes]:
    return [body[at : at + 1] for at in range(len(body))]


def random_pieces(body: bytes, chance: random.Random) -> list[bytes]:
    cuts = sorted(chance.randrange(len(body) + 1) for _ in range(chance.randrange(PIECES_MAX)))
    return [body[start:end] for start, end in pairwise([0, *cuts, len(body)])]


@pytest.mark.parametrize("wire", traffic.WIRES)
def test_every_exchange_means_what_the_providers_own_library_reads_in_it(wire: str) -> None:
    exchanges = exchanges_of(wire)
    assert exchanges
    assert wrong_in(exchanges) == {}


@pytest.mark.parametrize("wire", traffic.WIRES)
def test_every_exchange_means_the_same_byte_by_byte(wire: str) -> None:
    assert wrong_in(exchanges_of(wire), byte_by_byte) == {}


@pytest.mark.parametrize("wire", traffic.WIRES)
def test_no_cut_changes_the_events_of_an_exchange(wire: str) -> None:
    chance = random.Random(SEED)
    answers = [both for both in exchanges_of(wire).values() if both[0]["response"]["status"] == 200]
    whole = [traffic.decode(recorded, wire) for recorded, _ in answers]
    for (recorded, _), expected in islice(cycle(zip(answers, whole, strict=True)), CUTTINGS):
        pieces = random_pieces(recorded["response"]["body_text"].encode(), chance)
        outcome = traffic.decode(recorded, wire, pieces)
        assert outcome.events == expected.events, recorded["id"]
        assert outcome.decoder is not None
        assert expected.decoder is not None
        assert outcome.decoder.ending == expected.decoder.ending, recorded["id"]
        assert str(outcome.error) == str(expected.error), recorded["id"]


@pytest.mark.parametrize("wire", traffic.WIRES)
def test_a_stream_that_is_cut_anywhere_before_its_last_event_is_interrupted(wire: str) -> None:
    chance = random.Random(SEED)
    streams = [both for both in exchanges_of(wire).values() if both[1]["stream"] and both[1]["complete"]]
    for recorded, expected in streams:
        body = recorded["response"]["body_text"].encode()
        end = LAST_WORD[wire].search(body)
        assert end is not None
        outcome = traffic.decode(recorded, expected["wire"], [body[: chance.randrange(1, end.start())]])
        assert outcome.decoder is not None
        assert outcome.decoder.ending is None, recorded["id"]
        assert outcome.error is not None, recorded["id"]
        assert outcome.error.code == "interrupted", recorded["id"]


def test_encrypted_results_of_provider_tools_are_kept_byte_for_byte() -> None:
    for recorded, expected in exchanges_of("messages").values():
        outcome = traffic.decode(recorded, "messages")
        assert traffic.opaque_of_tools(outcome) == expected["opaque_tools"]["sha256"], recorded["id"]
