"""The web process: the dashboard's verb."""

from __future__ import annotations

from typing import Any

from kruxos.operations.base import Context, Operation


async def start(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Has the web process run, until the gateway ends, whatever models.yaml says; gives its status once it listens.

    ``address`` is its URL. Its doors for agents stay closed unless ``http:`` or ``serve --http`` open them.
    """
    return await context.running().start_web()


OPERATIONS = (Operation("web.start", start),)
