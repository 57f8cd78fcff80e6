"""A client with nothing of the project in it: what docs/protocol.md says, pynng and msgpack.

    python tests/client/foreign_client.py AGENT_SOCKET

Says hello, streams an answer, cancels a call, meets an error, and prints one line for each.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import Any, Self

import msgpack
import pynng

TIMEOUT_MS = 20_000


class GatewayError(Exception):
    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code = error["code"]
        self.retry_at = error.get("retry_at")


def pack(kind: str, number: int, header: dict[str, Any], body: bytes = b"") -> bytes:
    return msgpack.packb([kind, number, header, body])


def frames(message: bytes) -> Iterator[tuple[str, int, dict[str, Any], bytes]]:
    for kind, number, header, body, *_ in msgpack.Unpacker(io.BytesIO(message)):
        yield kind, number, header, body


def hello(address: str, agent: str, token: str) -> str:
    """Says hello at the door; the address of the session."""
    with pynng.Req0(dial=address, resend_time=-1, recv_timeout=TIMEOUT_MS) as door:
        door.send(pack("hello", 0, {"version": 1, "package": "foreign", "agent": agent, "token": token}))
        for kind, _, header, _ in frames(door.recv()):
            if kind == "welcome":
                return str(header["session"])
            if kind == "error":
                raise GatewayError(header["error"])
    raise ConnectionError("no welcome")


class Session:
    """One call at a time, which is enough here; ids would allow many."""

    def __init__(self, address: str) -> None:
        self._pair = pynng.Pair0(dial=address, recv_timeout=TIMEOUT_MS)
        self._last = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pair.close()

    def open(self, prompt: str, **header: Any) -> int:
        self._last += 1
        body = msgpack.packb({"messages": [{"role": "user", "content": prompt}]})
        self._pair.send(pack("open", self._last, {"op": "chat", **header}, body))
        return self._last

    def events(self, call: int) -> Iterator[dict[str, Any]]:
        """The events of a call until its end, which comes last as an event of type ``end``."""
        while True:
            for kind, number, header, body in frames(self._pair.recv()):
                if kind == "ping":
                    self._pair.send(pack("pong", number, {}, body))
                if number != call:
                    continue
                yield from msgpack.Unpacker(io.BytesIO(body))
                if kind == "error":
                    raise GatewayError(header["error"])
                if kind == "end":
                    yield {"type": "end", **header}
                    return

    def cancel(self, call: int) -> None:
        self._pair.send(pack("cancel", call, {}))


def main(path: str) -> None:
    address = f"ipc://{path}"
    try:
        hello(address, "unknown", "")
    except GatewayError as error:
        say("refused", error.code)
    with Session(hello(address, "foreign", "token")) as session:
        text = ""
        for event in session.events(session.open("count 5", stream=True)):
            text += event.get("text", "")
            if event["type"] == "end":
                say("streamed", repr(text), event["finish_reason"], event["usage"]["output_tokens"])
        hanging = session.open("hang", stream=True)
        say("first event", next(session.events(hanging)))
        session.cancel(hanging)
        try:
            list(session.events(session.open("fail rate_limited")))
        except GatewayError as error:
            say("error", error.code, error.retry_at)
        ended = list(session.events(session.open("hi")))[-1]
        say("goes on", ended["finish_reason"])


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
