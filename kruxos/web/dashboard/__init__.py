"""The operators' pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

if TYPE_CHECKING:
    from kruxos.web.site import Site


def routes(site: Site) -> list[BaseRoute]:
    """The dashboard's paths. ``site.operate`` is how it asks the gateway, as any operator does."""
    del site
    return []
