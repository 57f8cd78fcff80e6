"""Agents that ask without mercy, as a process of their own: so many calls a second, or so many at a time.

    python -m tests.endurance.flood ADDRESS SESSIONS SECONDS rate CALLS_A_SECOND PROVIDER
    python -m tests.endurance.flood ADDRESS SESSIONS SECONDS open CALLS_AT_A_TIME PROVIDER

It speaks the bare protocol, for a client would be the bottleneck. When the time is over it waits for the answers that
are still due, and tells all as one line of JSON: see ``Told``.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic

import msgpack

from kruxos import framing, wire
from kruxos.client import sp
from kruxos.paths import agent_socket
from tests.endurance.figures import percentile
from tests.service.raw import MESSAGE_BYTES_MAX, at_door, dial
from tests.service.running import Installation

TURN_S = 0.005
LAST_ANSWERS_S = 75.0
PER_MESSAGE_MAX = 64
PROMPT = "Say a few words. [[simulate tokens=10]]"


@dataclass
class Told:
    """What came of it. Times in seconds; ``answered`` and ``refused_s`` count only what ended in time."""

    offered: int = 0
    lasted_s: float = 0.0
    answered: int = 0
    answered_late: int = 0
    codes: dict[str, int] = field(default_factory=dict[str, int])
    refused_s: list[float] = field(default_factory=list[float])
    """Median, 99th percentile and longest time to ``overloaded``."""
    answered_s: list[float] = field(default_factory=list[float])
    lost: int = 0
    """Calls without a last word."""

    @property
    def goodput(self) -> float:
        """Answered calls a second."""
        return self.answered / self.lasted_s


@dataclass
class _Line:
    """One session."""

    end: socket.socket
    decoder: sp.Decoder
    unsent: bytearray = field(default_factory=bytearray)

    @classmethod
    def connect(cls, root: Path, agent: str) -> _Line:
        answer = at_door(root, framing.encode(wire.Hello(package="flood", agent=agent)))
        assert answer is not None
        (welcome,) = framing.decode_message(answer)
        assert isinstance(welcome, wire.Welcome)
        end = dial(welcome.session.removeprefix("ipc://"))
        end.sendall(sp.greeting(sp.Protocol.PAIR0))
        end.setblocking(False)
        return cls(end, sp.Decoder(sp.Protocol.PAIR0, message_bytes_max=MESSAGE_BYTES_MAX))

    def send(self, frames: list[wire.Open]) -> None:
        self.unsent += sp.frame(framing.encode_message(frames))
        self.flush()

    def flush(self) -> None:
        while self.unsent:
            try:
                sent = self.end.send(self.unsent)
            except BlockingIOError:
                return
            del self.unsent[:sent]

    def receive(self) -> list[wire.Frame]:
        try:
            data = self.end.recv(1 << 20)
        except BlockingIOError:
            return []
        assert data, "the gateway has hung up"
        return [frame for message in self.decoder.feed(data) for frame in framing.decode_message(message)]


class _Flood:
    def __init__(self, root: Path, sessions: int, provider: str) -> None:
        self.lines = [_Line.connect(root, f"flood-{number}") for number in range(sessions)]
        self.selector = selectors.DefaultSelector()
        for line in self.lines:
            self.selector.register(line.end, selectors.EVENT_READ, line)
        self.body = msgpack.packb({"messages": [{"role": "user", "content": PROMPT}], "max_output_tokens": 64})
        self.provider, self.number = provider, 0
        self.due: dict[int, float] = {}
        self.answered_s: list[float] = []
        self.overloaded_s: list[float] = []
        self.codes: Counter[str] = Counter()

    def ask(self, count: int) -> None:
        """So many calls, in turn from all sessions."""
        now = monotonic()
        for first in range(0, count, PER_MESSAGE_MAX):
            line = self.lines[(self.number // PER_MESSAGE_MAX) % len(self.lines)]
            frames: list[wire.Open] = []
            for _ in range(min(PER_MESSAGE_MAX, count - first)):
                self.number += 1
                self.due[self.number] = now
                frames.append(wire.Open(id=self.number, body=self.body, provider=self.provider))
            line.send(frames)

    def listen(self, wait_s: float) -> None:
        """Takes what comes within the time."""
        for key, _ in self.selector.select(wait_s):
            for frame in key.data.receive():
                if isinstance(frame, (wire.End, wire.Error)) and frame.id in self.due:
                    self._over(frame, monotonic() - self.due.pop(frame.id))
        for line in self.lines:
            line.flush()

    def _over(self, frame: wire.End | wire.Error, took_s: float) -> None:
        if isinstance(frame, wire.End):
            self.answered_s.append(took_s)
            return
        code = str(frame.error["code"])
        self.codes[code] += 1
        if code == "overloaded":
            self.overloaded_s.append(took_s)

    def run(self, seconds: float, *, rate: float, at_a_time: int) -> Told:
        """Asks for so long, then waits for what is due."""
        began = monotonic()
        while (passed_s := monotonic() - began) < seconds:
            wanted = int(passed_s * rate) - self.number if rate else at_a_time - len(self.due)
            if wanted > 0:
                self.ask(wanted)
            self.listen(TURN_S)
        told = Told(self.number, monotonic() - began, len(self.answered_s))
        give_up_at = monotonic() + LAST_ANSWERS_S
        while self.due and monotonic() < give_up_at:
            self.listen(TURN_S)
        told.answered_late = len(self.answered_s) - told.answered
        told.codes, told.lost = dict(self.codes), len(self.due)
        told.refused_s = [percentile(self.overloaded_s, share) for share in (0.5, 0.99, 1.0)]
        told.answered_s = [percentile(self.answered_s, share) for share in (0.5, 0.99, 1.0)]
        return told


def start_flood(
    installation: Installation, sessions: int, seconds: float, manner: str, many: float, provider: str
) -> subprocess.Popen[str]:
    """The process; ``manner`` is ``rate`` or ``open``."""
    words = [str(agent_socket(installation.kruxos.root)), str(sessions), str(seconds), manner, str(many), provider]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.endurance.flood", *words],
        env=installation.kruxos.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )


def finish_flood(process: subprocess.Popen[str]) -> Told:
    """Waits for its end."""
    with process:
        assert process.stdout is not None
        return Told(**json.loads(process.stdout.readline()))


def main(address: str, sessions: str, seconds: str, manner: str, many: str, provider: str) -> None:
    """Floods as the command line says."""
    root = Path(address).parents[2]
    flood = _Flood(root, int(sessions), provider)
    at_a_time = 0 if manner == "rate" else int(float(many))
    told = flood.run(float(seconds), rate=float(many) if manner == "rate" else 0.0, at_a_time=at_a_time)
    sys.stdout.write(json.dumps(asdict(told)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
