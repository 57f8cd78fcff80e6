"""The server on real sockets: connections, what faults look like on the wire, the operator's doors, and bounds."""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import h11
import pytest
import trio

from kruxos.simulator import FAST, Recorded, Settings, Simulator
from tests.simulator.support import chat, messages

pytestmark = pytest.mark.real

PATIENCE_S = 20.0
HEADERS = {"x-api-key": "k", "authorization": "Bearer k", "anthropic-version": "2023-06-01", "host": "localhost"}
Test = Callable[[Simulator, str], Awaitable[None]]


def run(test: Test, **settings: Any) -> None:
    """Runs a test against a simulator of its own."""

    async def main() -> None:
        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                simulator = Simulator(Settings(timing=FAST, **settings))
                async with simulator.running(nursery) as url:
                    await test(simulator, url)

    trio.run(main)


@asynccontextmanager
async def connected(url: str) -> AsyncGenerator[trio.SocketStream]:
    where = urlsplit(url)
    stream = await trio.open_tcp_stream(where.hostname or "", where.port or 0)
    async with stream:
        yield stream


def request(path: str, body: Any = None, method: str = "POST", **headers: str) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    every = (
        HEADERS | {"content-length": str(len(data))} | {name.replace("_", "-"): text for name, text in headers.items()}
    )
    lines = "".join(f"{name}: {text}\r\n" for name, text in every.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + data


class Client:
    """A raw client: sends bytes, reads one response with h11, and keeps the chunks apart."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.http = h11.Connection(h11.CLIENT)
        self.chunks: list[bytes] = []

    async def send(self, data: bytes, method: str = "POST") -> None:
        if self.http.our_state is h11.DONE:
            self.http.start_next_cycle()
        self.http.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
        self.http.send(h11.EndOfMessage())
        await self.stream.send_all(data)

    async def event(self) -> Any:
        while (event := self.http.next_event()) is h11.NEED_DATA:
            self.http.receive_data(await self.stream.receive_some())
        return event

    async def read(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body. Raises what a broken connection raises."""
        self.chunks = []
        response = await self.event()
        while isinstance(event := await self.event(), h11.Data):
            self.chunks.append(bytes(event.data))
        headers = {name.decode(): value.decode() for name, value in response.headers}
        return response.status_code, headers, b"".join(self.chunks)


async def once(url: str, data: bytes, method: str = "POST") -> tuple[int, dict[str, str], bytes]:
    async with connected(url) as stream:
        client = Client(stream)
        await client.send(data, method)
        return await client.read()


async def recorded(simulator: Simulator, is_due: Callable[[Recorded], Any]) -> Recorded:
    """The last request, once this is true of it."""
    while not (lines := simulator.requests()) or not is_due(lines[-1]):
        await trio.lowlevel.checkpoint()
    return lines[-1]


def test_one_connection_serves_one_request_after_the_other() -> None:
    async def test(simulator: Simulator, url: str) -> None:
        async with connected(url) as stream:
            client = Client(stream)
            for stream_it in (False, True, False):
                await client.send(request("/v1/messages", messages(stream=stream_it)))
                status, headers, body = await client.read()
                assert status == 200
                assert ("transfer-encoding" in headers) is stream_it
                assert body
        assert [line.outcome for line in simulator.requests()] == ["answered"] * 3
        assert all(line.finished_at for line in simulator.requests())

    run(test)


def test_a_request_cut_anywhere_and_two_sent_at_once_are_answered() -> None:
    async def test(_simulator: Simulator, url: str) -> None:
        data = request("/v1/chat/completions", chat())
        async with connected(url) as stream:
            client = Client(stream)
            await client.send(b"")
            for at in range(len(data)):
                await stream.send_all(data[at : at + 1])
            assert (await client.read())[0] == 200
            await client.send(data + data)
            assert (await client.read())[0] == 200
            await client.send(b"")
            assert (await client.read())[0] == 200

    run(test)


def test_every_event_of_a_stream_is_a_chunk_of_its_own() -> None:
    async def test(_simulator: Simulator, url: str) -> None:
        async with connected(url) as stream:
            client = Client(stream)
            await client.send(request("/v1/chat/completions", chat("hi [[simulate tokens=30]]", stream=True)))
            await client.read()
            assert len(client.chunks) == 30 + 3
            assert all(chunk.startswith(b"data: ") and chunk.endswith(b"\n\n") for chunk in client.chunks)

    run(test)


def test_a_body_that_is_waited_for_is_sent_after_100_continue() -> None:
    async def test(_simulator: Simulator, url: str) -> None:
        head, _, body = request("/v1/messages", messages(), expect="100-continue").partition(b"\r\n\r\n")
        async with connected(url) as stream:
            await stream.send_all(head + b"\r\n\r\n")
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 100 ")
            await stream.send_all(body)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 ")

    run(test)


def test_a_reset_and_a_clean_end_are_told_apart_on_the_wire() -> None:
    async def test(simulator: Simulator, url: str) -> None:
        for how in ("reset", "fin"):
            marked = f"hi [[simulate cut after=3 how={how}]]"
            async with connected(url) as stream:
                client = Client(stream)
                await client.send(request("/v1/messages", messages(marked, stream=True)))
                with pytest.raises(trio.BrokenResourceError if how == "reset" else h11.RemoteProtocolError):
                    await client.read()
                assert b"".join(client.chunks).count(b"text_delta") == 3
            line = await recorded(simulator, lambda line: line.closed_at)
            assert (line.outcome, line.sent_tokens, line.finished_at) == ("fault", 3, None)

    run(test)


def test_a_whole_answer_cut_off_is_shorter_than_its_length() -> None:
    async def test(_simulator: Simulator, url: str) -> None:
        with pytest.raises(h11.RemoteProtocolError, match="closed"):
            await once(url, request("/v1/messages", messages("hi [[simulate cut after=1 how=fin]]")))

    run(test)


def test_silence_lasts_and_a_client_that_leaves_is_noted() -> None:
    async def test(simulator: Simulator, url: str) -> None:
        for where, expected in (("headers", b""), ("first", b"message_start")):
            async with connected(url) as stream:
                marked = f"hi [[simulate silence where={where}]]"
                await stream.send_all(request("/v1/messages", messages(marked, stream=True)))
                got = b""
                while expected not in got:
                    got += await stream.receive_some()
                await recorded(simulator, lambda line: line.outcome == "fault")
                assert simulator.requests()[-1].client_closed_at is None
            line = await recorded(simulator, lambda line: line.client_closed_at)
            assert (line.finished_at, line.sent_tokens) == (None, 0)

    run(test)


def test_silence_for_a_while_ends_by_itself() -> None:
    async def test(_simulator: Simulator, url: str) -> None:
        marked = "hi [[simulate silence where=middle seconds=0.05]]"
        status, _, body = await once(url, request("/v1/messages", messages(marked, stream=True)))
        assert status == 200
        assert b"message_stop" in body

    run(test)


def test_a_client_that_leaves_in_the_middle_of_a_stream_is_noted() -> None:
    async def test(simulator: Simulator, url: str) -> None:
        async with connected(url) as stream:
            await stream.send_all(request("/v1/messages", messages("hi [[simulate endless]]", stream=True)))
            assert await stream.receive_some()
            stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
        line = await recorded(simulator, lambda line: line.client_closed_at)
        assert line.finished_at is None

    run(test)


def test_a_slow_drip_arrives_byte_by_byte_in_order() -> None:
    async def test(_simulator: Simulator, url: str) -> None:
        marked = "hi [[simulate drip interval=0 tokens=3]]"
        async with connected(url) as stream:
            client = Client(stream)
            await client.send(request("/v1/chat/completions", chat(marked, stream=True)))
            _, _, body = await client.read()
            assert {len(chunk) for chunk in client.chunks} == {1}
            assert body.endswith(b"data: [DONE]\n\n")

    run(test)


@pytest.mark.parametrize(
    ("marker", "piece"),
    [
        ("bad-json", b"data: "),
        ("bad-utf8", b"\xee\x80"),
        ("huge bytes=300000", b"x" * 300_000),
        ("no-finish", b"data: "),
    ],
)
def test_damaged_bodies_arrive_as_they_are(marker: str, piece: bytes) -> None:
    async def test(_simulator: Simulator, url: str) -> None:
        for path, body in (("/v1/messages", messages), ("/v1/chat/completions", chat)):
            status, _, came = await once(url, request(path, body(f"hi [[simulate {marker}]]", stream=True)))
            assert status == 200
            assert piece in came

    run(test)


def test_errors_keep_the_connection_and_tell_their_length() -> None:
    async def test(_simulator: Simulator, url: str) -> None:
        async with connected(url) as stream:
            client = Client(stream)
            for marker, status in (("429 retry_after=1", 429), ("529", 529), ("html", 502), ("quota", 429)):
                await client.send(request("/v1/messages", messages(f"hi [[simulate {marker}]]")))
                came, headers, body = await client.read()
                assert (came, int(headers["content-length"])) == (status, len(body))

    run(test)


def test_a_body_over_the_limit_is_refused_before_it_is_read() -> None:
    async def test(simulator: Simulator, url: str) -> None:
        async with connected(url) as stream:
            client = Client(stream)
            await client.send(request("/v1/messages", b" " * (33 * 1024 * 1024)))
            status, headers, body = await client.read()
            assert (status, headers["x-should-retry"]) == (413, "false")
            assert json.loads(body)["error"]["type"] == "request_too_large"
        assert simulator.requests()[-1].detail == "body_too_large"

    run(test)


def test_what_is_no_http_gets_a_plain_400() -> None:
    async def test(_simulator: Simulator, url: str) -> None:
        for junk in (b"\x16\x03\x01 hello\r\n\r\n", b"GET / HTTP/1.1\r\nx: " + b"a" * 70_000):
            async with connected(url) as stream:
                await stream.send_all(junk)
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 4")

    run(test)


def test_an_unknown_path_is_refused_in_the_words_of_the_provider_it_seems_meant_for() -> None:
    async def test(_simulator: Simulator, url: str) -> None:
        status, _, body = await once(url, request("/v1/nothing", {}))
        assert (status, json.loads(body)["error"]["type"]) == (404, "not_found_error")
        plain = request("/v1/nothing", {}).replace(b"anthropic-version", b"x-other")
        status, _, body = await once(url, plain)
        assert json.loads(body)["error"]["message"] == "Invalid URL (POST /v1/nothing)"

    run(test)


def test_models_are_listed_as_each_provider_lists_them() -> None:
    async def test(_simulator: Simulator, url: str) -> None:
        _, _, body = await once(url, request("/v1/models", method="GET"), "GET")
        listed = json.loads(body)
        assert listed["has_more"] is False
        assert listed["first_id"] == listed["data"][0]["id"]
        one = next(model for model in listed["data"] if model["id"] == "claude-sonnet-4-6")
        assert one["capabilities"]["effort"]["max"] == {"supported": True}
        plain = request("/v1/models", method="GET").replace(b"anthropic-version", b"x-other")
        _, _, body = await once(url, plain, "GET")
        assert "gpt-5.4" in [model["id"] for model in json.loads(body)["data"]]
        _, _, body = await once(url, request("/v1/models/claude-haiku-4-5", method="GET"), "GET")
        assert json.loads(body)["id"] == "claude-haiku-4-5-20251001"
        status, _, _ = await once(url, request("/v1/models/claude-none", method="GET"), "GET")
        assert status == 404

    run(test)


def test_an_operator_switches_faults_reads_requests_and_starts_again() -> None:
    async def test(simulator: Simulator, url: str) -> None:
        status, _, body = await once(url, request("/simulator/faults", {"faults": ["529 times=1"]}))
        assert (status, json.loads(body)) == (200, {"faults": ["529 times=1"]})
        assert [(await once(url, request("/v1/messages", messages())))[0] for _ in range(2)] == [529, 200]
        _, _, body = await once(url, request("/simulator/requests", method="GET"), "GET")
        listed = json.loads(body)
        assert listed["count"] == 2
        first = listed["requests"][0]
        assert (first["path"], first["status"], first["outcome"], first["detail"]) == (
            "/v1/messages", 529, "fault", "529 times=1",
        )  # fmt: skip
        assert first["body_bytes"] == len(json.dumps(messages()))
        assert "x-api-key" in first["header_names"]
        assert (await once(url, request("/simulator/reset")))[0] == 200
        assert simulator.requests() == []
        status, _, body = await once(url, request("/simulator/faults", {"faults": ["flood"]}))
        assert (status, "is no fault" in json.loads(body)["error"]) == (400, True)
        _, _, body = await once(url, request("/simulator", method="GET"), "GET")
        assert "silence" in json.loads(body)["faults"]

    run(test)


def test_the_list_of_requests_is_bounded_and_holds_neither_keys_nor_prompts() -> None:
    async def test(simulator: Simulator, url: str) -> None:
        for _ in range(5):
            secret = messages("my secret prompt")
            await once(url, request("/v1/messages?key=secret-query", secret, x_api_key="sk-secret"))
        _, _, body = await once(url, request("/simulator/requests", method="GET"), "GET")
        assert json.loads(body)["count"] == 5
        assert len(simulator.requests()) == 3
        assert b"secret" not in body

    run(test, requests_kept_max=3)


def test_a_connection_too_many_is_closed_at_once() -> None:
    async def test(_simulator: Simulator, url: str) -> None:
        async with connected(url) as first:
            client = Client(first)
            await client.send(request("/v1/messages", messages()))
            assert (await client.read())[0] == 200
            async with connected(url) as second:
                assert await second.receive_some() == b""

    run(test, connections_max=1)


def test_faults_are_switched_and_requests_read_from_within_the_program() -> None:
    async def test(simulator: Simulator, url: str) -> None:
        simulator.fault("500")
        assert (await once(url, request("/v1/messages", messages())))[0] == 500
        simulator.fault()
        assert (await once(url, request("/v1/messages", messages())))[0] == 200
        assert [line.status for line in simulator.requests()] == [500, 200]
        simulator.reset()
        assert simulator.requests() == []

    run(test)


def test_two_simulators_run_side_by_side_and_end_with_their_blocks() -> None:
    async def main() -> None:
        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                first, second = Simulator(Settings(timing=FAST)), Simulator(Settings(timing=FAST))
                async with first.running(nursery) as one, second.running(nursery) as two:
                    assert one != two
                    assert (await once(two, request("/v1/messages", messages())))[0] == 200
                with pytest.raises(OSError, match="connect"):
                    await once(one, b"")

    trio.run(main)
