"""Every `kruxos model add` of the product document, up to the answer of the model that it adds.

The command's own words are parsed as the command line parses them; the entry is loaded as from models.yaml; the
provider's worker asks with its settings over a scripted network. Nothing that has died since may go out.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import msgpack
import pytest
import trio

from kruxos import catalog, events, wire
from kruxos.cli import model as model_commands
from kruxos.cli.parsing import Parser, Subparsers
from kruxos.codec import encode_request
from kruxos.config.load import load
from kruxos.config.model import Provider
from kruxos.dialects.profiles import choose_profile, origin_of
from kruxos.messages import Message, Request
from kruxos.operations.additions import Wish, plan_addition
from kruxos_workers.exchange import Exchange
from kruxos_workers.gate import Gate
from kruxos_workers.http import ProviderClient
from kruxos_workers.http.scripted import Script, ScriptedNetwork
from kruxos_workers.limits import Limits
from kruxos_workers.settings import read_settings
from kruxos_workers.worker import Worker
from tests.cli import document
from tests.workers.test_exchange import Outlet, json_answer

TODAY = "2026-11-22"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
KEY = "sk-test-0123456789abcdef"
ADDING = sorted({command for command in document.COMMANDS if command.startswith("kruxos model add ")})
GLM = "kruxos model add openai --auth api-key --name glm-5 --endpoint https://api.z.ai/v1 --model glm-5"
GROK = "kruxos model add openai --auth api-key --name grok --endpoint https://api.x.ai/v1 --model grok-4"
FAST = "kruxos model add groq --auth api-key --model llama-3.3-8b-instant"
OPUS = "kruxos model add anthropic --auth api-key --model claude-opus-4-20250522"


def added(command: str) -> Provider:
    parser = Parser(prog="kruxos")
    model_commands.add_parser(cast("Subparsers", parser.add_subparsers()))
    arguments = parser.parse(shlex.split(command)[1:])
    names = ("type", "name", "auth", "endpoint", "base_url", "model", "label")
    addition = plan_addition(Wish(**{name: getattr(arguments, name) for name in names}), today=TODAY)
    lines = "".join(f'    {key}: "{value}"\n' for key, value in addition.fields.items())
    return load(f"providers:\n  {addition.name}:\n{lines}").providers[addition.name]


@dataclass
class Asked:
    """What a call of a provider sent, and to whom, and what came of it."""

    host: str
    path: str
    body: dict[str, Any]
    head: str
    last: wire.Frame
    notices: list[events.Notice]


def ask(provider: Provider) -> Asked:
    profile = choose_profile(provider.type, provider.base_url, provider.profile)
    assert profile is not None
    given = provider.to_settings() | {"profile": profile.name, "origin": origin_of(profile, provider.base_url)}
    given = msgpack.unpackb(msgpack.packb(given))  # as the worker gets it
    settings = read_settings(provider.name, given, json.dumps({"api_key": KEY}).encode())
    network = ScriptedNetwork([Script([json_answer(200, json.dumps(ANSWERS[settings.dialect.name]))])])
    client = ProviderClient(settings.base_url, auth=settings.auth(), network=network)
    outlet = Outlet()
    worker = Worker(settings, client, Gate(Limits(lambda: 0.5), lambda: None), outlet, now=lambda: NOW)
    body = msgpack.packb(encode_request(Request([Message.of("user", "hi")])))
    trio.run(Exchange(worker, wire.Open(id=1, body=body, stream=False)).run)
    head, _, sent = bytes(network.streams[0].sent).decode().partition("\r\n\r\n")
    said = [event for frame in outlet.frames for event in events.decode_events(frame.body)]
    notices = [event for event in said if isinstance(event, events.Notice)]
    path = head.split(" ")[1]
    return Asked(network.asked[0][0], path, json.loads(sent), head, outlet.frames[-1], notices)


_CHAT = {
    "id": "c",
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
ANSWERS: dict[str, dict[str, Any]] = {
    "openai-chat": _CHAT,
    "openai-responses": {
        "id": "r", "object": "response", "status": "completed", "model": "m", "error": None,
        "output": [
            {"type": "message", "id": "i", "role": "assistant", "status": "completed",
             "content": [{"type": "output_text", "text": "Hello", "annotations": []}]}
        ],
        "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2},
    },
    "anthropic": {
        "id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "stop_sequence": None, "content": [{"type": "text", "text": "Hello"}],
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
    "gemini": {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
    },
    "ollama": {"model": "m", "message": {"role": "assistant", "content": "Hello"}, "done": True, "done_reason": "stop"},
}  # fmt: skip


@pytest.mark.parametrize("command", [*ADDING, GLM, GROK, FAST, OPUS])
def test_a_documented_command_ends_in_an_answer_of_a_model_that_lives(command: str) -> None:
    provider = added(command)
    asked = ask(provider)
    assert isinstance(asked.last, wire.End), asked.last
    profile = choose_profile(provider.type, provider.base_url)
    assert profile is not None
    model = asked.body.get("model") or asked.path.partition("/models/")[2].partition(":")[0]
    row = catalog.lookup(profile.catalogue or profile.name, model)
    if profile.name != "ollama":  # what is on this machine, its owner knows
        assert row is not None
        assert not row.is_retired(TODAY)
        assert row.prices is not None
    assert catalog.moved(provider.base_url) is None
    if provider.auth == "api_key":
        assert KEY in asked.head


def test_the_commands_that_name_the_dead_ask_the_living() -> None:
    sent = {command: ask(added(command)) for command in (*ADDING, GLM, GROK, FAST, OPUS)}
    replaced = {
        notice.data["old"]: (asked.host, asked.path, asked.body["model"])
        for asked in sent.values()
        for notice in asked.notices
        if notice.code == "model_replaced"
    }
    assert replaced == {
        "deepseek-chat": ("api.deepseek.com", "/v1/chat/completions", "deepseek-flash"),
        "llama-3.3-70b-versatile": ("api.groq.com", "/openai/v1/chat/completions", "openai/gpt-oss-120b"),
        "grok-4": ("api.x.ai", "/v1/chat/completions", "grok-4.3"),
        "llama-3.3-8b-instant": ("api.groq.com", "/openai/v1/chat/completions", "openai/gpt-oss-20b"),
        "claude-opus-4-20250522": ("api.anthropic.com", "/v1/messages", "claude-opus-4-6"),
    }
    assert (sent[GLM].host, sent[GLM].path) == ("api.z.ai", "/api/paas/v4/chat/completions")
    (deepseek,) = [asked for asked in sent.values() if asked.host == "api.deepseek.com"]
    assert deepseek.body["thinking"] == {"type": "disabled"}
