"""The operator's doors: which faults are on, what was asked, start again. They need no key: the server is local.

GET  /simulator            what it is and knows
GET  /simulator/faults     {"faults": [...]}
POST /simulator/faults     {"faults": ["429 retry_after=2 times=3"]}: on from now on, in place of those before
GET  /simulator/requests   {"count": N, "requests": [...]}, oldest first
GET  /simulator/logins     {"policy": "ask", "codes": [{"user_code": ..., "state": ...}], "logins": N, "refreshes": N}
POST /simulator/logins     {"policy": "approve"}: what becomes of codes; {"user_code": ..., "answer": "approve"}: one of
                           them; {"end": "access"}: access tokens are refused; {"end": "refresh"}: refresh tokens are
GET  /simulator/batches    {"seconds": ..., "batches": [{"id": ..., "requests": N, "done": N, "ended": false}]}
POST /simulator/batches    {"seconds": 5, "window_s": 3, "lost_answers": 1, "hidden_lists": 2}: of batches to come
POST /simulator/reset      as at the start
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast

from kruxos import __version__
from kruxos.dialects.text import body_bytes, parse_json
from kruxos.errors import BadRequestError
from kruxos.fields import Fields

from .bases import BASE_PATHS, CODEX_BASE_PATH
from .faults import ALWAYS, KINDS, STATUS
from .steps import Asked, Response, whole
from .world import World, read_faults


def _json(value: Any, status: int = 200) -> Response:
    body = body_bytes(value)
    outcome = "answered" if status == 200 else "refused"
    return Response(whole(status, (("content-type", "application/json"),), body), outcome, "operator")


def show(world: World, _asked: Asked, now: float) -> Response:
    """What the simulator is and knows."""
    kinds = {kind.name: {"options": [*kind.options, *ALWAYS], "does": kind.says} for kind in KINDS.values()}
    kinds["400 to 599"] = {"options": [*STATUS.options, *ALWAYS], "does": STATUS.says}
    models = {name: [sold.id for sold in world.shop.on_sale(name, now)] for name in BASE_PATHS}
    told = {"simulator": "kruxos", "version": __version__, "base_paths": BASE_PATHS | {"openai-codex": CODEX_BASE_PATH}}
    return _json({**told, "faults": kinds, "models": models})


def show_faults(world: World, _asked: Asked, _now: float) -> Response:
    """The faults that are on."""
    return _json({"faults": [fault.text for fault in world.switches.switched]})


def switch_faults(world: World, asked: Asked, now: float) -> Response:
    """These faults are on from now on; none: all is well again."""
    try:
        world.switches.switch(read_faults(_texts(asked.body)))
    except BadRequestError as error:
        return _json({"error": str(error)}, 400)
    return show_faults(world, asked, now)


def _map(body: bytes) -> dict[str, Any] | None:
    try:
        value = parse_json(body or b"{}")
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _texts(body: bytes) -> list[str]:
    value = _map(body)
    given: Any = None if value is None else value.get("faults", [])
    texts = cast("list[Any]", given) if isinstance(given, list) else [given]
    if not all(isinstance(text, str) for text in texts):
        raise BadRequestError('simulate: the body must be {"faults": ["429 retry_after=2", ...]}')
    return texts


def show_requests(world: World, _asked: Asked, _now: float) -> Response:
    """What was asked lately."""
    journal = world.journal
    return _json({"count": journal.count, "requests": [line.to_json() for line in journal.all()]})


def show_logins(world: World, _asked: Asked, _now: float) -> Response:
    """Codes that wait, and how many logins there are."""
    return _json(world.accounts.to_json())


def change_logins(world: World, asked: Asked, now: float) -> Response:
    """Answers for the person, or ends what was given."""
    accounts = world.accounts
    match _map(asked.body):
        case {"policy": ("ask" | "approve" | "deny" | "expire") as policy}:
            accounts.policy = policy
        case {"user_code": str(code), "answer": ("approve" | "deny") as answer}:
            if not accounts.answer(code, yes=answer == "approve"):
                return _json({"error": f"simulate: no code {code!r} waits"}, 404)
        case {"end": "access"}:
            accounts.refuse_access()
        case {"end": "refresh"}:
            accounts.end_logins()
        case _:
            return _json({"error": "simulate: a policy, an answer to a user_code, or what to end"}, 400)
    return show_logins(world, asked, now)


def show_batches(world: World, _asked: Asked, now: float) -> Response:
    """What batches do here, and those there are."""
    batches = world.batches
    return _json(asdict(batches.ways) | {"batches": [job.to_json(now) for job in batches.jobs.values()]})


def change_batches(world: World, asked: Asked, now: float) -> Response:
    """How long batches take from now on, when they expire, and what goes wrong."""
    fields, ways = Fields(_map(asked.body) or {}), world.batches.ways
    try:
        for name in ("seconds", "window_s"):
            setattr(ways, name, fields.maybe_number(name, low=0.0) if fields.has(name) else getattr(ways, name))
        for name in ("lost_answers", "hidden_lists"):
            setattr(ways, name, fields.integer(name, low=0) if fields.has(name) else getattr(ways, name))
    except BadRequestError as error:
        return _json({"error": str(error)}, 400)
    return show_batches(world, asked, now)


def reset(world: World, _asked: Asked, _now: float) -> Response:
    """As at the start."""
    world.reset()
    return _json({"reset": True})
