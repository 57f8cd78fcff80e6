"""The client on a scripted network: what is sent, what comes back, what is kept, what is refused."""

from __future__ import annotations

import gzip
from contextlib import suppress
from typing import Any

import pytest
import trio

from kruxos import __version__
from kruxos.errors import (
    BadRequestError,
    DrainingError,
    OverloadedError,
    ProviderMisconfiguredError,
    ProviderProtocolError,
    ProviderTimeoutError,
)
from kruxos_workers.http import ClientLimits, PoolLimits, ProviderClient, SendFailure, TimeLimit
from kruxos_workers.http.failures import BodyFailure
from kruxos_workers.http.scripted import END, REQUEST, RESET, Script, ScriptedNetwork, Step, Wait
from tests.workers.http.helpers import CHUNKED, OK, pieces_until_failure, read, send_failure, under_trio, with_clock

KEY = "sk-hush-0123456789"


def scripted(
    *steps: Step, limits: ClientLimits | None = None, **options: Any
) -> tuple[ProviderClient, ScriptedNetwork]:
    network = ScriptedNetwork([Script(steps)])
    return ProviderClient("https://host/v1", network=network, limits=limits, **options), network


@under_trio
async def test_a_request_goes_out_as_these_bytes() -> None:
    client, network = scripted(OK, auth={"Authorization": f"Bearer {KEY}"}, headers={"X-Extra": "1"})
    async with client.send("POST", "/chat", {"Content-Type": "application/json"}, b'{"a":1}') as answer:
        assert (answer.status, await answer.read()) == (200, b"ok")
    assert network.asked == [("host", 443)]
    assert network.streams[0].secured_for == ["host"]
    assert bytes(network.streams[0].sent) == (
        b"POST /v1/chat HTTP/1.1\r\nhost: host\r\nuser-agent: kruxos/" + __version__.encode() + b"\r\n"
        b"accept-encoding: gzip, deflate\r\nx-extra: 1\r\ncontent-type: application/json\r\ncontent-length: 7\r\n"
        b"authorization: Bearer " + KEY.encode() + b'\r\n\r\n{"a":1}'
    )


@under_trio
async def test_authentication_wins_over_a_header_of_the_call_and_can_be_replaced() -> None:
    client, network = scripted(OK, REQUEST, OK, auth={"x-api-key": "old-key"})
    for key in ("old-key", "new-key"):
        client.replace_auth({"x-api-key": key})
        async with client.send("GET", "/models", {"X-Api-Key": "the agent's own"}) as answer:
            await answer.read()
    sent = bytes(network.streams[0].sent)
    assert sent.count(b"x-api-key") == 2
    assert sent.index(b"x-api-key: old-key\r\n") < sent.index(b"x-api-key: new-key\r\n")
    assert b"own" not in sent


@under_trio
async def test_on_sent_is_called_once_right_before_the_first_byte() -> None:
    client, network = scripted(OK)
    seen = []
    async with client.send("GET", "/x", on_sent=lambda: seen.append(len(network.streams[0].sent))) as answer:
        await answer.read()
    assert seen == [0]


@under_trio
async def test_what_one_receive_brought_is_one_piece() -> None:
    chunks = [b"3\r\none\r\n3\r\ntwo\r\n", b"5\r\nthr", b"ee\r\n", b"0\r\n\r\n"]
    client, _ = scripted(CHUNKED + b"1\r\n>\r\n", *chunks)
    async with client.send("GET", "/x") as answer:
        assert [piece async for piece in answer] == [b">", b"onetwo", b"thr", b"ee"]


@under_trio
async def test_an_error_status_is_an_answer() -> None:
    client, _ = scripted(b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\ncontent-length: 4\r\n\r\nslow")
    async with client.send("POST", "/x", {}, b"{}") as answer:
        assert (answer.status, answer.headers["retry-after"], await answer.read()) == (429, "7", b"slow")


@under_trio
async def test_a_compressed_answer_is_decoded() -> None:
    packed = gzip.compress(b"hello" * 100)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    client, network = scripted(head + packed[:20], packed[20:], REQUEST)
    assert await read(client) == b"hello" * 100
    assert network.streams[0].closed is None


@under_trio
async def test_an_answer_in_a_coding_that_nobody_asked_for_still_has_a_status() -> None:
    client, _ = scripted(b"HTTP/1.1 429 Slow\r\ncontent-encoding: br\r\ncontent-length: 4\r\n\r\n\x0b\x02\x80a")
    async with client.send("POST", "/x") as answer:
        assert answer.status == 429
        came, failure = await pieces_until_failure(answer)
    assert came == b""
    assert isinstance(failure, BodyFailure)
    assert failure.kind == "protocol"


# Keeping connections


@under_trio
async def test_one_connection_serves_one_exchange_after_another() -> None:
    client, network = scripted(OK, REQUEST, OK, REQUEST, CHUNKED, b"0\r\n\r\n", REQUEST, OK, REQUEST)
    assert [await read(client) for _ in range(4)] == [b"ok", b"ok", b"", b"ok"]
    assert len(network.streams) == 1
    assert (client.statistics.opened, client.statistics.reused, client.statistics.idle) == (1, 3, 1)


@pytest.mark.parametrize(
    "steps",
    [
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",),
        (b"HTTP/1.1 200 OK\r\n\r\nok", END),
        (OK, END),
        (OK, RESET),
        (OK, b"junk", REQUEST),
        (OK + b"\r\n", REQUEST),
        (OK + OK, REQUEST),
    ],
)
@under_trio
async def test_a_connection_that_ended_or_spoke_out_of_turn_is_closed_in_peace_and_not_used_again(
    steps: tuple[Step, ...],
) -> None:
    network = ScriptedNetwork([Script(steps), Script([OK])])
    client = ProviderClient("https://host", network=network)
    assert await read(client) == b"ok"
    assert await read(client) == b"ok"
    assert len(network.streams) == 2
    assert network.streams[0].closed == "close"


@under_trio
async def test_leaving_before_the_end_closes_the_connection_at_once() -> None:
    client, network = scripted(CHUNKED, b"3\r\none\r\n", Wait())
    with suppress(ZeroDivisionError):
        async with client.send("GET", "/x") as answer:
            assert await anext(answer) == b"one"
            raise ZeroDivisionError
    assert network.streams[0].closed == "abort"
    assert client.statistics.held == 0


@with_clock
async def test_an_end_that_comes_right_after_the_last_piece_that_was_read_keeps_the_connection() -> None:
    last = Wait()
    client, network = scripted(CHUNKED, b"6\r\n[DONE]\r\n", last, b"0\r\n\r\n", REQUEST)
    async with trio.open_nursery() as nursery, client.send("GET", "/x") as answer:
        assert await anext(answer) == b"[DONE]"
        nursery.start_soon(set_later, last, 0.04)
    assert network.streams[0].closed is None
    assert client.statistics.idle == 1


@pytest.mark.parametrize("rest", [Wait(), b"ffff\r\n" + b"x" * 65_000, b"zz", END, RESET])
@with_clock
async def test_an_end_that_does_not_come_soon_costs_the_connection_and_nothing_else(rest: Step) -> None:
    client, network = scripted(CHUNKED, b"6\r\n[DONE]\r\n", rest, b"x" * 400_000, Wait())
    started = trio.current_time()
    async with client.send("GET", "/x") as answer:
        assert await anext(answer) == b"[DONE]"
    assert network.streams[0].closed == "abort"
    assert trio.current_time() - started < 0.1


async def set_later(wait: Wait, seconds: float) -> None:
    await trio.sleep(seconds)
    wait.event.set()


@with_clock
async def test_a_server_that_says_how_long_it_keeps_a_connection_is_believed() -> None:
    kept = b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=100\r\ncontent-length: 2\r\n\r\nok"
    network = ScriptedNetwork([Script([kept, REQUEST, kept, REQUEST]), Script([OK])])
    client = ProviderClient("https://host", network=network)
    await read(client)
    await trio.sleep(3.9)
    await read(client)
    assert len(network.streams) == 1
    await trio.sleep(4.1)
    await read(client)
    assert len(network.streams) == 2


@under_trio
async def test_closing_closes_idle_connections_now_and_held_ones_when_they_are_done() -> None:
    go_on = Wait()
    network = ScriptedNetwork([Script([OK, REQUEST]), Script([OK[:-1], go_on, OK[-1:]])])
    client = ProviderClient("https://host", network=network)
    async with client.send("GET", "/x"), client.send("GET", "/x") as answer:
        client.close()
        go_on.event.set()
        assert await answer.read() == b"ok"
    assert [stream.closed for stream in network.streams] == ["close", "close"]
    failure = await send_failure(client)
    assert (failure.kind, type(failure.error)) == ("never_sent", DrainingError)


# What is refused


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
@under_trio
async def test_a_redirect_is_refused_and_nobody_else_is_asked(status: int) -> None:
    head = f"HTTP/1.1 {status} Moved\r\nLocation: https://evil.example:444/take?key={KEY}\r\n\r\n"
    client, network = scripted(head.encode(), REQUEST, auth={"authorization": f"Bearer {KEY}"})
    failure = await send_failure(client)
    assert (failure.kind, type(failure.error)) == ("refused", ProviderMisconfiguredError)
    assert "https://evil.example" in failure.error.message
    assert KEY not in str(failure)
    assert network.asked == [("host", 443)]


@pytest.mark.parametrize("location", ["", "Location: /elsewhere\r\n", "Location: http://[bad\r\n"])
@under_trio
async def test_a_redirect_without_a_readable_target_is_refused_too(location: str) -> None:
    client, _ = scripted(f"HTTP/1.1 302 Found\r\n{location}content-length: 0\r\n\r\n".encode())
    assert (await send_failure(client)).kind == "refused"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [("POST", "/a b", {}), ("POST", "/a\r\nX: y", {}), ("post", "/x", {}), ("POST", "/x", {"Host": "evil"})],
)
@under_trio
async def test_a_request_that_cannot_be_said_is_never_sent(method: str, path: str, headers: dict[str, str]) -> None:
    client, network = scripted(OK)
    with pytest.raises(SendFailure) as caught:
        async with client.send(method, path, headers, b"{}"):
            pass
    assert (caught.value.kind, type(caught.value.error)) == ("never_sent", BadRequestError)
    assert network.asked == []


@pytest.mark.parametrize("base_url", ["http://10.0.0.7/v1", "http://api.example"])
def test_a_key_is_never_sent_in_clear_to_another_machine(base_url: str) -> None:
    with pytest.raises(ProviderMisconfiguredError, match="https"):
        ProviderClient(base_url, auth={"authorization": "Bearer x"})
    client = ProviderClient(base_url)
    with pytest.raises(ProviderMisconfiguredError):
        client.replace_auth({"authorization": "Bearer x"})


def test_a_key_may_be_sent_in_clear_to_this_machine() -> None:
    assert ProviderClient("http://127.0.0.1:8080", auth={"authorization": "Bearer x"}).base_url.startswith("http://")


def test_a_key_shows_in_no_representation() -> None:
    client = ProviderClient("https://host", auth={"authorization": f"Bearer {KEY}"})
    assert KEY not in f"{client!r} {client.statistics!r} {vars(client)!r}"
    assert client.redact(f"your key {KEY} is wrong") == "your key [secret] is wrong"


@pytest.mark.parametrize("coding", [b"", b"content-encoding: gzip\r\n"])
@under_trio
async def test_a_body_over_its_bound_fails_and_the_pieces_below_it_stand(coding: bytes) -> None:
    body = b"a" * 60 if not coding else gzip.compress(b"a" * 60)
    head = b"HTTP/1.1 200 OK\r\n" + coding + b"transfer-encoding: chunked\r\n\r\n"
    client, network = scripted(head, b"%x\r\n" % len(body) + body + b"\r\n", b"%x\r\n" % len(body) + body, Wait())
    async with client.send("GET", "/x", body_bytes_max=60 if not coding else 59) as answer:
        came, failure = await pieces_until_failure(answer)
    assert len(came) == (60 if not coding else 0)
    assert isinstance(failure, BodyFailure)
    assert (failure.kind, type(failure.error)) == ("too_large", ProviderProtocolError)
    assert network.streams[0].closed == "abort"


@under_trio
async def test_a_gzip_bomb_is_stopped_at_the_bound() -> None:
    bomb = gzip.compress(bytes(50 * 1024 * 1024))
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    client, _ = scripted(head, *[bomb[at : at + 65536] for at in range(0, len(bomb), 65536)])
    async with client.send("GET", "/x", body_bytes_max=3_000_000) as answer:
        came, failure = await pieces_until_failure(answer)
    assert 2_500_000 < len(came) <= 3_000_000
    assert isinstance(failure, BodyFailure)
    assert failure.kind == "too_large"


# Time


@with_clock
async def test_the_parts_of_an_exchange_are_timed() -> None:
    connect, head, body = Wait(), Wait(), Wait()
    network = ScriptedNetwork([Script([head, OK[:-1], body, OK[-1:]], connect_wait=connect)])
    client = ProviderClient("https://host", network=network)
    async with trio.open_nursery() as nursery:
        for wait, seconds in ((connect, 1), (head, 3), (body, 6)):
            nursery.start_soon(set_later, wait, seconds)
        async with client.send("GET", "/x") as answer:
            await answer.read()
    timing = answer.timing
    moments = (timing.request_started_at, timing.first_byte_at, timing.last_byte_at)
    assert [(moment or 0) - timing.asked_at for moment in moments] == pytest.approx([1, 3, 6])
    assert not timing.reused


STAGES = {
    "connecting": (Script(connect_wait=Wait()), "never_sent"),
    "shaking hands": (Script(tls_wait=Wait()), "never_sent"),
    "sending": (Script(send_blocks_at=10), "ambiguous"),
    "waiting for the head": (Script([Wait()]), "ambiguous"),
    "within the head": (Script([OK[:20], Wait()]), "ambiguous"),
    "within the body": (Script([OK[:-1], Wait()]), "timeout"),
}


@pytest.mark.parametrize("stage", STAGES)
@with_clock
async def test_a_limit_that_passes_is_told_by_its_name_and_by_how_far_the_exchange_was(stage: str) -> None:
    script, kind = STAGES[stage]
    network = ScriptedNetwork([script])
    client = ProviderClient("https://host", network=network)
    limit = TimeLimit()
    limit.start("first event", 3)
    with pytest.raises((SendFailure, BodyFailure)) as caught:
        async with client.send("POST", "/x", {}, b"{}", limit=limit) as answer:
            await answer.read()
    assert isinstance(caught.value, (SendFailure, BodyFailure))
    assert caught.value.kind == kind
    assert isinstance(caught.value.error, ProviderTimeoutError)
    assert caught.value.error.message == "no first event within 3 s"
    assert caught.value.error.billed_maybe is (kind == "ambiguous")
    assert client.statistics.held == 0
    assert [stream.closed for stream in network.streams] in ([], ["abort"])


@pytest.mark.parametrize("stage", STAGES)
@with_clock
async def test_a_cancellation_closes_the_connection_at_any_point(stage: str) -> None:
    network = ScriptedNetwork([STAGES[stage][0]])
    client = ProviderClient("https://host", network=network)
    with trio.move_on_after(3) as scope:
        async with client.send("POST", "/x", {}, b"{}") as answer:
            await answer.read()
    assert scope.cancelled_caught
    assert client.statistics.held == 0
    assert client.statistics.idle == 0
    assert [stream.closed for stream in network.streams] in ([], ["abort"])


@with_clock
async def test_a_limit_moves_on_and_can_be_stopped() -> None:
    first, second = Wait(), Wait()
    client, _ = scripted(CHUNKED, first, b"3\r\none\r\n", second, b"3\r\ntwo\r\n0\r\n\r\n")
    limit = TimeLimit()
    limit.start("first event", 5)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(set_later, first, 4)
        nursery.start_soon(set_later, second, 200)
        async with client.send("GET", "/x", limit=limit) as answer:
            assert await anext(answer) == b"one"
            limit.start("idle", 5)
            limit.stop()
            assert await anext(answer) == b"two"
    assert not limit.passed


@with_clock
async def test_a_limit_that_passes_after_the_block_was_left_is_nobodys_failure() -> None:
    client, network = scripted(CHUNKED, b"3\r\none\r\n", Wait())
    limit = TimeLimit()
    limit.start("idle", 0.02)
    async with client.send("GET", "/x", limit=limit) as answer:
        assert await anext(answer) == b"one"
    assert network.streams[0].closed == "abort"


@with_clock
async def test_connecting_has_a_limit_of_its_own() -> None:
    network = ScriptedNetwork([Script(connect_wait=Wait())])
    client = ProviderClient("https://host", network=network, limits=ClientLimits(connect_s=10))
    started = trio.current_time()
    failure = await send_failure(client)
    assert (failure.kind, type(failure.error)) == ("never_sent", ProviderTimeoutError)
    assert trio.current_time() - started == pytest.approx(10)


@with_clock
async def test_waiting_for_a_connection_counts_as_connecting_and_is_bounded_in_number_too() -> None:
    limits = ClientLimits(pool=PoolLimits(connections_max=1, waiting_max=1))
    client, _ = scripted(OK[:-1], Wait(), limits=limits)
    failures = []

    async def ask() -> None:
        failures.append(await send_failure(client))

    async with client.send("GET", "/x"), trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(ask)
    assert [(failure.kind, type(failure.error)) for failure in failures] == [
        ("never_sent", OverloadedError),
        ("never_sent", ProviderTimeoutError),
    ]
