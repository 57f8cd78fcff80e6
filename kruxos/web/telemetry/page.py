"""``/metrics``: the gateway at this moment, in Prometheus' text format."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from kruxos.errors import KruxosError
from kruxos.web.site import Site
from kruxos.web.telemetry.families import Snapshot
from kruxos.web.telemetry.follow import Follower
from kruxos.web.telemetry.tally import Tally


def route(site: Site, follower: Follower, tally: Tally) -> Route:
    """The page. It is for whoever reaches the address: names and sums, no content."""

    async def metrics(_request: Request) -> Response:
        try:
            await follower.catch_up()
            status = await site.operate("status")
        except KruxosError as error:
            return PlainTextResponse(f"the gateway does not answer: {error.code}\n", 503)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Snapshot(status, tally))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Route("/metrics", metrics, methods=["GET"])
