"""Every point at which an exchange can fail, and the one class that this failure has."""

from __future__ import annotations

import pytest

from kruxos.errors import (
    ProviderMisconfiguredError,
    ProviderProtocolError,
    ProviderUnreachableError,
    StreamInterruptedError,
)
from kruxos_workers.http import BodyFailure, ProviderClient, SendFailure
from kruxos_workers.http.connection import ONE_SEND_BYTES_MAX
from kruxos_workers.http.scripted import CUT, END, REQUEST, RESET, Happening, Script, ScriptedNetwork, Wait
from tests.workers.http.helpers import CHUNKED, OK, pieces_until_failure, read, send_failure, under_trio

TO_END = b"HTTP/1.1 200 OK\r\n\r\n"
REQUEST_BYTES = len(
    b"POST /x HTTP/1.1\r\nhost: host\r\nuser-agent: kruxos/0.1.0\r\n"
    b"accept-encoding: gzip, deflate\r\ncontent-length: 2\r\n\r\n{}"
)
LARGE = b"x" * (ONE_SEND_BYTES_MAX + 1)


def client_for(*scripts: Script, scheme: str = "http") -> tuple[ProviderClient, ScriptedNetwork]:
    network = ScriptedNetwork(scripts)
    return ProviderClient(f"{scheme}://host", network=network), network


@pytest.mark.parametrize(
    "script",
    [
        Script(connect_error=ProviderUnreachableError("no address")),
        Script(tls_error=ProviderMisconfiguredError("not trusted")),
        Script(tls_error=ProviderUnreachableError("no TLS")),
    ],
)
@under_trio
async def test_before_there_is_a_connection_nothing_was_sent(script: Script) -> None:
    client, network = client_for(script, scheme="https")
    sent = []
    failure = await send_failure(client, on_sent=lambda: sent.append(1))
    assert failure.kind == "never_sent"
    assert failure.error is (script.connect_error or script.tls_error)
    assert not failure.error.billed_maybe
    assert sent == []
    assert [stream.closed for stream in network.streams] in ([], ["abort"])
    assert client.statistics.held == 0


@pytest.mark.parametrize("after", range(REQUEST_BYTES))
@under_trio
async def test_a_request_that_breaks_at_any_byte_is_ambiguous(after: int) -> None:
    client, network = client_for(Script([RESET], send_breaks_at=after))
    sent = []
    failure = await send_failure(client, on_sent=lambda: sent.append(1))
    assert (failure.kind, type(failure.error)) == ("ambiguous", StreamInterruptedError)
    assert failure.error.billed_maybe
    assert sent == [1]
    assert len(network.streams[0].sent) == after
    assert network.streams[0].closed == "abort"


@pytest.mark.parametrize("body", [b"{}", LARGE])
@under_trio
async def test_a_refusal_that_came_before_the_request_was_whole_is_an_answer(body: bytes) -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig"
    client, network = client_for(Script([refusal, REQUEST], send_breaks_at=70))
    async with client.send("POST", "/x", {}, body) as answer:
        assert (answer.status, await answer.read()) == (413, b"big")
    assert network.streams[0].closed == "close"


@under_trio
async def test_a_refusal_is_seen_while_the_server_does_not_read_the_rest() -> None:
    refusal = b"HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\nno"
    client, network = client_for(Script([refusal, REQUEST], send_blocks_at=70_000))
    async with client.send("POST", "/x", {}, LARGE) as answer:
        assert (answer.status, await answer.read()) == (401, b"no")
    assert network.streams[0].closed == "close"


@pytest.mark.parametrize("happening", [END, RESET, CUT])
@under_trio
async def test_a_large_request_without_an_answer_is_ambiguous(happening: Happening) -> None:
    client, _ = client_for(Script([happening], send_blocks_at=70_000))
    with pytest.raises(SendFailure) as caught:
        async with client.send("POST", "/x", {}, LARGE):
            pass
    assert caught.value.kind == "ambiguous"


@under_trio
async def test_a_large_request_is_sent_whole_and_its_connection_kept() -> None:
    client, network = client_for(Script([OK, REQUEST]))
    assert await read(client, body=LARGE) == b"ok"
    assert network.streams[0].sent.endswith(b"\r\n\r\n" + LARGE)
    assert client.statistics.idle == 1


@pytest.mark.parametrize("happening", [END, RESET, CUT])
@pytest.mark.parametrize("after", range(len(OK) - 2))
@under_trio
async def test_an_answer_that_breaks_within_its_head_is_ambiguous(happening: Happening, after: int) -> None:
    client, network = client_for(Script([*([OK[:after]] if after else []), happening]))
    failure = await send_failure(client)
    assert (failure.kind, type(failure.error)) == ("ambiguous", StreamInterruptedError)
    assert failure.error.billed_maybe
    assert network.streams[0].closed == "abort"


@pytest.mark.parametrize("garbage", [b"<html>", b"HTTP/1.1 OK\r\n\r\n", b"\x15\x03\x01", b"HTTP/1.1 101 S\r\n\r\n"])
@under_trio
async def test_an_answer_that_is_not_http_is_ambiguous_and_told_as_such(garbage: bytes) -> None:
    client, network = client_for(Script([garbage, Wait()]))
    failure = await send_failure(client)
    assert (failure.kind, type(failure.error)) == ("ambiguous", ProviderProtocolError)
    assert network.streams[0].closed == "abort"


@pytest.mark.parametrize(("happening", "kind"), [(END, "truncated"), (CUT, "truncated"), (RESET, "reset")])
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world",
        CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    ],
)
@under_trio
async def test_a_body_that_breaks_at_any_byte_has_its_kind_and_keeps_what_came(
    happening: Happening, kind: str, answer: bytes
) -> None:
    start = answer.index(b"\r\n\r\n") + 4
    for after in range(start, len(answer)):
        client, network = client_for(Script([answer[:after], happening]))
        async with client.send("GET", "/x") as broken:
            came, failure = await pieces_until_failure(broken)
        assert isinstance(failure, BodyFailure)
        assert (failure.kind, type(failure.error)) == (kind, StreamInterruptedError)
        assert b"hello world".startswith(came)
        assert len(came) >= min(after - start, 11) - 8
        assert network.streams[0].closed == "abort"


@under_trio
async def test_a_body_without_length_ends_well_only_by_a_clean_end() -> None:
    outcomes: dict[Happening, bytes | str] = {}
    for happening in (END, CUT, RESET):
        client, _ = client_for(Script([TO_END, b"hello", happening]))
        async with client.send("GET", "/x") as answer:
            try:
                outcomes[happening] = await answer.read()
            except BodyFailure as failure:
                outcomes[happening] = failure.kind
    assert outcomes == {END: b"hello", CUT: "truncated", RESET: "reset"}


@under_trio
async def test_garbage_between_chunks_is_a_protocol_failure_after_the_good_ones() -> None:
    client, network = client_for(Script([CHUNKED + b"5\r\nhello\r\nzz\r\n", Wait()]))
    async with client.send("GET", "/x") as answer:
        came, failure = await pieces_until_failure(answer)
    assert came == b"hello"
    assert isinstance(failure, BodyFailure)
    assert (failure.kind, type(failure.error)) == ("protocol", ProviderProtocolError)
    assert network.streams[0].closed == "abort"


@pytest.mark.parametrize("happening", [END, RESET])
@under_trio
async def test_a_kept_connection_that_breaks_before_any_byte_of_the_next_answer_is_ambiguous(
    happening: Happening,
) -> None:
    client, network = client_for(Script([OK, REQUEST, happening]))
    assert await read(client) == b"ok"
    failure = await send_failure(client)
    assert failure.kind == "ambiguous"
    assert len(network.streams) == 1


@under_trio
async def test_a_failure_tells_kind_code_and_message() -> None:
    failure = SendFailure("ambiguous", StreamInterruptedError("no answer came"))
    assert str(failure) == "ambiguous: interrupted: no answer came"
    assert str(BodyFailure("reset", StreamInterruptedError("gone"))) == "reset: interrupted: gone"
