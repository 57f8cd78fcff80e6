"""The web process: the dashboard's verbs."""

from __future__ import annotations

import secrets
from typing import Any

from kruxos.cores.links import LINK_S
from kruxos.fields import Fields
from kruxos.operations.base import Context, Operation

_TOKEN_BYTES = 32
_TOKEN_CHARS_MAX = 128


async def start(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Has the web process run, until the gateway ends, whatever models.yaml says; gives its status once it listens.

    ``address`` is its URL. Its doors for agents stay closed unless ``http:`` or ``serve --http`` open them.
    """
    return await context.running().start_web()


async def link(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Has the web process run, and makes a one-time link to the dashboard: ``url``, good for ``valid_s`` seconds."""
    gateway = context.running()
    web = await gateway.start_web()
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    gateway.make_link(token)
    return {"url": f"{web['address']}/dashboard/enter?token={token}", "valid_s": LINK_S}


async def enter(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """The web process asks whether ``token`` is that of a link that is good. It is none any more: ``entered``."""
    return {"entered": context.running().take_link(Fields(arguments).text("token", limit=_TOKEN_CHARS_MAX))}


OPERATIONS = (Operation("web.start", start), Operation("web.link", link), Operation("web.enter", enter))
