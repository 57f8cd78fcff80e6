"""A subscription's worker: its headers, and a whole answer out of the stream that is all the backend knows."""

from __future__ import annotations

import json
from typing import Any

import trio

from kruxos import events, wire
from kruxos.dialects.profiles import OPENAI_CODEX
from kruxos_workers.exchange import Worker
from kruxos_workers.gate import Gate
from kruxos_workers.http import ProviderClient
from kruxos_workers.http.scripted import Script, ScriptedNetwork
from kruxos_workers.limits import Limits
from kruxos_workers.settings import read_settings
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


def codex(script: Script) -> World:
    network, outlet = ScriptedNetwork((script,)), Outlet()
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
        assert {"originator: kruxos", "chatgpt-account-id: account-1", f"authorization: bearer {SECRET}"} <= set(lines)
        assert any(line.startswith("user-agent: kruxos/") for line in lines)
        assert json.loads(body)["stream"] is True

    trio.run(main)


def test_a_login_that_has_ended_needs_another() -> None:
    async def main() -> None:
        here = codex(Script([json_answer(401, '{"detail": "Could not parse your authentication token."}')]))
        await here.exchange().run()
        assert (here.error.code, here.failure) == ("needs_login", "refused")
        assert SECRET.encode() not in b"".join(wire.encode(frame) for frame in here.outlet.frames)

    trio.run(main)
