"""Telemetry within the web process, as models.yaml's ``telemetry:`` wants it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.routing import BaseRoute

from kruxos.web.site import Site
from kruxos.web.telemetry.follow import Follower

LOG = logging.getLogger("kruxos.web")


@asynccontextmanager
async def telemetry(site: Site) -> AsyncGenerator[list[BaseRoute]]:
    """The routes that it adds; while the block runs, calls that end are counted and sent."""
    listen: list[Callable[[Mapping[str, Any]], None]] = []
    routes: list[BaseRoute] = []
    follower = Follower(site, listen)
    close: Callable[[], None] | None = None
    if site.settings.prometheus:
        from kruxos.web.telemetry import page, tally  # noqa: PLC0415 - only who wants it pays for it

        counted = tally.Tally()
        listen.append(counted.add)
        routes.append(page.route(site, follower, counted))
    if site.settings.otlp is not None:
        try:
            from kruxos.web.telemetry.otlp import Exporter  # noqa: PLC0415 - an extra brings it
        except ImportError:
            LOG.error("telemetry.otlp is not sent: OpenTelemetry is missing\n  fix: pip install 'kruxos[otel]'")  # noqa: TRY400
        else:
            exporter = Exporter(site.settings.otlp)
            listen.append(exporter.add)
            close = exporter.close
    task = asyncio.create_task(follower.run()) if listen else None
    try:
        yield routes
    finally:
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if close is not None:
            await asyncio.to_thread(close)
