"""Short words for tests of the simulator: a world, requests to it, and what comes back, without a socket."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from queue import Queue
from threading import Thread
from typing import Any, cast

import trio

from kruxos.dialects.profiles import PROFILES
from kruxos.simulator import FAST, Settings, Simulator
from kruxos.simulator.dispatch import respond
from kruxos.simulator.journal import Recorded
from kruxos.simulator.steps import Asked, Cut, Data, End, Head, Step, Wait
from kruxos.simulator.world import World

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
CLAUDE = "claude-sonnet-4-6"
HAIKU = "claude-haiku-4-5-20251001"
GPT = "gpt-5.4"
SPOKEN = {"anthropic": PROFILES["anthropic"], "openai": replace(PROFILES["openai"], dialect="openai-chat")}
"""The providers' profiles, in the protocols that the simulator speaks."""
STEPS_MAX = 100_000
HEADERS = {
    "/v1/messages": {"x-api-key": "some-key", "anthropic-version": "2023-06-01"},
    "/v1/messages/count_tokens": {"x-api-key": "some-key", "anthropic-version": "2023-06-01"},
    "/v1/chat/completions": {"authorization": "Bearer some-key"},
    "/v1/responses": {"authorization": "Bearer some-key"},
}
GOOGLES = {"x-goog-api-key": "some-key"}


@dataclass(frozen=True)
class Refused:
    """A request that a rule refuses, and a piece of what is said."""

    rule: str
    says: str
    body: Any
    status: int = 400
    code: str | None = None
    param: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    path: str = ""


@dataclass
class Answer:
    """What came back: every step, and its parts put together."""

    steps: list[Step] = field(default_factory=list)
    recorded: Recorded | None = None

    @property
    def head(self) -> Head:
        return next(step for step in self.steps if isinstance(step, Head))

    @property
    def status(self) -> int:
        return self.head.status

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.head.headers)

    @property
    def pieces(self) -> list[Data]:
        return [step for step in self.steps if isinstance(step, Data)]

    @property
    def body(self) -> bytes:
        return b"".join(piece.body for piece in self.pieces)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The JSON values of a stream."""
        lines = [line[6:] for line in self.body.decode().splitlines() if line.startswith("data: ")]
        return [json.loads(line) for line in lines if line != "[DONE]"]

    @property
    def waited_s(self) -> float:
        return sum(step.seconds for step in self.steps if isinstance(step, Wait))

    @property
    def rule(self) -> str | None:
        return self.headers.get("x-simulator-rule")

    @property
    def is_whole(self) -> bool:
        return isinstance(self.steps[-1], End) and not any(isinstance(step, Cut) for step in self.steps)


def world(**settings: Any) -> World:
    """A world that answers without pauses."""
    return World(Settings(timing=settings.pop("timing", FAST), **settings))


def send(
    into: World, path: str, body: Any = None, *, method: str = "POST", now: float = NOW, steps_max: int = STEPS_MAX,
    drop: tuple[str, ...] = (), headers: dict[str, str] | None = None, **named: str,
) -> Answer:  # fmt: skip
    """One request; header names that are keywords have ``_`` for ``-``."""
    given = (headers or {}) | {name.replace("_", "-"): value for name, value in named.items()}
    usual = HEADERS.get(path.partition("?")[0], GOOGLES if path.startswith("/v1beta") else {})
    every = {name: value for name, value in (usual | given).items() if name not in drop}
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    response, recorded = respond(into, Asked(method, path, every, data), now)
    steps = [step for step, _ in zip(response.steps, range(steps_max), strict=False)]
    return Answer(steps, recorded)


def messages(*texts: str, model: str = CLAUDE, **fields: Any) -> dict[str, Any]:
    """A Messages request: what the user and the assistant say in turn."""
    return {"model": model, "max_tokens": 1000, "messages": _turns(texts or ("hi",)), **fields}


def responses(*items: Any, model: str = GPT, **fields: Any) -> dict[str, Any]:
    """A Responses request of these items; without any, of one text."""
    return {"model": model, "input": list(items) or "hi", **fields}


GEMINI = "gemini-3.8-flash"


def gemini_path(model: str = GEMINI, method: str = "generateContent") -> str:
    """Where Gemini's methods are."""
    return f"/v1beta/models/{model}:{method}"


def contents(*given: Any, **fields: Any) -> dict[str, Any]:
    """A generateContent request; texts are what user and model say in turn."""
    said: list[Any] = [
        {"role": ("user", "model")[at % 2], "parts": [{"text": each}]} if isinstance(each, str) else each
        for at, each in enumerate([*given] if given else cast("list[Any]", ["hi"]))
    ]
    return {"contents": said, **fields}


def chat(*texts: str, model: str = GPT, **fields: Any) -> dict[str, Any]:
    """A Chat Completions request, likewise."""
    return {"model": model, "messages": _turns(texts or ("hi",)), **fields}


def _turns(texts: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]


def ask(into: World, *texts: str, **fields: Any) -> Answer:
    """A question to Anthropic."""
    return send(into, "/v1/messages", messages(*texts, **fields))


def ask_gpt(into: World, *texts: str, **fields: Any) -> Answer:
    """A question to OpenAI."""
    return send(into, "/v1/chat/completions", chat(*texts, **fields))


@contextmanager
def served(**settings: Any) -> Generator[tuple[str, Simulator]]:
    """A simulator in a thread of its own, for clients that block."""
    simulator = Simulator(Settings(timing=settings.pop("timing", FAST), **settings))
    started: Queue[tuple[str, trio.lowlevel.TrioToken, trio.CancelScope]] = Queue()

    async def main() -> None:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery, simulator.running(nursery) as url:
                started.put((url, trio.lowlevel.current_trio_token(), scope))
                await trio.sleep_forever()

    thread = Thread(target=trio.run, args=(main,))
    thread.start()
    url, token, scope = started.get(timeout=10)
    try:
        yield url, simulator
    finally:
        token.run_sync_soon(scope.cancel)
        thread.join(10)
