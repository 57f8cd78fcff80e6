"""A subscription's worker: its headers, and a whole answer out of the stream that is all the backend knows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import trio

from kruxos import __version__, events, framing, wire
from kruxos.dialects.profiles import OPENAI_CODEX
from kruxos_workers.gate import Gate
from kruxos_workers.http import ProviderClient
from kruxos_workers.http.scripted import Script, ScriptedNetwork
from kruxos_workers.limits import Limits
from kruxos_workers.settings import read_settings
from kruxos_workers.worker import Worker
from tests.workers.test_exchange import HEAD, LAST, SECRET, Outlet, World, chunk, json_answer

SETTINGS = {
    "profile": "openai-codex",
    "origin": "openai-codex",
    "base_url": "http://127.0.0.1:1/codex",
    "model": "gpt-5.4",
}
LOGIN = {"access_token": SECRET, "account_id": "account-1"}
DONE = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi", "annotations": []}]}
STREAM: list[dict[str, Any]] = [
    {"type": "response.created", "response": {"id": "r", "model": "gpt-5.4", "status": "in_progress"}},
    {"type": "response.output_item.done", "output_index": 0, "item": DONE},
    {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}},
]


def codex(*scripts: Script) -> World:
    network, outlet = ScriptedNetwork(scripts), Outlet()
    settings = read_settings("p", SETTINGS, json.dumps(LOGIN).encode())
    assert settings.profile is OPENAI_CODEX
    client = ProviderClient(settings.base_url, auth=settings.auth(), network=network)
    worker = Worker(settings, client, Gate(Limits(lambda: 0.5), lambda: None), outlet)
    return World(network, outlet, worker, [])


def test_an_answer_that_is_asked_whole_is_made_of_the_stream() -> None:
    async def main() -> None:
        here = codex(Script([HEAD, *[chunk(f"data: {json.dumps(event)}\n\n") for event in STREAM], LAST]))
        await here.exchange(stream=False).run()
        assert isinstance(here.last, wire.End)
        assert here.last.finish_reason == "stop"
        assert events.TextDelta(0, "hi") in here.said()
        head, _, body = bytes(here.network.streams[0].sent).partition(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        assert lines[0].startswith("post /codex/responses ")
        assert {
            f"originator: kruxos/{__version__}",
            "chatgpt-account-id: account-1",
            f"authorization: bearer {SECRET}",
        } <= set(lines)
        assert any(line.startswith("user-agent: kruxos/") for line in lines)
        assert json.loads(body)["stream"] is True

    trio.run(main)


def test_a_login_that_has_ended_needs_another() -> None:
    async def main() -> None:
        here = codex(Script([json_answer(401, '{"detail": "Could not parse your authentication token."}')]))
        await here.exchange().run()
        assert (here.error.code, here.failure) == ("needs_login", "refused")
        assert SECRET.encode() not in b"".join(framing.encode(frame) for frame in here.outlet.frames)

    trio.run(main)


@dataclass
class Kept:
    """A login that was renewed, or could not be."""

    has_another: bool
    rejected: list[str] = field(default_factory=list[str])

    async def token(self) -> str:
        await trio.lowlevel.checkpoint()
        return SECRET

    async def renewed(self, rejected: str) -> bool:
        await trio.lowlevel.checkpoint()
        self.rejected.append(rejected)
        return self.has_another


REFUSED = json_answer(401, '{"detail": "Unauthorized"}', "connection: close")
ANSWERED = [HEAD, *[chunk(f"data: {json.dumps(event)}\n\n") for event in STREAM], LAST]


def test_a_refused_token_is_renewed_and_the_call_is_sent_once_more() -> None:
    async def main() -> None:
        here = codex(Script([REFUSED]), Script(ANSWERED))
        here.worker.login = kept = Kept(has_another=True)
        await here.exchange().run()
        assert isinstance(here.last, wire.End)
        assert kept.rejected == [SECRET]
        assert len(here.network.streams) == 2

    trio.run(main)


def test_a_renewed_token_that_is_refused_too_ends_the_call() -> None:
    async def main() -> None:
        here = codex(Script([REFUSED]), Script([REFUSED]))
        here.worker.login = Kept(has_another=True)
        await here.exchange().run()
        assert (here.error.code, here.failure) == ("needs_login", "refused")
        assert len(here.network.streams) == 2

    trio.run(main)


def test_without_another_token_nothing_is_sent_again() -> None:
    async def main() -> None:
        here = codex(Script([REFUSED]))
        here.worker.login = Kept(has_another=False)
        await here.exchange().run()
        assert (here.error.code, here.failure) == ("needs_login", "refused")
        assert len(here.network.streams) == 1

    trio.run(main)
