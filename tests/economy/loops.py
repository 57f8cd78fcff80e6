"""Ten agent loops as fixed scripts: which requests are sent when, and how long their answers are.

Nothing is random: words come from a seeded generator. Times are seconds from the loop's start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from kruxos.messages import Image, Message, Request, Text, Tool, ToolCall, ToolResult

SONNET = ("anthropic", "claude-sonnet-4-6")
OTHER = ("deepseek", "deepseek-v4-pro")
START = 1_795_000_000.0


@dataclass(frozen=True)
class Step:
    at: float
    agent: str
    request: Request
    output_tokens: int
    role: str = "chat"
    sold: tuple[str, str] = SONNET


def words(count: int, seed: int) -> str:
    """About as many tokens of prose."""
    chance = Random(seed)
    letters = "abcdefghijklmnoprstuvw"
    return " ".join("".join(chance.choices(letters, k=chance.randint(2, 6))) for _ in range(count))


def tools(count: int, seed: int = 1) -> list[Tool]:
    return [
        Tool(
            f"tool_{at}",
            words(120, seed * 100 + at),
            {"type": "object", "properties": {"path": {"type": "string", "description": words(40, seed * 50 + at)}}},
        )
        for at in range(count)
    ]


class Talk:
    """A conversation that grows."""

    def __init__(self, system: str, kit: list[Tool], seed: int) -> None:
        self.system, self.kit, self.seed, self.count = system, kit, seed, 0
        self.messages: list[Message] = []

    def user(self, tokens: int, *parts: Image) -> None:
        self.count += 1
        self.messages.append(Message("user", [Text(words(tokens, self.seed * 1000 + self.count)), *parts]))

    def answer(self, tokens: int) -> None:
        self.count += 1
        self.messages.append(Message.of("assistant", words(tokens, self.seed * 1000 + self.count)))

    def tool_turn(self, said: int, result: int, calls: int = 1) -> None:
        """The assistant calls tools, and their results come."""
        self.count += 1
        ids = [f"call_{self.seed}_{self.count}_{at}" for at in range(calls)]
        path = words(3, self.seed * 1000 + self.count)
        said_text = Text(words(said, self.seed * 2000 + self.count))
        self.messages.append(
            Message("assistant", [said_text, *(ToolCall(name, "tool_0", {"path": path}) for name in ids)])
        )
        for at, name in enumerate(ids):
            self.messages.append(
                Message("tool", [ToolResult(name, words(result // calls, self.seed * 3000 + self.count * 50 + at))])
            )

    def request(self) -> Request:
        return Request(
            [Message.of("system", self.system), *self.messages], tools=list(self.kit), max_output_tokens=4096
        )


def coding() -> Iterator[Step]:
    talk, now, chance = Talk(words(2500, 1), tools(12), 1), START, Random(1)
    talk.user(400)
    for turn in range(60):
        yield Step(now, "coder", talk.request(), 220, "autonomous")
        talk.tool_turn(60, chance.choice([300, 600, 900, 2500]), 12 if turn in (20, 41) else 1)
        now += chance.choice([6, 9, 15, 25, 45])


def researcher() -> Iterator[Step]:
    talk, now = Talk(words(1500, 2), tools(4, 2), 2), START
    talk.user(200)
    for gap in (40, 70, 90, 400, 60, 120, 200, 80, 500, 90, 60, 100, 90, 120):
        yield Step(now, "researcher", talk.request(), 600, "autonomous")
        talk.tool_turn(80, 9000)
        now += gap


def pauses() -> Iterator[Step]:
    talk, now = Talk(words(3000, 3), tools(6, 3), 3), START
    for minutes in (3, 3, 8, 3, 3, 8, 3, 70, 3, 8, 3, 3, 8, 3, 3, 8, 70, 3, 3, 8, 3, 8, 3, 3):
        talk.user(250)
        yield Step(now, "chat", talk.request(), 350)
        talk.answer(350)
        now += minutes * 60


def sub_agents() -> Iterator[Step]:
    system, kit = words(4000, 4), tools(10, 4)
    lead = Talk(system, kit, 40)
    lead.user(500)
    yield Step(START, "swarm", lead.request(), 800, "autonomous")
    lead.tool_turn(300, 500)
    talks = [Talk(system, kit, 41 + at) for at in range(6)]
    for talk in talks:
        talk.user(300)
    for turn in range(9):
        for at, talk in enumerate(talks):
            yield Step(START + 30 + turn * 25 + at * 0.2, "swarm", talk.request(), 250, "autonomous")
            talk.tool_turn(60, 700)
    yield Step(START + 280, "swarm", lead.request(), 900, "autonomous")


def clock() -> Iterator[Step]:
    talk, now = Talk("", tools(16, 5), 5), START
    talk.user(300)
    for turn in range(24):
        talk.system = f"It is 2026-11-22 10:{turn:02}:{turn * 7 % 60:02}. {words(2000, 5)}"
        yield Step(now, "clocked", talk.request(), 250, "autonomous")
        talk.tool_turn(60, 500)
        now += 35


def tools_added() -> Iterator[Step]:
    talk, now = Talk(words(2500, 6), tools(10, 6), 6), START
    talk.user(300)
    for turn in range(30):
        if turn == 15:
            talk.kit = [*talk.kit, replace(tools(1, 66)[0], name="added")]
        yield Step(now, "grower", talk.request(), 220, "autonomous")
        talk.tool_turn(60, 700)
        now += 20


def compaction() -> Iterator[Step]:
    talk, now = Talk(words(2500, 7), tools(10, 7), 7), START
    talk.user(400)
    for turn in range(40):
        if turn == 25:
            talk.messages = [Message.of("user", "Summary so far: " + words(1500, 77)), *talk.messages[-4:]]
        yield Step(now, "long", talk.request(), 260, "autonomous")
        talk.tool_turn(60, 1200)
        now += 20


def images() -> Iterator[Step]:
    talk, now = Talk(words(1800, 8), tools(5, 8), 8), START
    for turn in range(20):
        picture = Image(data=bytes([turn]) * 4000, media_type="image/png")
        talk.user(80, picture)
        yield Step(now, "looker", talk.request(), 180, "autonomous")
        talk.answer(120)
        now += 30


def users() -> Iterator[Step]:
    system, kit, chance = words(3500, 9), tools(6, 9), Random(9)
    talks = [Talk(system, kit, 90 + at) for at in range(5)]
    times = sorted((chance.uniform(0, 3600), at) for at in range(5) for _ in range(8))
    for second, at in times:
        talks[at].user(200)
        yield Step(START + second, "desk", talks[at].request(), 300)
        talks[at].answer(300)


def failover() -> Iterator[Step]:
    talk, now = Talk(words(2500, 10), tools(8, 10), 10), START
    talk.user(300)
    for turn in range(36):
        sold = OTHER if 14 <= turn < 24 else SONNET
        yield Step(now, "mover", talk.request(), 240, "autonomous", sold)
        talk.tool_turn(60, 800)
        now += 20


LOOPS: dict[str, Callable[[], Iterator[Step]]] = {
    "coding agent, 60 tool turns": coding,
    "researcher, long documents": researcher,
    "chat, pauses of 3, 8 and 70 minutes": pauses,
    "parallel sub-agents, one prefix": sub_agents,
    "system prompt with a clock": clock,
    "tools added midway": tools_added,
    "compaction midway": compaction,
    "images": images,
    "several users": users,
    "failover midway": failover,
}
