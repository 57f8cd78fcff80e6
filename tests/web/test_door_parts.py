"""The doors' pure parts: who asks, what is told in headers, whose requests pass, what is taken out of raw bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from kruxos import wire
from kruxos.dialects.registry import DIALECTS
from kruxos.errors import OverloadedError, TooLargeError, UnauthorizedError
from kruxos.events import Notice, Reply, Start
from kruxos.web.doors import telling
from kruxos.web.doors.calling import options_of
from kruxos.web.doors.models import listed
from kruxos.web.doors.protocols import CHAT, MESSAGES, RESPONSES
from kruxos.web.doors.reading import Bodies, ClientGoneError, read_body, who_asks
from kruxos.web.guard import Guard

TOKEN = "ab" * 32
TCP = {"type": "http", "server": ("127.0.0.1", 7800)}
UNIX = {"type": "http", "server": ("/run/http.sock", None)}


@pytest.mark.parametrize("headers", [{"authorization": f"Bearer {TOKEN}"}, {"authorization": f"bearer  {TOKEN} "},
                                     {"x-api-key": TOKEN}])  # fmt: skip
@pytest.mark.parametrize("scope", [TCP, UNIX])
def test_a_token_comes_in_either_header(scope: Any, headers: dict[str, str]) -> None:
    assert who_asks(scope, headers) == (TOKEN, None)


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "sk-ant-1"}, {"authorization": TOKEN}, {"x-api-key": TOKEN[1:]}])
def test_without_a_token_only_the_unix_socket_lets_in(headers: dict[str, str]) -> None:
    with pytest.raises(UnauthorizedError):
        who_asks(TCP, headers)
    assert who_asks(UNIX, headers) == (None, None)
    assert who_asks(UNIX, headers | {"x-kruxos-agent": "code-bot"}) == (None, "code-bot")


def receiving(messages: Iterable[dict[str, Any]]) -> Any:
    left = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(left)

    return receive


def piece(data: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


def test_a_body_is_its_pieces_and_holds_room_until_it_is_given_back() -> None:
    bodies = Bodies()
    receive = receiving([piece(b"ab", more=True), piece(b"c", more=False)])
    assert asyncio.run(read_body(receive, {}, bodies)) == b"abc"
    assert bodies.held_bytes == 3


@pytest.mark.parametrize(("messages", "error"), [
    ([piece(b"x" * (1 << 20), more=True)] * 33, TooLargeError),
    ([piece(b"x", more=True), {"type": "http.disconnect"}], ClientGoneError),
])  # fmt: skip
def test_a_body_that_is_not_had_holds_no_room(messages: list[dict[str, Any]], error: type[Exception]) -> None:
    bodies = Bodies()
    with pytest.raises(error):
        asyncio.run(read_body(receiving(messages), {}, bodies))
    assert bodies.held_bytes == 0


def test_all_bodies_together_are_bounded() -> None:
    bodies = Bodies(wire.BODIES_BYTES_MAX)
    with pytest.raises(OverloadedError):
        asyncio.run(read_body(receiving([piece(b"x", more=False)]), {}, bodies))
    assert bodies.held_bytes == wire.BODIES_BYTES_MAX


def test_what_is_told_in_headers_can_make_no_other_header() -> None:
    told = telling.of_start(Start("p", "m\r\nset-cookie: a=b\x00ä", "call_1"), [Notice("one", ""), Notice("one", "")])
    assert told["x-kruxos-model"] == "m??set-cookie: a=b??"
    assert told["x-kruxos-notices"] == "one"
    assert all(len(value) <= 256 for value in telling.of_reply(Reply(model="x" * 10_000)).values())


def test_a_cost_that_is_not_known_is_not_told() -> None:
    assert "x-kruxos-cost" not in telling.of_reply(Reply(cost=None))
    assert telling.of_reply(Reply(cost={"total": "0.0012", "currency": "USD"}))["x-kruxos-cost"] == "0.0012 USD"


def test_the_usage_chunk_goes_only_to_who_asked_for_it() -> None:
    delta = b'data: {"choices":[{"delta":{"content":"\\"usage\\""}}],"usage":null}\n\n'
    usage = b'data: {"id":"c","choices": [ ],"usage":{"total_tokens":3}}\r\n\r\n'
    done = b"data: [DONE]\n\n"
    for options, kept in (({}, delta + done), ({"stream_options": {"include_usage": True}}, None)):
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}], **options}
        keep = CHAT.raw_filter(CHAT.dialect.decode_request(json.dumps(body).encode(), {}))
        assert (keep and keep(delta + usage + done)) == kept


@pytest.mark.parametrize("door", [CHAT, RESPONSES, MESSAGES])
def test_the_last_words_of_a_broken_stream_are_an_event_of_its_protocol(door: Any) -> None:
    text = door.raw_failure(OverloadedError("later")).decode()
    data = json.loads(text.rpartition("data: ")[2])
    assert "later" in json.dumps(data)
    assert text.endswith("\n\n")


def test_default_leaves_the_model_to_the_gateway_and_headers_choose_who_answers() -> None:
    body = b'{"model": "default", "messages": [{"role": "user", "content": "x"}], "logit_bias": {"1": 1}, "user": null}'
    decoded = DIALECTS["openai-chat"].decode_request(body, {})
    options = options_of(decoded, {"x-kruxos-provider": "gpt", "idempotency-key": "k"})
    assert "model" not in options
    assert options.get("provider") == "gpt"
    assert options.get("key") == "k"
    native = options.get("native")
    assert native is not None
    assert native.only == ["logit_bias"]


def test_models_are_listed_once_each() -> None:
    providers = [
        {"name": "a", "enabled": True, "model": "m", "label": "A"},
        {"name": "b", "enabled": True, "model": "m", "label": None},
        {"name": "c", "enabled": False, "model": "x", "label": None},
        {"name": "d", "enabled": True, "model": None, "label": None},
    ]
    assert [each.id for each in listed(providers)] == ["default", "a", "b", "d", "m", "a/m", "b/m"]


@pytest.mark.parametrize(("headers", "status"), [
    ([(b"host", b"127.0.0.1:7800")], 200),
    ([(b"host", b"LOCALHOST:7800")], 200),
    ([(b"host", b"127.0.0.1:7800"), (b"origin", b"http://127.0.0.1:7800")], 200),
    ([(b"host", b"127.0.0.1:7800"), (b"origin", b"http://127.0.0.1:7801")], 403),
    ([(b"host", b"127.0.0.1:7800"), (b"sec-fetch-site", b"cross-site")], 403),
    ([(b"host", b"127.0.0.1:7800"), (b"sec-fetch-site", b"same-origin")], 200),
    ([(b"host", b"evil.example")], 421),
    ([], 421),
])  # fmt: skip
def test_the_guard_passes_our_own_names_and_pages(headers: list[tuple[bytes, bytes]], status: int) -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    guard = Guard(app, frozenset({"127.0.0.1:7800", "localhost:7800"}))
    scope = {**TCP, "method": "POST", "headers": headers}
    asyncio.run(guard(scope, receiving([]), send))
    assert sent[0]["status"] == status
