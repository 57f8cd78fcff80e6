"""The providers' protocols over HTTP, for agents that speak them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

if TYPE_CHECKING:
    from kruxos.web.site import Site


def routes(site: Site) -> list[BaseRoute]:
    """The doors' paths."""
    del site
    return []
