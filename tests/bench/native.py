"""A load on the agents' socket: many calls at once through sessions, with as little work for each as can be.

It is the counterpart of an HTTP load generator in C: requests are packed once, answers are only counted and timed. What
our own client costs an agent is measured apart (``agent.py``).
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack

from kruxos import framing, wire
from kruxos.client import sp
from kruxos.client.address import session_path
from kruxos.client.options import opening
from kruxos.client.session import HELLO_S, hello_question, read_welcome
from kruxos.client.sockets import RECEIVE_BYTES, ask, connect
from tests.bench.load import Load, Outcome

MARK = re.compile(rb"@(\d+) ")
"""How the provider marks each text: with the moment when it was sent, in monotonic nanoseconds."""
LONG_GAP_S = 1.0
SILENCE_S = 30.0
_ANY_ID = 2**31
_ANY_ID_PACKED = msgpack.packb(_ANY_ID)


class Line:
    """One agent's session."""

    def __init__(self, path: str, number: int) -> None:
        welcome = read_welcome(ask(path, hello_question(f"bench-{number}", None), timeout_s=HELLO_S))
        self.socket: socket.socket = connect(session_path(welcome.session))
        self.decoder = sp.Decoder(sp.Protocol.PAIR0, message_bytes_max=wire.MESSAGE_BYTES_MAX)
        self.unsent = bytearray(sp.greeting(sp.Protocol.PAIR0))
        self.last_id = 0
        self.calls: dict[int, _Call] = {}

    def push(self) -> bool:
        """Sends what the socket takes; whether something is left."""
        try:
            while self.unsent:
                del self.unsent[: self.socket.send(self.unsent)]
        except BlockingIOError:
            return True
        return False


@dataclass(slots=True)
class _Call:
    began_at: float
    heard_at: float = 0.0


class Runner:
    """Runs one load."""

    def __init__(self, address: Path, load: Load) -> None:
        self._load, self.outcome = load, Outcome()
        frame = framing.encode(opening("chat", load.prompt, load.options, stream=load.stream), _ANY_ID)
        self._before, _, self._after = frame.partition(_ANY_ID_PACKED)
        self._sessions = [Line(str(address), number) for number in range(load.sessions)]
        self._poll = select.epoll()
        self._by_fd = {each.socket.fileno(): each for each in self._sessions}
        for fd in self._by_fd:
            self._poll.register(fd, select.EPOLLIN)
        self._begun = 0

    def run(self) -> Outcome:
        """Until the last answer."""
        load, starts = self._load, deque[float]()
        began_at, cpu_began = time.monotonic(), time.process_time()
        self._until = began_at + load.seconds
        starts.extend(began_at + load.ramp_s * n / load.in_flight for n in range(load.in_flight))
        slot = 0
        while starts or any(session.calls for session in self._sessions):
            now = time.monotonic()
            while starts and starts[0] <= now:
                starts.popleft()
                self._open(self._sessions[slot % load.sessions], now)
                slot += 1
            self._push_all()
            wait_s = max(0.0, starts[0] - now) if starts else SILENCE_S
            ready = self._poll.poll(wait_s)
            if not ready and not starts:
                raise RuntimeError(f"the gateway has said nothing for {SILENCE_S:g} s")
            for fd, events in ready:
                if events & ~select.EPOLLOUT:
                    self._receive(self._by_fd[fd])
        self.outcome.wall_s = time.monotonic() - began_at
        self.outcome.cpu_s = time.process_time() - cpu_began
        self.close()
        return self.outcome

    def close(self) -> None:
        """Hangs up."""
        for session in self._sessions:
            session.socket.close()
        self._poll.close()

    def _open(self, session: Line, now: float) -> None:
        if self._begun >= self._load.calls or now >= self._until:
            return
        self._begun += 1
        session.last_id += 1
        number = session.last_id
        session.calls[number] = _Call(now)
        session.unsent += sp.frame(self._before + msgpack.packb(number) + self._after)

    def _push_all(self) -> None:
        for session in self._sessions:
            if session.unsent:
                left = session.push()
                self._poll.modify(session.socket.fileno(), select.EPOLLIN | (select.EPOLLOUT if left else 0))

    def _receive(self, session: Line) -> None:
        data = session.socket.recv(RECEIVE_BYTES)
        if not data:
            raise RuntimeError("the gateway hung up")
        now = time.monotonic()
        for message in session.decoder.feed(data):
            unpacker = msgpack.Unpacker(max_buffer_size=0)
            unpacker.feed(message)
            for kind, number, header, body in unpacker:
                call = session.calls.get(number)
                if call is not None:
                    self._hear(session, number, call, kind, header, body, now)

    def _hear(self, session: Line, number: int, call: _Call, kind: str, header: Any, body: bytes, now: float) -> None:
        outcome = self.outcome
        if self._load.stream and body:
            self._hear_chunks(call, body, now)
        if kind == "event":
            return
        del session.calls[number]
        if kind == "end":
            outcome.ok += 1
            outcome.latencies.append(now - call.began_at)
            outcome.overheads.append((header.get("overhead_us") or 0) / 1e6)
            outcome.upstreams.append((header.get("upstream_us") or 0) / 1e6)
        else:
            code = str(header["error"].get("code"))
            outcome.failed[code] = outcome.failed.get(code, 0) + 1
        self._open(session, now)

    def _hear_chunks(self, call: _Call, body: bytes, now: float) -> None:
        sent = MARK.findall(body)
        if not sent:
            return
        outcome = self.outcome
        if not call.heard_at:
            outcome.firsts.append(now - call.began_at)
        elif now - call.heard_at > LONG_GAP_S:
            outcome.long_gaps += 1
        call.heard_at = now
        outcome.chunks += len(sent)
        outcome.transits.append(now - int(sent[0]) / 1e9)
