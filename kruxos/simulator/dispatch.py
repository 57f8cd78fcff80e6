"""From a request to the steps of its response: the one way in, for the server and for tests."""

from __future__ import annotations

from .call import Call, Page, Refused
from .journal import DETAIL_CHARS_MAX, MODEL_CHARS_MAX, Recorded
from .routes import Operator, Route, find, not_found
from .steps import Asked, Response
from .world import World


def respond(world: World, asked: Asked, now: float) -> tuple[Response, Recorded]:
    """The response to a request at ``now`` (Unix seconds), and its line in the list of requests.

    The operator's own requests are not listed.
    """
    route, values = find(asked)
    if isinstance(route, Operator):
        return route.answer(world, asked, now), Recorded(0, now, asked.method, asked.path)
    recorded = world.journal.open(asked, now)
    if route is None:
        response = not_found(asked)
    else:
        response = _answer(route, Call(world, route.provider, asked, now, recorded.number, values))
    recorded.outcome, recorded.detail = response.outcome, response.detail[:DETAIL_CHARS_MAX]
    recorded.model, recorded.is_stream = response.model[:MODEL_CHARS_MAX], response.is_stream
    return response, recorded


def _answer(route: Route, call: Call) -> Response:
    try:
        return route.handle(call)
    except Refused as refused:
        return call.refused(refused)
    except Page as page:
        return call.page(page.status)
