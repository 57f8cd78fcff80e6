"""``/v1/models``: what can be asked for, in the words of whoever asks.

Listed are the providers' names, each also with its model behind it, and the models' own ids: all that a call may name
as ``model``. Anthropic's clients say a version in their headers; all others read OpenAI's form.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send

from kruxos.errors import KruxosError, ModelNotFoundError
from kruxos.web.doors.calling import DEFAULT_MODEL, Exchange
from kruxos.web.doors.protocols import CHAT, MESSAGES
from kruxos.web.doors.reading import headers_of, who_asks
from kruxos.web.doors.sessions import Sessions

KEPT_S = 5.0
"""How long a list is good for."""
CREATED = "2026-01-01T00:00:00Z"
CREATED_UNIX = 1_767_225_600
"""Clients want a date; the gateway knows none of a model."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One name that a call may give as its model."""

    id: str
    label: str
    owner: str


@dataclass(slots=True)
class ModelsEndpoint:
    """The ASGI application at its paths."""

    sessions: Sessions
    operate: Callable[[str], Awaitable[dict[str, Any]]]
    _known: list[Listed] | None = None
    _known_at: float = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        headers = headers_of(scope)
        is_anthropic = "anthropic-version" in headers
        exchange = Exchange(MESSAGES if is_anthropic else CHAT, send)
        try:
            session = await self.sessions.find(*who_asks(scope, headers))
            with session as client:
                await client.connect()  # the token may have been revoked meanwhile
            answer = self._answer(await self._list(), scope.get("path_params", {}).get("model"), is_anthropic)
        except KruxosError as error:
            await exchange.fail(error)
        else:
            await exchange.send_json(answer)

    async def _list(self) -> list[Listed]:
        now = time.monotonic()
        if self._known is None or now - self._known_at > KEPT_S:
            self._known, self._known_at = listed((await self.operate("model.list"))["providers"]), now
        return self._known

    def _answer(self, every: list[Listed], name: str | None, is_anthropic: bool) -> dict[str, Any]:  # noqa: FBT001
        shape = _anthropic if is_anthropic else _openai
        if name is not None:
            found = next((each for each in every if each.id == name), None)
            if found is None:
                raise ModelNotFoundError("there is no such model here: GET /v1/models lists those there are")
            return shape(found)
        rows = [shape(each) for each in every]
        if not is_anthropic:
            return {"object": "list", "data": rows}
        first, last = (rows[0]["id"], rows[-1]["id"]) if rows else (None, None)
        return {"data": rows, "has_more": False, "first_id": first, "last_id": last}


def listed(providers: list[dict[str, Any]]) -> list[Listed]:
    """The names, each once, from what ``model.list`` says."""
    rows = [Listed(DEFAULT_MODEL, "What this agent is set to", "kruxos")]
    enabled = [each for each in providers if each["enabled"]]
    rows += [Listed(each["name"], each["label"] or each["name"], each["name"]) for each in enabled]
    for each in enabled:
        if each["model"]:
            label = each["label"] or each["model"]
            rows += [Listed(name, label, each["name"]) for name in (each["model"], f"{each['name']}/{each['model']}")]
    known: dict[str, Listed] = {}
    for row in rows:
        known.setdefault(row.id, row)
    return list(known.values())


def _openai(each: Listed) -> dict[str, Any]:
    return {"id": each.id, "object": "model", "created": CREATED_UNIX, "owned_by": each.owner}


def _anthropic(each: Listed) -> dict[str, Any]:
    return {"type": "model", "id": each.id, "display_name": each.label, "created_at": CREATED}
