"""What real providers refused is refused here alike, and what they accepted is accepted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from kruxos.catalog import Model
from kruxos.simulator import FAST, Settings
from kruxos.simulator.models import Shop
from kruxos.simulator.world import World
from tests.shared import exchanges
from tests.simulator.support import NOW, Answer, send

pytestmark = pytest.mark.traffic

PROVIDERS = {"anthropic": "anthropic", "openai-chat": "openai"}
PATHS = ("/v1/messages", "/v1/messages/count_tokens", "/v1/chat/completions")
PLACEHOLDER = "<MASSIVE_TEXT>"
"""A recorder put it in place of megabytes of prompt: that body was not kept."""

BETAS = "context-management-2025-06-27,compact-2026-01-12,mcp-client-2025-04-04,structured-outputs-2025-11-13"
"""Sent where the recorder dropped Anthropic's own headers, which its requests cannot have lacked."""

Exchange = dict[str, Any]


def kept(*statuses: int) -> Iterator[Exchange]:
    """The exchanges with these statuses whose request was kept, at an endpoint that is simulated."""
    for recorded, _ in exchanges().values():
        request, status = recorded["request"], recorded["response"]["status"]
        is_ours = recorded["provider"] in PROVIDERS and urlsplit(request["url"] or "").path in PATHS
        if is_ours and status in statuses and isinstance(request["body"], dict):
            yield recorded


def replay(recorded: Exchange) -> Answer:
    """The request sent again: on the day when it was recorded, to a simulator that sells what was sold then."""
    request, response = recorded["request"], recorded["response"]
    provider = PROVIDERS[recorded["provider"]]
    date = response["headers"].get("date")
    now = parsedate_to_datetime(date).timestamp() if date else NOW
    model = request["body"]["model"]
    has_it = Shop().find(provider, model, now, dated=provider == "openai") is not None
    sold = () if has_it or response["status"] == 404 else (Model(provider, model, "recorded", ""),)
    headers = dict(request["headers"])
    if provider == "anthropic" and "anthropic-version" not in headers:
        headers["anthropic-beta"] = BETAS
    key = "bad-key" if response["status"] == 401 else "some-key"
    headers |= {"authorization": f"Bearer {key}"} if provider == "openai" else {"x-api-key": key}
    world = World(Settings(timing=FAST, models=sold, checks_signatures=False))
    path = urlsplit(request["url"]).path
    return send(world, path, json.dumps(request["body"]).encode(), now=now, headers=headers)


def words(body: Any) -> tuple[Any, Any]:
    error = body.get("error") or {}
    return error.get("type"), error.get("code")


def test_what_was_refused_is_refused_with_the_same_status_type_and_code() -> None:
    refused = [each for each in kept(400, 401, 403, 404, 413, 422) if PLACEHOLDER not in json.dumps(each["request"])]
    assert refused
    wrong: dict[str, Any] = {}
    for recorded in refused:
        answer, response = replay(recorded), recorded["response"]
        came = (answer.status, words(answer.json))
        wanted = (response["status"], words(json.loads(response["body_text"])))
        if came != wanted:
            wrong[recorded["id"]] = (came, wanted, answer.json)
    assert wrong == {}


def test_what_was_refused_is_refused_with_the_same_field_named() -> None:
    for recorded in kept(400):
        if PLACEHOLDER not in json.dumps(recorded["request"]):
            wanted = json.loads(recorded["response"]["body_text"])["error"]
            came = replay(recorded).json["error"]
            assert came.get("param") == wanted.get("param"), recorded["id"]
            assert came["message"] == wanted["message"], recorded["id"]


def test_what_was_answered_is_answered() -> None:
    answered = list(kept(200))
    assert answered
    wrong = {each["id"]: answer.json for each in answered if (answer := replay(each)).status != 200}
    assert wrong == {}
