"""The table: what a provider does with the first request, and what the attempt has to be told as.

Each is a function of a connection whose request has been read, or not yet; it ends by returning, which closes the
connection, or goes on until the worker has enough. From the second request on each provider answers properly.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache

import trio

from tests.workers.http.helpers import CHUNKED, read_request

STATUS = b"HTTP/1.1 200 OK\r\n"
SSE = STATUS + b"content-type: text/event-stream\r\n"
BARE_SSE = SSE + b"\r\n"
JSON = STATUS + b"content-type: application/json\r\n"
TRICKLE_S = 0.02
BOMB_BYTES = 256 * 1024 * 1024

Behave = Callable[[trio.SocketStream], Awaitable[None]]


@dataclass(frozen=True)
class Hostile:
    """One provider. ``outcome`` of its attempt: an error code, or ``answered``; ``billed_maybe`` tells ambiguous ones.

    ``stream``: how it is asked. ``deadline_s``: of the call, where that is what has to end it.
    """

    behave: Behave
    outcome: str
    billed_maybe: bool = True
    stream: bool = True
    deadline_s: float | None = None


# Answers


def delta(text: str, **more: object) -> bytes:
    """An event of a stream."""
    choice: dict[str, object] = {"index": 0, "delta": {"content": text}, "finish_reason": None, **more}
    event = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


END = delta("", finish_reason="stop") + b"data: [DONE]\n\n"
WHOLE = json.dumps({
    "id": "c", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "well"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}).encode()  # fmt: skip


def sized(head: bytes, body: bytes) -> bytes:
    """An answer with its length."""
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


GOOD_STREAM = sized(SSE, delta("well") + END)
GOOD_WHOLE = sized(JSON, WHOLE)


async def good(stream: trio.SocketStream) -> None:
    """Answers properly, for as long as it is asked."""
    while request := await read_request(stream):
        await stream.send_all(GOOD_STREAM if b'"stream":true' in request.replace(b" ", b"") else GOOD_WHOLE)


# Behaviours


def says(*pieces: bytes) -> Behave:
    """Reads the request, says this, and closes."""

    async def behave(stream: trio.SocketStream) -> None:
        await read_request(stream)
        for piece in pieces:
            await stream.send_all(piece)

    return behave


def floods(start: bytes, more: bytes, pause_s: float = 0.0) -> Behave:
    """Says ``start``, and then ``more`` until the worker has enough."""

    async def behave(stream: trio.SocketStream) -> None:
        await read_request(stream)
        await stream.send_all(start)
        while True:
            await stream.send_all(more)
            await trio.sleep(pause_s)

    return behave


def trickles(data: bytes) -> Behave:
    """A byte at a time."""

    async def behave(stream: trio.SocketStream) -> None:
        await read_request(stream)
        for at in range(len(data)):
            await stream.send_all(data[at : at + 1])
            await trio.sleep(TRICKLE_S)
        await trio.sleep_forever()

    return behave


def resets(*, before: bytes = b"", whole: bool = True) -> Behave:
    """Breaks the connection, after the request or not, and after having said something or not."""

    async def behave(stream: trio.SocketStream) -> None:
        await (read_request(stream) if whole else stream.receive_some(1))
        if before:
            await stream.send_all(before)
            await trio.sleep(0.05)  # a reset overtakes what is still on its way
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.socket.close()

    return behave


async def silent(stream: trio.SocketStream) -> None:
    """Reads, and never says a word."""
    while await stream.receive_some():
        pass


async def answers_first(stream: trio.SocketStream) -> None:
    """Answers before it was asked."""
    await stream.send_all(GOOD_STREAM)
    await read_request(stream)


async def refuses_first(stream: trio.SocketStream) -> None:
    """Refuses before it was asked, and reads nothing."""
    await stream.send_all(sized(b"HTTP/1.1 503 Busy\r\nconnection: close\r\n", b"busy"))


@cache
def squeezed(wbits: int, start: bytes = b"data: ") -> bytes:
    """``start`` and very much of the same, compressed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    piece = b"a" * 2**20
    pieces = [packer.compress(each) for each in (start, *[piece] * (BOMB_BYTES // len(piece)))]
    return b"".join(pieces) + packer.flush()


GZIP_BOMB = squeezed(31)
NESTED_BOMB = gzip.compress(GZIP_BOMB)


def redirects(status: int, location: str) -> Behave:
    """Sends the worker elsewhere."""
    return says(sized(b"HTTP/1.1 %d Moved\r\nlocation: %b\r\n" % (status, location.encode()), b""))


def coded(coding: bytes, body: bytes, head: bytes = SSE) -> Behave:
    """A body with a content coding."""
    return says(sized(head + b"content-encoding: " + coding + b"\r\n", body))


PROTOCOL, CUT, LATE = "provider_protocol", "interrupted", "provider_timeout"


def behaviours(elsewhere: str) -> dict[str, Hostile]:
    """All of them by name. ``elsewhere``: an address where nobody may come to."""
    return {
        # Instead of a head
        "garbage-for-http": Hostile(says(b"\x16\x03\x01garbage\x00\xff" * 50), PROTOCOL),
        "http2-for-http1": Hostile(says(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18)), PROTOCOL),
        "html-for-http": Hostile(floods(b"<!doctype html>", b"<p>no API</p>" * 100), PROTOCOL),
        "endless-headers": Hostile(floods(STATUS, b"x-flood: 1\r\n" * 1000), PROTOCOL),
        "a-header-line-without-end": Hostile(floods(STATUS + b"x-endless: ", b"a" * 10_000), PROTOCOL),
        "a-reason-without-end": Hostile(floods(b"HTTP/1.1 200 ", b"very " * 1000), PROTOCOL),
        "interim-answers-without-end": Hostile(floods(b"", b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n" * 100), PROTOCOL),
        "another-protocol": Hostile(says(b"HTTP/1.1 101 Switching\r\nupgrade: ws\r\n\r\n"), PROTOCOL),
        "two-lengths": Hostile(says(SSE + b"content-length: 5\r\ncontent-length: 900\r\n\r\nhello"), PROTOCOL),
        "length-and-chunks": Hostile(
            says(SSE + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), PROTOCOL
        ),
        "a-header-folded-around-a-line-end": Hostile(says(STATUS + b"x-a: 1\rx-b: 2\r\n\r\n"), PROTOCOL),
        "a-head-byte-by-byte": Hostile(trickles(STATUS + b"x-slow: " + b"a" * 10_000), LATE),
        "silence": Hostile(silent, LATE),
        "answers-before-the-request": Hostile(answers_first, "answered", billed_maybe=False),
        "refuses-before-the-request": Hostile(refuses_first, "provider_overloaded", billed_maybe=False),
        # Elsewhere
        "redirect-301": Hostile(redirects(301, elsewhere), "provider_misconfigured", billed_maybe=False),
        "redirect-307": Hostile(redirects(307, elsewhere), "provider_misconfigured", billed_maybe=False),
        "redirect-here": Hostile(redirects(308, "/v2/x"), "provider_misconfigured", billed_maybe=False),
        "redirect-nowhere": Hostile(redirects(302, "http://[::bad"), "provider_misconfigured", billed_maybe=False),
        # Broken off
        "reset-in-the-request": Hostile(resets(whole=False), CUT),
        "reset-after-the-request": Hostile(resets(), CUT),
        "reset-in-the-head": Hostile(resets(before=STATUS + b"x-half"), CUT),
        "reset-before-content": Hostile(resets(before=CHUNKED), CUT),
        "reset-in-the-stream": Hostile(resets(before=BARE_SSE + delta("half")), CUT),
        "closed-after-the-request": Hostile(says(), CUT),
        "closed-in-the-head": Hostile(says(STATUS + b"x-half"), CUT),
        "chunks-cut-off": Hostile(says(CHUNKED + b"ff\r\n" + delta("half")[:50]), CUT),
        "shorter-than-its-length": Hostile(says(SSE + b"content-length: 9999\r\n\r\n" + delta("half")), CUT),
        "a-stream-without-its-end": Hostile(says(BARE_SSE, delta("half")), CUT),
        "gzip-cut-off": Hostile(coded(b"gzip", gzip.compress(delta("half"))[:-12]), CUT),
        # Bodies without an end
        "an-endless-event": Hostile(floods(BARE_SSE + b"data: ", b"a" * 100_000), PROTOCOL),
        "endless-lines-of-one-event": Hostile(floods(BARE_SSE, b"data: a\n" * 10_000), PROTOCOL),
        "an-endless-body": Hostile(floods(JSON + b"\r\n" + b'{"a": "', b"a" * 100_000), PROTOCOL, stream=False),
        "chunk-extensions-without-end": Hostile(floods(CHUNKED + b"5;", b"extension" * 1000), PROTOCOL),
        "trailers-without-end": Hostile(floods(CHUNKED + b"0\r\n", b"x-trailer: 1\r\n" * 1000), PROTOCOL),
        "comments-for-ever": Hostile(floods(BARE_SSE, b": keep-alive\n\n", TRICKLE_S), LATE),
        "comments-after-content": Hostile(floods(BARE_SSE + delta("half"), b": keep-alive\n\n", TRICKLE_S), LATE),
        "comments-after-the-end": Hostile(
            floods(BARE_SSE + delta("well") + END, b": keep-alive\n\n", TRICKLE_S), "answered", billed_maybe=False
        ),
        "blank-lines-for-ever": Hostile(floods(JSON + b"\r\n", b"\n", TRICKLE_S), LATE, stream=False),
        "an-event-byte-by-byte": Hostile(trickles(BARE_SSE + delta("x" * 5000)), LATE),
        "content-for-ever": Hostile(floods(BARE_SSE, delta("more "), TRICKLE_S), "deadline_exceeded", deadline_s=1.5),
        "an-error-without-end": Hostile(
            floods(b"HTTP/1.1 500 Oh\r\n\r\n", b"<p>sorry</p>" * 1000), "provider_error", billed_maybe=False
        ),
        # Codings
        "gzip-bomb": Hostile(coded(b"gzip", GZIP_BOMB), PROTOCOL),
        "gzip-bomb-as-json": Hostile(coded(b"gzip", squeezed(31, b'{"a": "'), JSON), PROTOCOL, stream=False),
        "gzip-bomb-as-an-error": Hostile(
            coded(b"gzip", GZIP_BOMB, b"HTTP/1.1 500 Oh\r\n"), "provider_error", billed_maybe=False
        ),
        "deflate-bomb": Hostile(coded(b"deflate", squeezed(15)), PROTOCOL),
        "raw-deflate-bomb": Hostile(coded(b"deflate", squeezed(-15)), PROTOCOL),
        "gzip-in-gzip": Hostile(coded(b"gzip, gzip", NESTED_BOMB), PROTOCOL),
        "gzip-in-gzip-untold": Hostile(coded(b"gzip", NESTED_BOMB), CUT),
        "brotli-nobody-asked-for": Hostile(coded(b"br", b"\x0b\x02\x80hello\x03"), PROTOCOL),
        "zstd-nobody-asked-for": Hostile(coded(b"zstd", b"\x28\xb5\x2f\xfd" + bytes(20)), PROTOCOL),
        "gzip-that-is-none": Hostile(coded(b"gzip", b"not gzip at all"), PROTOCOL),
        # Wrong contents
        "html-for-a-stream": Hostile(
            says(sized(STATUS + b"content-type: text/html\r\n", b"<html>hi</html>")), PROTOCOL
        ),
        "html-for-json": Hostile(
            says(sized(STATUS + b"content-type: text/html\r\n", b"<html>hi</html>")), PROTOCOL, stream=False
        ),
        "json-for-a-stream": Hostile(says(GOOD_WHOLE), "answered", billed_maybe=False),
        "a-stream-for-json": Hostile(says(GOOD_STREAM), "answered", billed_maybe=False, stream=False),
        "json-of-something-else": Hostile(says(sized(JSON, b'{"hello": "world"}')), "provider_error", stream=False),
        "json-nested-too-deep": Hostile(says(sized(JSON, b"[" * (24 * 2**20))), CUT, stream=False),
        "an-event-nested-too-deep": Hostile(says(sized(SSE, b'data: {"a":' + b"[" * 10**6 + b"\n\n")), PROTOCOL),
        "an-event-that-is-no-json": Hostile(says(sized(SSE, b"data: {oops\n\n" + END)), PROTOCOL),
        "nothing": Hostile(says(sized(SSE, b"")), CUT),
        "no-content": Hostile(says(b"HTTP/1.1 204 None\r\n\r\n"), CUT),
    }
