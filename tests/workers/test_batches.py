"""What a worker makes of an agent's lines, and how it reads and writes a batch's files."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from kruxos import wire
from kruxos.batch_results import read_result, write_result
from kruxos.dialects.batches import batch_dialect
from kruxos.dialects.batching import BatchDialect
from kruxos.dialects.profiles import PROFILES
from kruxos.errors import BadRequestError, InternalError, RateLimitedError
from kruxos.events import Notice, Reply, Usage
from kruxos.messages import Image, Part, ProviderState, Text, ToolCall
from kruxos_workers.batches.lines import read_line
from kruxos_workers.batches.preparing import Preparing, read_about
from kruxos_workers.batches.spool import Spool, split
from tests.workers.test_exchange import world

HELLO = {"messages": [{"role": "user", "parts": [{"type": "text", "text": "Hello"}]}]}


class Files:
    """The supervisor's end of a spool: it answers at once."""

    def __init__(self, **files: bytes) -> None:
        self.files = {name: bytearray(data) for name, data in files.items()}
        self.refuses = False
        self.spool = Spool(7, self)

    def send(self, frame: wire.Frame) -> None:
        assert isinstance(frame, wire.Spool)
        assert len(frame.body) <= wire.CHUNK_BYTES_MAX
        if self.refuses:
            self.spool.on_answer(wire.Spooled(error="OSError"))
        elif frame.body:
            self.files.setdefault(frame.file, bytearray()).extend(frame.body)
            self.spool.on_answer(wire.Spooled())
        else:
            data = bytes(self.files.get(frame.file, b"")[frame.offset : frame.offset + frame.length])
            self.spool.on_answer(wire.Spooled(body=data))


def anthropic() -> BatchDialect:
    found = batch_dialect("anthropic", "anthropic")
    assert found is not None
    return found


def prepare(*lines: Any, model: str | None = None) -> tuple[dict[str, Any], Files]:
    files = Files(input="\n".join(json.dumps(line) for line in lines).encode())
    worker = world(profile=PROFILES["anthropic"]).worker

    async def run() -> dict[str, Any]:
        return await Preparing(worker, anthropic(), files.spool, "kx1", model).run()

    return trio.run(run), files


def test_a_picture_in_a_line_is_base64() -> None:
    image = {"type": "image", "media_type": "image/png", "data": base64.b64encode(b"png").decode()}
    line = read_line(
        json.dumps({"custom_id": "a", "request": {"messages": [{"role": "user", "parts": [image]}]}}).encode()
    )
    assert line.request.messages[0].parts == [Image(b"png", "image/png")]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", "not JSON"),
        (b'{"request": {}}', "custom_id"),
        (b'{"custom_id": "", "request": {}}', "custom_id is empty"),
        (b'{"custom_id": "a"}', "neither request"),
        (b'{"custom_id": "a", "url": "/v1/embeddings", "body": {}}', "url must be one of"),
        (b'{"custom_id": "a", "params": {"stream": true}}', "not streamed"),
        (b'{"custom_id": "a", "request": {"messages": [{"parts": [{"type": "image", "data": "!"}]}]}}', "base64"),
    ],
)  # fmt: skip
def test_a_line_that_is_none_of_the_forms_says_what_is_wrong(line: bytes, words: str) -> None:
    with pytest.raises(BadRequestError, match=words):
        read_line(line)


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line and line), max_size=20), st.integers(1, 9))
def test_lines_are_whole_however_they_are_cut(lines: list[bytes], cut: int) -> None:
    data = b"\n".join(lines)

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(data), cut):
            yield data[at : at + cut]

    async def run() -> list[bytes]:
        return [line async for line in split(pieces())]

    assert trio.run(run) == lines


def test_files_larger_than_a_chunk_go_over_in_chunks() -> None:
    data = bytes(range(256)) * 10_000
    files = Files()

    async def run() -> bytes:
        await files.spool.write("prepared", data)
        await files.spool.flush()
        return b"".join([piece async for piece in files.spool.pieces("prepared", 5, len(data) - 10)])

    assert trio.run(run) == data[5:-5]
    assert bytes(files.files["prepared"]) == data


def test_a_file_that_cannot_be_had_ends_the_work() -> None:
    files = Files()
    files.refuses = True
    with pytest.raises(InternalError):
        trio.run(files.spool.read, "input", 0, 1)


def test_prepared_lines_are_the_providers_and_are_told_of_beside() -> None:
    found, files = prepare({"custom_id": "one", "request": HELLO}, {"custom_id": "two", "request": HELLO})
    lines = [json.loads(line) for line in files.files["prepared"].splitlines()]
    assert [line["custom_id"] for line in lines] == ["kx1-0", "kx1-1"]
    assert all("stream" not in line["params"] for line in lines)
    assert found["parts"] == [[0, 2, 0, len(files.files["prepared"])]]
    assert [each.custom_id for each in trio.run(read_about, files.spool)] == ["one", "two"]


def test_lines_name_their_models_as_calls_do_and_all_models_and_lengths_are_told() -> None:
    provider = world(profile=PROFILES["anthropic"]).worker.settings.provider
    short = HELLO | {"max_output_tokens": 50}
    found, files = prepare(
        {"custom_id": "a", "request": short, "model": f"{provider}/claude-haiku-4-5"},
        {"custom_id": "b", "request": short, "model": "claude-sonnet-4-6"},
    )
    asked = [json.loads(line)["params"]["model"] for line in files.files["prepared"].splitlines()]
    assert asked == found["models"] == ["claude-haiku-4-5", "claude-sonnet-4-6"]
    assert found["output_tokens"] == 100
    unsaid, _ = prepare({"custom_id": "a", "request": short}, {"custom_id": "b", "request": HELLO, "model": "default"})
    assert unsaid["output_tokens"] == 0


def test_all_wrong_lines_are_told_at_once_by_their_numbers() -> None:
    with pytest.raises(BadRequestError) as refused:
        prepare({"custom_id": "a", "request": HELLO}, {"custom_id": "a", "request": HELLO}, {"custom_id": "b"})
    assert "line 2: custom_id is there twice" in str(refused.value)
    assert "line 3: neither" in str(refused.value)


def test_a_batch_without_lines_is_refused() -> None:
    with pytest.raises(BadRequestError, match="empty"):
        prepare()


def test_a_result_is_read_as_it_was_written() -> None:
    parts: list[Part] = [
        Text("hi"),
        ToolCall("1", "f", arguments_json='{"a":1}', state=ProviderState("o", "m", "k", b"\x00\xff")),
    ]
    reply = Reply(
        parts, "tool_call", "tool_use", "claude", "m", usage=Usage(1, 2, 3, 4), cost={"total": "0.1"},
        notices=[Notice("a", "b", {"c": 1})],
    )  # fmt: skip
    again = read_result(write_result("x", "succeeded", reply))
    assert again.reply == reply
    failed = read_result(write_result("y", "failed", error=RateLimitedError("later", retry_at=5.0)))
    assert isinstance(failed.error, RateLimitedError)
    assert failed.error.retry_at == 5.0
