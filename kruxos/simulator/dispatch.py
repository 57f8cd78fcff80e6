"""From a request to the steps of its response: the one way in, for the server and for tests."""

from __future__ import annotations

from .call import Call, Page, Refused
from .journal import DETAIL_CHARS_MAX, MODEL_CHARS_MAX, Recorded
from .routes import Login, Operator, Route, find, likely
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
    if isinstance(route, Login):
        return _noted(recorded, route.answer(world, asked, now)), recorded
    provider = route.provider if route is not None else likely(asked)
    response = _answer(route, Call(world, provider, asked, now, recorded.number, values))
    return _noted(recorded, response), recorded


def refuse_large(world: World, asked: Asked, now: float) -> tuple[Response, Recorded]:
    """The refusal of a request whose body is over its limit, so that it was not read to its end."""
    recorded = world.journal.open(asked, now)
    call = Call(world, likely(asked), asked, now, recorded.number)
    response = call.refused(Refused(call.provider.failures["413"], "body_too_large"))
    return _noted(recorded, response), recorded


def _answer(route: Route | None, call: Call) -> Response:
    try:
        if route is None:
            raise Refused(call.provider.no_route(call.asked), "no_route")
        return route.handle(call)
    except Refused as refused:
        return call.refused(refused)
    except Page as page:
        return call.page(page.status)


def _noted(recorded: Recorded, response: Response) -> Response:
    recorded.outcome, recorded.detail = response.outcome, response.detail[:DETAIL_CHARS_MAX]
    recorded.model, recorded.is_stream = response.model[:MODEL_CHARS_MAX], response.is_stream
    return response
