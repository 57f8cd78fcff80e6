"""The providers' protocols over HTTP, for agents that speak them.

protocols  the doors as data
calling    one call: request in, answer out
reading    who asks, and the body, within bounds
sessions   one session with the gateway for each agent
telling    the headers ``x-kruxos-...``
models     the list of models
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route

from kruxos.web.doors.calling import CallEndpoint
from kruxos.web.doors.counting import CountEndpoint
from kruxos.web.doors.models import ModelsEndpoint
from kruxos.web.doors.protocols import DOORS, MESSAGES
from kruxos.web.doors.reading import Bodies

if TYPE_CHECKING:
    from kruxos.web.site import Site


def routes(site: Site) -> list[BaseRoute]:
    """The doors' paths."""
    bodies = Bodies()
    models = ModelsEndpoint(site.sessions, site.operate)
    return [
        *(Route(door.path, CallEndpoint(door, site.sessions, bodies), methods=["POST"]) for door in DOORS),
        Route("/v1/messages/count_tokens", CountEndpoint(MESSAGES, site.sessions, bodies), methods=["POST"]),
        Route("/v1/models", models, methods=["GET"]),
        Route("/v1/models/{model:path}", models, methods=["GET"]),
    ]
