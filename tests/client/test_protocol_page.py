"""docs/protocol.md tells the truth: its tables, examples, vectors and programs are checked and run."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgpack
import pytest

from kruxos import framing, wire
from kruxos.checks import check_request
from kruxos.client import sp
from kruxos.codec import decode_request, encode_request
from tests.client.conftest import FakeGateway
from tests.client.protocol_tables import EVENTS, FOR_AGENTS, FOR_WORKERS, PAGE, VECTORS, filled_in

TEXT = PAGE.read_text()


def block(kind: str) -> str:
    """The code block whose first line says ``kind``."""
    (content,) = re.findall(rf"^```\w+ {kind}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    return str(content)


def vectors() -> dict[str, bytes]:
    return {name: bytes.fromhex(data) for name, data in (line.split() for line in block("vectors").splitlines())}


def test_its_tables_are_what_the_code_says() -> None:
    assert filled_in(TEXT) == TEXT, "write it anew: python -m tests.client.protocol_tables"


def test_it_has_every_frame_and_event() -> None:
    assert {*FOR_AGENTS, *FOR_WORKERS} == set(wire.KINDS)
    from kruxos.events import _READERS

    assert {kind.type for kind in EVENTS} == set(_READERS)


def test_it_says_what_every_header_field_of_an_agents_frame_means() -> None:
    explained = TEXT.partition("### What the fields say")[2].partition("### Frames between")[0]
    told = set(re.findall(r"`(\w+)`", explained))
    header = {field for kind in FOR_AGENTS for field in kind.__dataclass_fields__} - {"kind", "id", "body"}
    assert header - told == set()


def test_its_request_has_every_field_and_is_read_as_it_stands() -> None:
    example: dict[str, Any] = ast.literal_eval(block("request"))
    request = decode_request(msgpack.unpackb(msgpack.packb(example)))
    assert request.unknown == []
    check_request(request)
    assert encode_request(request) == example
    assert set(example) == set(type(request).__dataclass_fields__) - {"unknown"}
    parts = [part for message in example["messages"] for part in message["parts"]]
    assert {part["type"] for part in parts} == {
        "text", "thinking", "image", "document", "tool_call", "tool_result", "provider_state",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "frame"), VECTORS, ids=[name for name, _ in VECTORS])
def test_a_vector_is_read_and_written_alike(name: str, frame: wire.Frame) -> None:
    data = vectors()[name]
    assert framing.decode_message(data) == [frame]
    assert framing.encode(frame) == data


def test_the_vectors_of_the_framing_are_read_alike() -> None:
    given = vectors()
    cancel = given["cancel"]
    session = sp.Decoder(sp.Protocol.PAIR0, message_bytes_max=100)
    assert session.feed(given["pair"] + given["message"]) == [cancel]
    door = sp.Decoder(sp.Protocol.REP0, message_bytes_max=100)
    assert door.feed(given["req"] + given["request"]) == [sp.request_id(1) + cancel]
    assert sp.Exchange(cancel, message_bytes_max=100).outgoing == given["req"] + given["request"]
    assert given["rep"] == sp.greeting(sp.Protocol.REP0)


def run(gateway: FakeGateway, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-I", *arguments], env=gateway.environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.real
def test_its_five_lines_work_as_they_stand(gateway: FakeGateway) -> None:
    program = block("five lines")
    assert len(program.splitlines()) == 5
    assert run(gateway, "-c", program).split() == ["end", "stop", "hel", "lo"]


@pytest.mark.real
def test_a_client_in_another_language_could_be_written_from_it(gateway: FakeGateway) -> None:
    cancelled = gateway.seen("cancelled")
    program = Path(__file__).with_name("foreign_client.py")
    source = program.read_text()
    assert len(source.splitlines()) <= 150
    assert "kruxos" not in source
    assert run(gateway, str(program), gateway.address).splitlines() == [
        "refused unauthorized",
        "streamed '0 1 2 3 4 ' stop 2",
        "first event {'type': 'text', 'index': 0, 'text': 'wait'}",
        "error rate_limited 1500000000.0",
        "goes on stop",
    ]
    gateway.wait("cancelled", cancelled + 1)
