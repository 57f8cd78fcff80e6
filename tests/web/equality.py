"""Recorded exchanges as the official library sees them directly, and through the door of the same protocol."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic
import openai

from tests.dialects import traffic
from tests.service.replaying import replaying
from tests.shared import exchanges_of
from tests.web.running import Web, serving

WIRES = {"messages": "anthropic", "chat": "openai-chat", "responses": "openai-responses"}
AT_A_TIME = 6
FINAL_STATUSES = (400, 413, 422)
"""Errors of the request itself go on as they came; for others the gateway speaks, having tried what it could."""


@dataclass
class Seen:
    """What a library made of one exchange: the values it gave, or the error it raised."""

    values: list[Any] = field(default_factory=list[Any])
    error: str = ""
    status: int | None = None
    body: Any = None


@dataclass
class Compared:
    """Counts, and by id what differs. ``fields`` counts values that are equal, leaf by leaf."""

    answers: int = 0
    events: int = 0
    fields: int = 0
    errors: int = 0
    told_otherwise: list[str] = field(default_factory=list[str])
    """Errors that the gateway tells in its own words."""
    differing: dict[str, Any] = field(default_factory=dict[str, Any])


def compared(home: Path) -> Compared:
    """Every recorded exchange that a library can ask for."""
    chosen = {
        name: both
        for name, both in exchanges_of(*WIRES).items()
        if str(both[0]["request"].get("method", "POST")) != "GET"
    }
    found = Compared()
    with replaying({name: recorded for name, (recorded, _) in chosen.items()}) as upstream:
        models = "".join(_models(upstream.root, chosen))
        with serving(home, models, ()) as web, ThreadPoolExecutor(AT_A_TIME) as threads:
            asked = {
                name: threads.submit(_ask_both, name, recorded, expected["wire"], upstream.root, web)
                for name, (recorded, expected) in chosen.items()
            }
            for name, both in asked.items():
                _judge(found, name, *both.result())
    return found


def tell(found: Compared) -> str:
    """One line."""
    return (
        f"same-protocol doors: {found.answers} answers equal in {found.fields} fields of {found.events} values; "
        f"{found.errors} errors equal; {len(found.told_otherwise)} errors told in the gateway's words; "
        f"{len(found.differing)} differ"
    )


def _provider(name: str, recorded: dict[str, Any], wire: str) -> str:
    """One for each profile; for each exchange where it does not end well, so that none learns of another's limits."""
    if recorded["response"]["status"] >= 400 or wire == "responses":
        return f"p-{name.lower()}"
    return f"{wire}-{traffic.target_of(recorded, wire).profile.name}"


def _models(root: str, chosen: dict[str, tuple[dict[str, Any], dict[str, Any]]]) -> Iterator[str]:
    yield "providers:\n"
    wanted = {
        (_provider(name, recorded, row["wire"]), row["wire"], traffic.target_of(recorded, row["wire"]).profile.name)
        for name, (recorded, row) in chosen.items()
    }
    for provider, wire, profile in sorted(wanted):
        kind = "anthropic" if wire == "messages" else "openai"
        base = root if kind == "anthropic" else f"{root}/v1"
        yield (
            f"  {provider}: {{type: {kind}, dialect: {WIRES[wire]}, profile: {profile}, base_url: '{base}', "
            "auth: none, model: some-model}\n"
        )


def _ask_both(name: str, recorded: dict[str, Any], wire: str, root: str, web: Web) -> tuple[Seen, Seen]:
    stream = bool(recorded["response"]["stream"])
    direct = _ask(wire, root, "k" * 8, f"exchange:{name}", "some-model", stream)
    door = _ask(
        wire, web.address, web.token, f"exchange:{name}", f"{_provider(name, recorded, wire)}/some-model", stream
    )
    return direct, door


def _ask(wire: str, address: str, key: str, prompt: str, model: str, stream: bool) -> Seen:
    seen = Seen()
    headers = {"x-kruxos-fallback": "none"}
    try:
        with _client(wire, address, key) as client:
            answer = _create(client, wire, prompt, model, stream, headers)
            seen.values += [_plain(each) for each in answer] if stream else [_plain(answer)]
    except (openai.APIStatusError, anthropic.APIStatusError) as error:
        seen.error, seen.status, seen.body = type(error).__name__, error.status_code, error.body
    except (openai.APIError, anthropic.APIError) as error:
        seen.error, seen.body = type(error).__name__, error.body
    except (ValueError, TypeError, KeyError) as error:
        seen.error = type(error).__name__
    return seen


def _client(wire: str, address: str, key: str) -> Any:
    if wire == "messages":
        return anthropic.Anthropic(api_key=key, base_url=address, max_retries=0)
    return openai.OpenAI(api_key=key, base_url=f"{address}/v1", max_retries=0)


def _create(client: Any, wire: str, prompt: str, model: str, stream: bool, headers: dict[str, str]) -> Any:
    said = [{"role": "user", "content": prompt}]
    if wire == "messages":
        return client.messages.create(model=model, max_tokens=100, messages=said, stream=stream, extra_headers=headers)
    if wire == "chat":
        options = {"stream_options": {"include_usage": True}} if stream else {}
        return client.chat.completions.create(
            model=model, messages=said, stream=stream, extra_headers=headers, **options
        )
    return client.responses.create(model=model, input=said, stream=stream, extra_headers=headers)


def _plain(value: Any) -> Any:
    return value.to_dict(mode="json", warnings=False) if hasattr(value, "to_dict") else value


def _judge(found: Compared, name: str, direct: Seen, door: Seen) -> None:
    if direct.error and direct.status not in (None, *FINAL_STATUSES) and door.error:
        found.told_otherwise.append(f"{name}: {direct.status} {direct.error} -> {door.status} {door.error}")
    elif direct == door:
        found.answers += not direct.error
        found.errors += bool(direct.error)
        found.events += len(direct.values)
        found.fields += sum(map(_leaves, direct.values))
    elif door.error and (direct.error or _holds_error(direct)):
        found.told_otherwise.append(f"{name}: {direct.status} {direct.error} -> {door.status} {door.error}")
    else:
        found.differing[name] = (direct, door)


def _holds_error(seen: Seen) -> bool:
    """Whether the answer is an error with a status that says otherwise: the gateway tells it as the error it is."""
    return any(isinstance(value, dict) and value.get("error") for value in seen.values)


def _leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_leaves, value.values()))
    if isinstance(value, list):
        return sum(map(_leaves, value))
    return 1
