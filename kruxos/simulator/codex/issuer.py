"""The issuer's doors (openai/codex 0.145: login/src/device_code_auth.rs, server.rs, auth/manager.rs).

What it says to a code that was denied or has expired is not known from there; that is made up here.
A fault strikes here only when it names the door: ``cut on=refresh``. Its tokens are given all the same, and lost.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from kruxos.dialects.text import body_bytes, parse_json
from kruxos.simulator.damage import damage_steps
from kruxos.simulator.faults import Fault
from kruxos.simulator.steps import Asked, Response, whole
from kruxos.simulator.world import World

from .accounts import Tokens

INTERVAL_S = 1
"""How often a client may ask whether its person has answered."""
NAME = "issuer"


@dataclass(frozen=True, slots=True)
class Said:
    """The issuer's answer before faults are done to it."""

    status: int
    value: dict[str, Any]


def begin(world: World, asked: Asked, now: float) -> Response:
    """POST /api/accounts/deviceauth/usercode: a code for a person."""

    def say(_body: dict[str, Any]) -> Said:
        device = world.accounts.begin(now)
        words = {"device_auth_id": device.name, "user_code": device.user_code, "interval": str(INTERVAL_S)}
        return Said(200, words)

    return _respond(world, "usercode", _json_body(asked), say)


def poll(world: World, asked: Asked, now: float) -> Response:
    """POST /api/accounts/deviceauth/token: whether the person has answered."""

    def say(body: dict[str, Any]) -> Said:
        device = world.accounts.poll(str(body.get("device_auth_id")), str(body.get("user_code")), now)
        state = "unknown" if device is None else device.state
        if device is not None and state == "approved":
            challenge = "made-up-by-the-server"
            words = {"authorization_code": device.code, "code_challenge": challenge, "code_verifier": device.verifier}
            return Said(200, words)
        refused = {"denied": "access_denied", "expired": "expired_token", "used": "expired_token"}
        return _refuse(400, refused[state]) if state in refused else _refuse(403, "authorization_pending")

    return _respond(world, "device", _json_body(asked), say)


def tokens(world: World, asked: Asked, now: float) -> Response:
    """POST /oauth/token: a form for the first tokens, JSON for a refresh."""
    is_form = asked.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    body = _form(asked) if is_form else _json_body(asked)
    wanted = "authorization_code" if is_form else "refresh_token"

    def say(body: dict[str, Any]) -> Said:
        if body.get("grant_type") != wanted or not body.get("client_id"):
            return _refuse(400, "invalid_request")
        if not is_form:
            given = world.accounts.refresh(str(body.get("refresh_token")), now)
            return Said(200, given.to_json()) if isinstance(given, Tokens) else _refuse(401, given)
        first = world.accounts.exchange(str(body.get("code")), str(body.get("code_verifier")), now)
        return _refuse(400, "invalid_grant") if first is None else Said(200, first.to_json())

    return _respond(world, "tokens" if is_form else "refresh", body, say)


def revoke(world: World, asked: Asked, _now: float) -> Response:
    """POST /oauth/revoke: the login is over."""

    def say(body: dict[str, Any]) -> Said:
        world.accounts.revoke(str(body.get("token")))
        return Said(200, {})

    return _respond(world, "revoke", _json_body(asked), say)


def page(world: World, asked: Asked, _now: float) -> Response:
    """GET /codex/device: where the person answers; ``?user_code=...&answer=approve`` does it at once."""
    query = parse_qs(urlsplit(asked.target).query)
    code, answer = query.get("user_code", [""])[0], query.get("answer", [""])[0]
    words = "Answer for:"
    if answer in ("approve", "deny"):
        done = world.accounts.answer(code, yes=answer == "approve")
        words = f"{'Done' if done else 'No such code waits'}: {html.escape(code)}."
    waiting = [each.user_code for each in world.accounts.devices if each.state == "waiting"]
    links = "".join(
        f'<li>{each}: <a href="?user_code={each}&amp;answer=approve">approve</a>, '
        f'<a href="?user_code={each}&amp;answer=deny">deny</a></li>'
        for each in waiting
    )
    body = f"<!DOCTYPE html>\n<title>Simulated login</title>\n<p>{words}</p>\n<ul>{links}</ul>\n".encode()
    return Response(whole(200, (("content-type", "text/html; charset=utf-8"),), body))


def _respond(world: World, door: str, body: dict[str, Any], say: Callable[[dict[str, Any]], Said]) -> Response:
    fault = world.switches.strike_named((NAME, door))
    if fault is not None and fault.kind in ("status", "html", "quota"):
        return _struck(fault)
    said = say(body)
    outcome = "answered" if said.status < 300 else "refused"
    steps = whole(said.status, (("content-type", "application/json"),), body_bytes(said.value))
    if fault is None:
        return Response(steps, outcome, door)
    return Response(damage_steps(steps, fault, lambda: b""), "fault", fault.text)


def _struck(fault: Fault) -> Response:
    status = fault.status or 429
    if fault.kind == "html":
        return Response(whole(status, (("content-type", "text/html"),), b"<html>no</html>"), "fault", fault.text)
    body = body_bytes(_refuse(status, "server_error" if status >= 500 else "simulated").value)
    return Response(whole(status, (("content-type", "application/json"),), body), "fault", fault.text)


def _refuse(status: int, code: str) -> Said:
    return Said(status, {"error": {"code": code, "message": "The login can't go on like this."}})


def _json_body(asked: Asked) -> dict[str, Any]:
    try:
        value = parse_json(asked.body)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _form(asked: Asked) -> dict[str, Any]:
    return {name: values[0] for name, values in parse_qs(asked.body.decode("utf-8", "replace")).items()}
