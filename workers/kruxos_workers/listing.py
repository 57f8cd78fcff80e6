"""What a provider itself says it sells: its list of models, page by page, bounded. The answer is one JSON text.

Asking costs nothing, so it passes by the rate limits; what fails is told like a failed call.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

import trio

from kruxos import wire
from kruxos.dialects import listings
from kruxos.dialects.base import Target
from kruxos.dialects.listings import Listed
from kruxos.errors import CancelledError, KruxosError, ProviderProtocolError, UnsupportedError
from kruxos.events import TextDelta, encode_events
from kruxos_workers.http import BodyFailure, SendFailure, TimeLimit
from kruxos_workers.worker import Worker

PAGE_BYTES_MAX = 8 * 1024 * 1024
MODELS_MAX = 5_000
"""Models of one list; what comes after them is not asked for."""
WITHIN_S = 60.0
PAGE_WITHIN_S = 30.0


@dataclass(slots=True)
class Listing:
    """The list that ``frame`` asks for. It ends with exactly one last frame, as a call does."""

    worker: Worker
    frame: wire.Open
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    def pause(self) -> None:
        """A list leaves whole: there is nothing to hold back."""

    def resume(self) -> None:
        """See ``pause``."""

    def on_beat(self) -> None:
        """Nobody waits for a model here."""

    async def run(self) -> None:
        """From the first page to the last frame."""
        last: wire.Frame = self._failed(CancelledError("cancelled"))
        self.scope.deadline = trio.current_time() + min(self.frame.deadline_s or WITHIN_S, WITHIN_S)
        with self.scope:
            try:
                last = self._answered(await self._rows())
            except (SendFailure, BodyFailure) as failure:
                last = self._failed(failure.error)
            except KruxosError as error:
                last = self._failed(error)
        self.worker.outlet.send(last)

    async def _rows(self) -> list[Listed]:
        settings = self.worker.settings
        if settings.profile.login:
            raise UnsupportedError(f"{settings.provider} has no list of models")
        rows: list[Listed] = []
        path: str | None = listings.path_of(settings.dialect.name)
        for _ in range(listings.PAGES_MAX):
            if path is None or len(rows) >= MODELS_MAX:
                break
            page = listings.read_page(settings.dialect.name, await self._page(path))
            rows += page.rows
            path = page.next
        return rows[:MODELS_MAX]

    async def _page(self, path: str) -> bytes:
        settings, limit = self.worker.settings, TimeLimit()
        headers = {"accept": "application/json", **listings.HEADERS.get(settings.dialect.name, {})}
        limit.start("answer", PAGE_WITHIN_S)
        async with self.worker.client.send("GET", path, headers, limit=limit, body_bytes_max=PAGE_BYTES_MAX) as http:
            body = bytearray()
            async for piece in http:
                body += piece
                if len(body) > PAGE_BYTES_MAX:
                    raise ProviderProtocolError(f"a page of the list is over {PAGE_BYTES_MAX} bytes")
        if 200 <= http.status < 300:
            return bytes(body)
        target = Target(settings.provider, "", settings.profile, settings.origin, stream=False)
        raise settings.dialect.decode_error(http.status, http.headers, bytes(body), target)

    def _answered(self, rows: list[Listed]) -> wire.End:
        text = json.dumps([asdict(row) for row in rows], ensure_ascii=False, separators=(",", ":"))
        body = encode_events([TextDelta(0, text)])
        return wire.End(id=self.frame.id, body=body, provider=self.worker.settings.provider, finish_reason="stop")

    def _failed(self, error: KruxosError) -> wire.Error:
        error.message = self.worker.client.redact(error.message)
        if error.detail.excerpt is not None:
            error.detail.excerpt = self.worker.client.redact(error.detail.excerpt)
        error.detail.provider = self.worker.settings.provider
        return wire.Error(id=self.frame.id, error=error.to_wire(), failure="refused")
