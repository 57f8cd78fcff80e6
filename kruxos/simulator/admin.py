"""The operator's doors: which faults are on, what was asked, start again. They need no key: the server is local.

GET  /simulator            what it is and knows
GET  /simulator/faults     {"faults": [...]}
POST /simulator/faults     {"faults": ["429 retry_after=2 times=3"]}: on from now on, in place of those before
GET  /simulator/requests   {"count": N, "requests": [...]}, oldest first
POST /simulator/reset      as at the start
"""

from __future__ import annotations

from typing import Any, cast

from kruxos import __version__
from kruxos.dialects.text import body_bytes, parse_json
from kruxos.errors import BadRequestError

from .bases import BASE_PATHS
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
    told = {"simulator": "kruxos", "version": __version__, "base_paths": BASE_PATHS}
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


def _texts(body: bytes) -> list[str]:
    try:
        value = parse_json(body or b"{}")
    except ValueError:
        value = None
    given: Any = cast("dict[str, Any]", value).get("faults", []) if isinstance(value, dict) else None
    texts = cast("list[Any]", given) if isinstance(given, list) else [given]
    if not all(isinstance(text, str) for text in texts):
        raise BadRequestError('simulate: the body must be {"faults": ["429 retry_after=2", ...]}')
    return texts


def show_requests(world: World, _asked: Asked, _now: float) -> Response:
    """What was asked lately."""
    journal = world.journal
    return _json({"count": journal.count, "requests": [line.to_json() for line in journal.all()]})


def reset(world: World, _asked: Asked, _now: float) -> Response:
    """As at the start."""
    world.reset()
    return _json({"reset": True})
