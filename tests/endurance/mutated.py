"""Frames that were right once: bytes turned, cut, doubled and spliced, at the agents' door and in sessions."""

from __future__ import annotations

import random
from pathlib import Path

import msgpack

from kruxos import framing, wire
from tests.endurance.figures import Figures
from tests.endurance.setting import serving
from tests.service.raw import RawSession, at_door, error_code, rss_bytes
from tests.service.running import Installation

SEED = 20_261_122
WARM_UP_SHARE = 0.1
GROWTH_BYTES_MAX = 48 * 1024 * 1024
QUESTIONS_PER_HELLO = 40
"""A hello opens a session that waits five seconds to be dialled: not too many of them."""
_BODY = msgpack.packb({"messages": [{"role": "user", "content": "hi"}], "max_output_tokens": 3})
SEEDS = (
    wire.Open(id=1, body=_BODY, provider="nobody", fallback="none"),
    wire.Open(id=2, body=_BODY, provider="one", stream=True, deadline_s=5.0),
    wire.Open(id=3, body=_BODY, model="one/gpt-4o", key="a-key", role="chat", wait_s=0.0, at_most_once=True),
    wire.Open(id=4, op="count_tokens", body=_BODY, provider="two", conversation="c", on_interrupt="restart"),
    wire.Cancel(id=2),
    wire.Ping(id=5, body=b"ping"),
    wire.Pong(id=6),
    wire.Event(id=1, body=_BODY),
    wire.Error(id=1, error={"code": "internal", "message": "no"}),
)
HELLO = wire.Hello(package="mutant", agent="mutant", token=None)
MARK = 2**40
"""The id of the ping behind each message: its answer tells that the session has read so far."""


def mutate(data: bytes, chance: random.Random) -> bytes:
    """One to four changes."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(7):
            case 0 if at < len(changed):
                changed[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(changed):
                changed[at] = chance.choice((0x00, 0x7F, 0x80, 0xC0, 0xC1, 0xC6, 0xDB, 0xDD, 0xDF, 0xFF))
            case 2:
                del changed[at:]
            case 3:
                changed[at:at] = chance.randbytes(chance.randint(1, 16))
            case 4:
                changed[at:at] = changed[: chance.randint(0, 64)]
            case 5:
                changed += framing.encode(chance.choice(SEEDS))
            case _:
                del changed[at : at + chance.randint(1, 8)]
    return bytes(changed)


def mutated(count: int, home: Path) -> Figures:
    """Half of ``count`` at the door, half in sessions."""
    figures = Figures(f"mutated frames x{count}")
    chance = random.Random(SEED)
    with serving(home, "--fast") as (installation, _):
        pid, half = installation.gateway.pid, count // 2
        warm = max(1, round(half * WARM_UP_SHARE))
        door, session = _at_door(installation, warm, chance), _in_sessions(installation, warm, chance)
        before = rss_bytes(pid)
        door += _at_door(installation, half - warm, chance)
        between = rss_bytes(pid)
        session += _in_sessions(installation, half - warm, chance)
        after = rss_bytes(pid)
        figures.at_most("supervisors that died", int(not installation.gateway.running))
        figures.at_most("faults of our own in the log", installation.gateway.log.count("fault in "))
        with installation.client() as client:
            figures.at_most("good calls that fail afterwards", int(not client.chat("Hello", provider="one").text))
    figures.tally("at the door", door)
    figures.tally("in sessions", session)
    figures.at_most("sessions that ended without a reason", session.count("passed over, closed"))
    at_rest, in_between, at_last = (each / 2**20 for each in (before, between, after))
    figures.tell(f"memory of the supervisor: {at_rest:.1f} MiB, {in_between:.1f} MiB, {at_last:.1f} MiB at last")
    figures.at_most("growth in MiB", round((after - before) / 2**20, 1), GROWTH_BYTES_MAX / 2**20)
    return figures


def _at_door(installation: Installation, count: int, chance: random.Random) -> list[str]:
    codes: list[str] = []
    for number in range(count):
        seed = HELLO if number % QUESTIONS_PER_HELLO == 0 else chance.choice(SEEDS)
        codes.append(error_code(at_door(installation.kruxos.root, mutate(framing.encode(seed), chance))))
    return codes


def _in_sessions(installation: Installation, count: int, chance: random.Random) -> list[str]:
    """What each message brought: nothing but the ping's answer, an error beside it, or the end of the session."""
    outcomes: list[str] = []
    session = RawSession(installation.kruxos.root)
    for _ in range(count):
        if session.closed:
            session.close()
            session = RawSession(installation.kruxos.root)
        session.received.clear()
        session.send_message(mutate(framing.encode(chance.choice(SEEDS)), chance))
        session.send(wire.Ping(id=MARK))
        outcomes.append(_outcome(session))
    session.close()
    return outcomes


def _outcome(session: RawSession) -> str:
    told = "passed over"
    while (frame := session.next_frame()) is not None:
        if isinstance(frame, wire.Pong) and frame.id == MARK:
            return told
        if isinstance(frame, wire.Error):
            told = str(frame.error["code"])
        elif isinstance(frame, (wire.End, wire.Event)):
            told = "answered"
    return f"{told}, closed"
