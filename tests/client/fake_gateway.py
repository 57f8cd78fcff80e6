"""A gateway for clients' tests: real sockets, real frames, and answers by script. Runs as a process of its own.

The last text of a request is the script; its first word chooses the behaviour (``Script``). The control socket tells
what was seen, and waits for it, so that no test has to sleep: ``seen`` gives the counters, ``wait`` answers once a
counter has reached a number.

    python tests/client/fake_gateway.py DATA_DIRECTORY        prints "ready" when its doors are open
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgpack
import trio

from kruxos import errors, events, framing, paths, wire
from kruxos.codec import decode_request
from kruxos.messages import Text
from kruxos.transport import Inbound, NobodyDialledError, Peer, PeerGoneError, Session
from kruxos.transport.nng import NngDoor, NngTransport

USAGE = {"uncached_input_tokens": 7, "cache_read_tokens": 3, "output_tokens": 2}
ATTEMPT = {"provider": "first", "model": "m", "outcome": "rate_limited", "elapsed_ms": 5, "retry_at": 1e9}


class FairSession:
    """A session that several tasks may send on, one after the other."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._sending = trio.StrictFIFOLock()
        self.address = session.address
        self.wait_peer = session.wait_peer
        self.receive = session.receive
        self.close = session.close

    async def send(self, data: bytes) -> None:
        async with self._sending:
            with suppress(PeerGoneError, trio.ClosedResourceError):  # the reader of the session notices
                await self._session.send(data)


class Gateway:
    def __init__(self, data: Path, nursery: trio.Nursery) -> None:
        self.data = data
        self.nursery = nursery
        self.transport = NngTransport(nursery)
        self.seen: Counter[str] = Counter()
        self.changed = trio.Event()

    async def run(self) -> None:
        agents, control = paths.agent_socket(self.data), paths.control_socket(self.data)
        for path in (agents, control):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        doors = [self.transport.open_door(str(path), admit=lambda _: True) for path in (agents, control)]
        self.nursery.start_soon(self.serve_agents, doors[0])
        self.nursery.start_soon(self.serve_operators, doors[1])
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await trio.sleep_forever()

    def count(self, what: str) -> None:
        self.seen[what] += 1
        self.changed.set()
        self.changed = trio.Event()

    async def serve_agents(self, door: NngDoor) -> None:
        while True:
            inbound = await door.receive()
            try:
                frame = framing.decode_message(inbound.data)[0]
            except errors.KruxosError as error:
                door.reply(inbound.to, framing.encode(wire.Error(error=error.to_wire())))
                continue
            if isinstance(frame, wire.Hello):
                self.hello(door, inbound, frame)
            elif isinstance(frame, wire.Open):
                self.nursery.start_soon(self.answer_at_door, door, inbound, frame)

    def hello(self, door: NngDoor, inbound: Inbound, hello: wire.Hello) -> None:
        self.count("hello")
        if hello.agent == "ignored":
            return
        refusals = {"unknown": errors.UnauthorizedError, "old": errors.UpgradeRequiredError}
        if hello.agent in refusals:
            answer: wire.Frame = wire.Error(error=refusals[hello.agent]("no").to_wire())
        else:
            address = self.open_session(inbound.peer)
            answer = wire.Welcome(package="fake", agent=hello.agent, session=address)
            if hello.agent == "from the future":
                answer = wire.Welcome(version=99, session=address)
        door.reply(inbound.to, framing.encode(answer))

    def open_session(self, peer: Peer) -> str:
        session = FairSession(self.transport.open_session(str(paths.agent_socket(self.data).parent), peer))
        self.nursery.start_soon(self.serve_session, session)
        return session.address

    async def serve_session(self, session: FairSession) -> None:
        with suppress(NobodyDialledError, PeerGoneError):
            await session.wait_peer(wire.Welcome().dial_within_s)
            self.count("session")
            async with trio.open_nursery() as nursery:
                calls: dict[int, trio.CancelScope] = {}
                with suppress(PeerGoneError, trio.ClosedResourceError):
                    while True:
                        for frame in framing.decode_message(await session.receive()):
                            self.take(frame, session, nursery, calls)
                nursery.cancel_scope.cancel()
            self.count("session over")
        session.close()

    def take(
        self, frame: wire.Frame, session: FairSession, nursery: trio.Nursery, calls: dict[int, trio.CancelScope]
    ) -> None:
        self.count(frame.kind)
        match frame:
            case wire.Open():
                calls[frame.id] = trio.CancelScope()
                nursery.start_soon(self.answer, frame, session, calls[frame.id])
            case wire.Cancel() if frame.id in calls:
                calls[frame.id].cancel()
            case wire.Ping():
                nursery.start_soon(session.send, framing.encode(wire.Pong(id=frame.id, body=frame.body)))
            case _:
                pass

    async def answer(self, opening: wire.Open, session: FairSession, scope: trio.CancelScope) -> None:
        with scope:
            async for message in Script(self, opening, session).messages():
                await session.send(message)
        if scope.cancelled_caught:
            self.count("cancelled")

    async def answer_at_door(self, door: NngDoor, inbound: Inbound, opening: wire.Open) -> None:
        body = b""
        async for message in Script(self, opening, None).messages():
            for frame in framing.decode_message(message):
                body += frame.body
                if isinstance(frame, wire.End):
                    door.reply(inbound.to, framing.encode(replace(frame, body=body)))
                elif isinstance(frame, wire.Error):
                    door.reply(inbound.to, framing.encode(frame))

    async def serve_operators(self, door: NngDoor) -> None:
        while True:
            inbound = await door.receive()
            frame = framing.decode_message(inbound.data)[0]
            assert isinstance(frame, wire.Open)
            self.nursery.start_soon(self.operate, door, inbound, frame)

    async def operate(self, door: NngDoor, inbound: Inbound, opening: wire.Open) -> None:
        arguments: dict[str, Any] = msgpack.unpackb(opening.body)
        answer: wire.Frame = wire.End(id=opening.id)
        match opening.op:
            case "seen":
                answer = wire.End(id=opening.id, body=msgpack.packb(dict(self.seen)))
            case "wait":
                while self.seen[arguments["what"]] < arguments["count"]:
                    await self.changed.wait()
            case "never":
                return
            case _:
                error = errors.BadRequestError(f"no operation {opening.op}", field="op")
                answer = wire.Error(id=opening.id, error=error.to_wire())
        door.reply(inbound.to, framing.encode(answer))


class Script:
    """What the gateway does for one call; ``messages`` are what it sends."""

    def __init__(self, gateway: Gateway, opening: wire.Open, session: FairSession | None) -> None:
        self.gateway = gateway
        self.opening = opening
        self.session = session
        self.request = decode_request(msgpack.unpackb(opening.body))
        last = self.request.messages[-1].parts[-1]
        self.words = (last.text.split() or [""]) if isinstance(last, Text) else [""]

    def event(self, *run: events.Event) -> bytes:
        return framing.encode(wire.Event(id=self.opening.id, body=events.encode_events(run)))

    def end(self, *run: events.Event, **header: Any) -> bytes:
        values: dict[str, Any] = {
            "provider": "fake", "model": "fake-1", "finish_reason": "stop", "raw_finish_reason": "end_turn",
            "usage": USAGE, "call_id": "c1", "overhead_us": 120, "upstream_request_id": "req_1",
        }  # fmt: skip
        return framing.encode(wire.End(id=self.opening.id, body=events.encode_events(run), **(values | header)))

    def error(self, error: errors.KruxosError, **header: Any) -> bytes:
        return framing.encode(wire.Error(id=self.opening.id, error=error.to_wire(), **header))

    def number(self, position: int) -> int:
        return int(self.words[position])

    async def messages(self) -> AsyncIterator[bytes]:
        behaviour = getattr(self, f"do_{self.words[0]}", self.do_hello)
        async for message in behaviour():
            yield message

    async def do_hello(self) -> AsyncIterator[bytes]:
        """Any other text: a short answer."""
        yield self.event(events.Start("fake", "fake-1"), events.TextDelta(0, "hel"))
        yield self.end(events.TextDelta(0, "lo"), cost={"amount": "0.01", "currency": "USD"}, attempts=[ATTEMPT])

    async def do_count(self) -> AsyncIterator[bytes]:
        """count N: N events, each in a message of its own."""
        for number in range(self.number(1)):
            yield self.event(events.TextDelta(0, f"{number} "))
        yield self.end()

    async def do_merge(self) -> AsyncIterator[bytes]:
        """merge N: N events in one frame, and the end in the same message."""
        run = [events.TextDelta(0, f"{number} ") for number in range(self.number(1))]
        yield self.event(*run) + self.end()

    async def do_flood(self) -> AsyncIterator[bytes]:
        """flood N B: N events of B bytes."""
        for _ in range(self.number(1)):
            yield self.event(events.TextDelta(0, "x" * self.number(2)))
        yield self.end()

    async def do_fail(self) -> AsyncIterator[bytes]:
        """fail CODE: an error, without a word before it."""
        detail = {"retry_at": 1.5e9, "provider": "fake", "call_id": "c2"}
        yield self.error(
            errors.from_wire({"code": self.words[1], "message": "as asked", "attempts": [ATTEMPT], **detail})
        )

    async def do_interrupt(self) -> AsyncIterator[bytes]:
        """interrupt N: N events, then an error."""
        for number in range(self.number(1)):
            yield self.event(events.TextDelta(0, f"{number} "))
        yield self.error(errors.StreamInterruptedError("cut", call_id="c3"), usage=USAGE)

    async def do_hang(self) -> AsyncIterator[bytes]:
        """hang: one event, then nothing until the call is cancelled."""
        yield self.event(events.TextDelta(0, "wait"))
        await trio.sleep_forever()

    async def do_leave(self) -> AsyncIterator[bytes]:
        """leave: one event, then the gateway closes the session."""
        yield self.event(events.TextDelta(0, "so long"))
        if self.session is not None:
            self.session.close()

    async def do_die(self) -> AsyncIterator[bytes]:
        """die: the gateway ends at once."""
        for status in [3]:
            os._exit(status)
        yield b""

    async def do_bye(self) -> AsyncIterator[bytes]:
        """bye: a polite end of the connection."""
        yield framing.encode(wire.Bye(reason="restarting"))

    async def do_ping(self) -> AsyncIterator[bytes]:
        """ping: answers once the client has answered a ping."""
        pongs = self.gateway.seen["pong"]
        yield framing.encode(wire.Ping(id=5, body=b"?"))
        while self.gateway.seen["pong"] == pongs:
            await self.gateway.changed.wait()
        yield self.end()

    async def do_garbage(self) -> AsyncIterator[bytes]:
        """garbage: bytes that are no frame."""
        yield b"\xc1 this is no frame"

    async def do_nonsense(self) -> AsyncIterator[bytes]:
        """nonsense: a frame whose events cannot be read."""
        yield self.event(events.TextDelta(0, "fine"))
        yield framing.encode(wire.Event(id=self.opening.id, body=msgpack.packb({"type": "text"})))

    async def do_strange(self) -> AsyncIterator[bytes]:
        """strange: kinds, events and header keys of a later version, and answers to nobody's call."""
        body = msgpack.packb({"type": "hologram", "x": 1}) + events.encode_events([events.TextDelta(0, "known")])
        yield msgpack.packb(["hologram", self.opening.id, {}, b""])
        yield framing.encode(wire.Event(id=12345, body=body))
        yield msgpack.packb(["event", self.opening.id, {"shade": "blue"}, body, "appended"])
        yield self.end()

    async def do_echo(self) -> AsyncIterator[bytes]:
        """echo: the header and the request, as JSON."""
        header = {name: value for name, value in asdict(self.opening).items() if name != "body"}
        heard = {"header": header, "request": asdict(self.request)}
        yield self.end(events.TextDelta(0, json.dumps(heard, default=repr)))


async def main(data: Path) -> None:
    async with trio.open_nursery() as nursery:
        await Gateway(data, nursery).run()


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]))
