"""Reads the calls that ended, each once and in their order, as the operator that it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from kruxos.errors import KruxosError
from kruxos.web.site import Site

LOG = logging.getLogger("kruxos.web")
EVERY_S = 2.0
PAGE = 1000


class Follower:
    """Gives each row to all who ``listen``. What ended before it began is not told."""

    def __init__(self, site: Site, listen: list[Callable[[Mapping[str, Any]], None]]) -> None:
        self._site, self._listen = site, listen
        self._cursor: int | None = None
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Until it is cancelled. A gateway that does not answer is asked again."""
        while True:
            try:
                await self.catch_up()
            except KruxosError as error:
                LOG.info("telemetry waits for the gateway: %s", error.code)
            await asyncio.sleep(EVERY_S)

    async def catch_up(self) -> None:
        """Reads what ended until now. Raises ``KruxosError``."""
        async with self._turn:
            if self._cursor is None:
                self._cursor = (await self._site.operate("call.list", {"limit": 1}))["cursor"]
            while await self._page():
                pass

    async def _page(self) -> bool:
        """Reads a page; whether there may be more."""
        wanted = {"limit": PAGE, "after": self._cursor, "forward": True}
        found = await self._site.operate("call.list", wanted)
        self._cursor = found["cursor"]
        for row in found["calls"]:
            for listen in self._listen:
                listen(row)
        return len(found["calls"]) == PAGE
