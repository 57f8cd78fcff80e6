"""Batches at the three providers that have them: what is sent, and what their recorded answers mean."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.dialects.anthropic.batch import ANTHROPIC_BATCH
from kruxos.dialects.base import EncodedRequest, HttpRequest, Target
from kruxos.dialects.batches import batch_dialect
from kruxos.dialects.batching import BatchDialect, Bounds, Cutter, Order, Streamed, line_name, place_of, read_object
from kruxos.dialects.gemini.batch import GEMINI_BATCH
from kruxos.dialects.openai_batch import openai_batch
from kruxos.dialects.profiles import PROFILES
from kruxos.dialects.registry import DIALECTS
from kruxos.errors import ProviderProtocolError
from kruxos.events import Assembler
from kruxos.messages import Text
from tests.shared import exchanges_of

OPENAI_BATCH = openai_batch("/responses")
ALL = {"anthropic": ANTHROPIC_BATCH, "openai": OPENAI_BATCH, "gemini": GEMINI_BATCH}
HOSTS = {"api.anthropic.com": "anthropic", "api.openai.com": "openai", "generativelanguage.googleapis.com": "gemini"}
ORDER = Order("kx1-p0", "m", 3, 30)
NOTHING_SENT = EncodedRequest(HttpRequest("POST", "", {}, b""))


def recorded() -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    found = []
    for name, (exchange, expected) in exchanges_of("batches").items():
        profile = HOSTS.get(urlsplit(exchange["request"]["url"]).netloc)
        if profile is not None:
            found.append((name, profile, exchange, expected))
    return found


def text_of(profile: str, body: bytes) -> str:
    row = PROFILES[profile]
    decoder = DIALECTS[row.dialect].decoder(
        Target(profile, "m", row, profile, stream=False), NOTHING_SENT, "application/json"
    )
    assembler = Assembler()
    for event in [*decoder.feed(body), *decoder.finish()]:
        assembler.feed(event)
    assert decoder.ending is not None
    return "".join(part.text for part in assembler.parts() if isinstance(part, Text))


def test_recorded_batches_are_read_as_the_providers_libraries_read_them() -> None:
    seen = 0
    for name, profile, exchange, expected in recorded():
        body, value = exchange["response"]["body_text"].encode(), expected["value"]
        if value is None or "id" not in value:
            continue
        found = ALL[profile].read_batch(body)
        seen += 1
        assert found.id == value["id"], name
        counts = {key: int(count) for key, count in value["counts"].items()}
        succeeded = next(counts[key] for key in ("succeeded", "completed", "successfulRequestCount") if key in counts)
        assert found.succeeded == succeeded, name
        assert found.total == counts.get("total", counts.get("requestCount", sum(counts.values()))), name
        assert bool(found.outcome) == (value["status"] == "BATCH_STATE_SUCCEEDED"), name
        results = [GEMINI_BATCH.read_result(each) for each in found.inlined]
        told = [{"custom_id": each.name, "text": text_of(profile, each.body)} for each in results]
        assert told == value.get("results", []), name
    assert seen == 4


def test_recorded_results_are_read_as_the_providers_libraries_read_them() -> None:
    seen = 0
    for _, profile, exchange, expected in recorded():
        value = expected["value"]
        if value is None or "id" in value:
            continue
        lines = exchange["response"]["body_text"].splitlines()
        results = [ALL[profile].read_result(read_object(line.encode())) for line in lines]
        told = [{"custom_id": r.name, "type": "succeeded", "text": text_of(profile, r.body)} for r in results]
        assert told == value["results"]
        seen += 1
    assert seen == 1


def test_a_recorded_refusal_is_an_error() -> None:
    refused = [each for each in recorded() if each[3]["error"] is not None]
    assert refused
    for _, profile, exchange, expected in refused:
        row = PROFILES[profile]
        answer, target = exchange["response"], Target(profile, "m", row, profile, stream=False)
        error = DIALECTS[row.dialect].decode_error(
            answer["status"], answer["headers"], answer["body_text"].encode(), target
        )
        assert error.detail.provider_status == expected["error"]["status"]


@pytest.mark.parametrize("name", ALL)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=9), st.integers(1, 40))
def test_a_streamed_body_is_as_long_as_it_says_however_it_is_cut(name: str, sizes: list[int], cut: int) -> None:
    ways = ALL[name]
    lines = b"".join(json.dumps({"n": place, "x": "y" * size}).encode() + b"\n" for place, size in enumerate(sizes))
    order = Order("kx1-p0", "m", len(sizes), len(lines))
    request = ways.create(order, "f") if ways.upload is None else ways.upload(order, "/v1beta")
    assert isinstance(request, Streamed)
    pieces = [lines[at : at + cut] for at in range(0, len(lines), cut)]
    sent = [request.body(piece, is_last=at == len(pieces) - 1) for at, piece in enumerate(pieces)]
    body = request.before + b"".join(sent) + request.after
    assert len(body) == request.length(order)
    if ways.upload is None:
        assert [each["n"] for each in json.loads(body)["requests"]] == list(range(len(sizes)))
    else:
        assert lines.rstrip(b"\n") in body


@pytest.mark.parametrize("name", ALL)
def test_a_line_holds_the_request_as_it_would_go_alone(name: str) -> None:
    ways: BatchDialect = ALL[name]
    line = json.loads(ways.line("kx1-7", EncodedRequest(HttpRequest("POST", "/x", {}, b'{"model":"m"}'))))
    assert {"model": "m"} in line.values()
    assert "kx1-7" in line.values()


def test_a_line_that_failed_says_how() -> None:
    assert ANTHROPIC_BATCH.read_result({"custom_id": "a", "result": {"type": "expired"}}).kind == "expired"
    assert ANTHROPIC_BATCH.read_result({"custom_id": "a", "result": {"type": "canceled"}}).kind == "cancelled"
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}
    failed = ANTHROPIC_BATCH.read_result({"custom_id": "a", "result": {"type": "errored", "error": error}})
    assert (failed.kind, failed.status) == ("errored", 400)
    by_status = {"custom_id": "a", "response": {"status_code": 400, "body": {"error": {}}}, "error": None}
    assert OPENAI_BATCH.read_result(by_status).kind == "errored"
    for code, kind in (("batch_expired", "expired"), ("batch_cancelled", "cancelled"), ("other", "errored")):
        row = {"custom_id": "a", "response": None, "error": {"code": code}}
        assert OPENAI_BATCH.read_result(row).kind == kind
    assert GEMINI_BATCH.read_result({"key": "a", "error": {"code": 8}}).status == 429


def test_a_file_that_was_refused_is_told_by_codes_and_lines_only() -> None:
    body = {
        "id": "b",
        "status": "failed",
        "errors": {"data": [{"code": "invalid_json_line", "line": 3, "message": "secret"}]},
    }
    found = OPENAI_BATCH.read_batch(json.dumps(body).encode())
    assert found.outcome == "failed"
    assert "invalid_json_line in line 3" in found.problem
    assert "secret" not in found.problem


@pytest.mark.parametrize("name", ["../../v1/files", "", "a b", "x" * 300])
def test_an_id_that_would_lead_elsewhere_is_refused(name: str) -> None:
    for ways in ALL.values():
        body = json.dumps({"id": name, "name": name, "metadata": {"name": name}}).encode()
        with pytest.raises(ProviderProtocolError):
            ways.read_batch(body)


@given(st.integers(0, 10**6))
def test_a_lines_name_tells_its_place(place: int) -> None:
    assert place_of(line_name("kx1", place), "kx1") == place
    assert place_of(line_name("kx2", place), "kx1") is None


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 7), st.integers(50, 90))
def test_parts_keep_to_the_bounds_and_cover_everything(sizes: list[int], requests: int, size: int) -> None:
    cutter = Cutter(Bounds(requests, size))
    for each in sizes:
        cutter.add(each)
    pieces = cutter.finish()
    assert sum(count for _, count, _, _ in pieces) == len(sizes)
    assert sum(total for *_, total in pieces) == sum(sizes)
    assert all(count <= requests and total <= size for _, count, _, total in pieces)
    assert [first for first, *_ in pieces] == [sum(count for _, count, _, _ in pieces[:n]) for n in range(len(pieces))]


def test_who_merely_speaks_a_protocol_has_no_batches() -> None:
    assert batch_dialect("generic", "openai-chat") is None
    assert batch_dialect("openai-codex", "openai-responses") is None
    assert batch_dialect("openai", "openai-chat") is not None
