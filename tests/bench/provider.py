"""A provider on loopback that answers at once: for machines without the harness's, which is ten times as fast.

It speaks OpenAI's chat completions as far as a measurement needs, and obeys ``[[mock n=CHUNKS delay=MS]]`` in a prompt.
Each text of a stream is ``@<monotonic ns> ``.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

_WISH = re.compile(rb"\[\[mock n=(\d+) delay=(\d+)")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_BEGIN = {"id": "chatcmpl-1", "created": 1_760_000_000, "model": "gpt-4o-mini"}
_USAGE = {"prompt_tokens": 400, "completion_tokens": 100, "total_tokens": 500}
_MESSAGE = {"role": "assistant", "content": "A short answer. " * 25}
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n%s\r\n\r\n"


def _whole() -> bytes:
    choice = {"index": 0, "message": _MESSAGE, "finish_reason": "stop"}
    body = json.dumps({**_BEGIN, "object": "chat.completion", "choices": [choice], "usage": _USAGE}).encode()
    return _HEAD % (b"application/json", b"content-length: %d" % len(body)) + body


def _event(delta: dict[str, str], **more: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": None, **more}
    data = json.dumps({**_BEGIN, "object": "chat.completion.chunk", "choices": [choice]}).encode()
    return _chunk(b"data: " + data + b"\n\n")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    whole = _whole()
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1]) if length else 0)
            wish = _WISH.search(body)
            if wish is None:
                writer.write(whole)
            else:
                await _stream(writer, int(wish[1]), int(wish[2]) / 1000)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _stream(writer: asyncio.StreamWriter, chunks: int, pause_s: float) -> None:
    writer.write(_HEAD % (b"text/event-stream", b"transfer-encoding: chunked"))
    for number in range(chunks):
        if number and pause_s:
            await asyncio.sleep(pause_s)
        writer.write(_event({"content": f"@{time.monotonic_ns()} "}))
        await writer.drain()
    usage = json.dumps({**_BEGIN, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE}).encode()
    writer.write(_event({}, finish_reason="stop") + _chunk(b"data: " + usage + b"\n\ndata: [DONE]\n\n") + b"0\r\n\r\n")


async def main(port: int) -> None:
    """Serves for ever."""
    server = await asyncio.start_server(_serve, "127.0.0.1", port, limit=64 * 1024 * 1024, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
