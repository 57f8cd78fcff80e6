"""All paths of the web process in one application."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from kruxos.web import dashboard, doors
from kruxos.web.guard import SECURITY_HEADERS, Guard
from kruxos.web.site import Site


def application(site: Site, more: Sequence[BaseRoute] = ()) -> ASGIApp:
    """The doors where they are enabled, the dashboard, and ``more``, behind the guard."""
    routes = [*(doors.routes(site) if site.settings.enabled else ()), *dashboard.routes(site), *more]
    app = Starlette(routes=routes, exception_handlers={404: _not_found, 405: _not_found})
    app.router.redirect_slashes = False
    return Guard(app, site.hosts())


async def _not_found(_request: Request, error: Exception) -> Response:
    status: int = getattr(error, "status_code", 404)
    message = "there is nothing here" if status == 404 else "this method is not for this path"
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": "not_found"}}
    return JSONResponse(body, status, SECURITY_HEADERS | dict(getattr(error, "headers", None) or {}))
