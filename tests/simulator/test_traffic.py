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
from kruxos.simulator.models import Shop, Sold
from kruxos.simulator.world import World
from tests.shared import exchanges
from tests.simulator.support import NOW, Answer, send

pytestmark = pytest.mark.traffic

HOSTS = {
    "api.anthropic.com": ("anthropic", ""),
    "api.openai.com": ("openai", ""),
    "generativelanguage.googleapis.com": ("gemini", ""),
    "localhost": ("ollama", ""),
    "127.0.0.1": ("ollama", ""),
    "api.deepseek.com": ("deepseek", "/deepseek"),
    "api.z.ai": ("glm", "/z.ai"),
    "api.x.ai": ("grok", "/x.ai"),
    "api.mistral.ai": ("mistral", "/mistral"),
    "api.groq.com": ("groq", "/groq"),
    "openrouter.ai": ("openrouter", "/openrouter"),
    "chatgpt.com": ("openai-codex", ""),
}
"""Who is at which host, and what its paths follow at the simulator."""
LOGINS = ("openai-codex",)
"""Who answers only what is signed with a login."""
ENDINGS = (
    "/v1/messages", "/v1/messages/count_tokens", "/chat/completions", ":generateContent", ":streamGenerateContent",
    ":countTokens", "/api/chat", "/v1/responses", "/codex/responses",
)  # fmt: skip
ELSEWHERE = {
    (name, "responses") for name in ("deepseek", "grok", "groq", "openrouter")
} | {("ollama", "completions")}  # fmt: skip
"""A protocol of OpenAI's at a provider that has another one here."""
PLACEHOLDER = "<MASSIVE_TEXT>"
"""A recorder put it in place of megabytes of prompt: that body was not kept."""
BETAS = "context-management-2025-06-27,compact-2026-01-12,mcp-client-2025-04-04,structured-outputs-2025-11-13"
"""Sent where the recorder dropped Anthropic's own headers, which its requests cannot have lacked."""
REFUSING = (400, 401, 403, 404, 413, 422)

Exchange = dict[str, Any]


def place(recorded: Exchange) -> tuple[str, str]:
    """Who was asked, and where he is at the simulator; empty where he is not."""
    url = urlsplit(recorded["request"]["url"] or "")
    name, mount = HOSTS.get(url.hostname or "", ("", ""))
    if recorded["provider"] == "ollama":
        name, mount = "ollama", ""
    is_asked = url.path.endswith(ENDINGS) and (name, url.path.rpartition("/")[2]) not in ELSEWHERE
    return (name, f"{mount}{url.path}" + (f"?{url.query}" if url.query else "")) if name and is_asked else ("", "")


def kept(*statuses: int) -> Iterator[Exchange]:
    """The exchanges with these statuses whose request was kept, at an endpoint that is simulated."""
    for recorded, _ in exchanges().values():
        is_ours, status = bool(place(recorded)[0]), recorded["response"]["status"]
        if is_ours and status in statuses and isinstance(recorded["request"]["body"], dict):
            yield recorded


def replay(recorded: Exchange) -> Answer:
    """The request sent again: on the day when it was recorded, to a simulator that sells what was sold then."""
    request, response = recorded["request"], recorded["response"]
    provider, path = place(recorded)
    date = response["headers"].get("date")
    now = parsedate_to_datetime(date).timestamp() if date else NOW
    model = request["body"].get("model") or path.rpartition("models/")[2].partition(":")[0]
    found = Shop().find(provider, model, now, dated=provider == "openai")
    has_it = isinstance(found, Sold) or (found is not None and bool(date))
    is_unknown = response["status"] in (400, 404) and model in response["body_text"]
    sold = () if has_it or is_unknown else (Model(provider, model, "recorded", ""),)
    headers = dict(request["headers"])
    if provider == "anthropic" and "anthropic-version" not in headers:
        headers["anthropic-beta"] = BETAS
    headers |= key_headers(provider, response)
    world = World(Settings(timing=FAST, models=sold, checks_signatures=False))
    return send(world, path, json.dumps(request["body"]).encode(), now=now, headers=headers)


def key_headers(provider: str, response: dict[str, Any]) -> dict[str, str]:
    """A key that is as good as the one that was sent; the recorder kept none."""
    if response["status"] == 401 and "No cookie auth" in response["body_text"]:
        return {}
    key = "bad-key" if response["status"] == 401 else "some-key"
    names = {"anthropic": ("x-api-key", ""), "gemini": ("x-goog-api-key", "")}
    name, prefix = names.get(provider, ("authorization", "Bearer "))
    return {name: f"{prefix}{key}"}


def refused_body(recorded: Exchange) -> Any:
    try:
        return json.loads(recorded["response"]["body_text"])
    except ValueError:
        return {}


def words(body: Any) -> tuple[Any, ...]:
    """What tells one error from another: fields of the envelope, and words that are codes."""
    if not isinstance(body, dict):
        return ()
    error = body.get("error")
    inner = error if isinstance(error, dict) else body
    named = tuple(inner.get(name) for name in ("type", "code", "status"))
    return (sorted(body.keys() - {"request_id", "user_id"}), type(error).__name__, *named)


def test_what_was_refused_is_refused_with_the_same_status_form_type_and_code() -> None:
    refused = [each for each in kept(*REFUSING) if PLACEHOLDER not in json.dumps(each["request"])]
    assert refused
    wrong: dict[str, Any] = {}
    for recorded in refused:
        answer, response = replay(recorded), recorded["response"]
        came = (answer.status, words(answer.json))
        wanted = (response["status"], words(refused_body(recorded)))
        if came != wanted:
            wrong[recorded["id"]] = (came, wanted, answer.json)
    assert {name: what for name, what in wrong.items() if name not in MISSED} == {}
    assert set(MISSED) & {each["id"] for each in refused} <= set(wrong)


MISSED: dict[str, str] = {}
"""Refusals that are not made alike, and why."""


def test_what_openai_and_anthropic_refused_is_refused_with_the_same_words_and_field() -> None:
    for recorded in kept(400):
        if place(recorded)[0] in ("anthropic", "openai") and PLACEHOLDER not in json.dumps(recorded["request"]):
            wanted = refused_body(recorded)["error"]
            came = replay(recorded).json["error"]
            assert came.get("param") == wanted.get("param"), recorded["id"]
            assert came["message"] == wanted["message"], recorded["id"]


def test_what_was_answered_is_answered() -> None:
    answered = [each for each in kept(200) if place(each)[0] not in LOGINS]
    assert answered
    wrong = {each["id"]: answer.json for each in answered if (answer := replay(each)).status != 200}
    assert {name: what for name, what in wrong.items() if name not in UNANSWERED} == {}


UNANSWERED: dict[str, str] = {"oair-55a4b333": "its prompt is kept at OpenAI"}
"""Requests that were answered and are refused here, and why."""
