"""The operators' pages, under ``/dashboard``.

desk        who asks, forms, how the gateway is asked, headers
sessions    who is signed in
rendering   templates and assets
charts      geometry of charts and gauges
signing_in  logins to subscriptions that wait for a person
workers, providers, adding, agents, usage, records, vault: the pages, a file each
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from kruxos.web.dashboard import adding, agents, providers, records, usage, vault, workers
from kruxos.web.dashboard.desk import HEADERS, HOME, Desk
from kruxos.web.dashboard.rendering import ASSETS, asset

if TYPE_CHECKING:
    from kruxos.web.site import Site

_PAGES = (
    *workers.PAGES, *providers.PAGES, *adding.PAGES, *agents.PAGES, *usage.PAGES, *records.PAGES, *vault.PAGES,
)  # fmt: skip
_ASSET_S = 3600


def routes(site: Site) -> list[BaseRoute]:
    """The dashboard's paths. ``site.operate`` is how it asks the gateway, as any operator does."""
    desk = Desk(site)
    return [
        Route("/", _home),
        Route(f"{HOME}/enter", desk.enter, methods=["GET"]),
        Route(f"{HOME}/leave", desk.view(desk.leave), methods=["POST"]),
        Route(f"{HOME}/assets/{{name}}", _asset, methods=["GET"]),
        *(Route(HOME + path, desk.view(view), methods=[method]) for method, path, view in _PAGES),
    ]


async def _home(_request: Request) -> Response:
    return RedirectResponse(HOME, 303, HEADERS)


async def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in ASSETS:
        return Response("there is no such file\n", 404, HEADERS, "text/plain")
    return Response(asset(name), 200, HEADERS | {"cache-control": f"max-age={_ASSET_S}"}, ASSETS[name])
