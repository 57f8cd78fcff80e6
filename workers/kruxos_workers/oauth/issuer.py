"""Asking the issuer of a login, over HTTP. Every question is bounded in time and size; redirects are not followed."""

from __future__ import annotations

from dataclasses import dataclass

from kruxos import __version__
from kruxos.errors import KruxosError
from kruxos.login import Login
from kruxos_workers.http import BodyFailure, ProviderClient, SendFailure, TimeLimit

from .protocol import Ask, Later, Over, ask_refresh, ask_revoke, read_refresh, reason_of

ORIGINATOR = f"kruxos/{__version__}"
"""As whom we ask, in a header; the same as our User-Agent. We never take another client's name."""
ANSWER_WITHIN_S = 30.0
ANSWER_BYTES_MAX = 256 * 1024


class IssuerUnreachable(Exception):  # noqa: N818 - what a question ends with; who asks decides what it means
    """No whole answer came. ``error`` says why."""

    def __init__(self, error: KruxosError) -> None:
        super().__init__(error.code)
        self.error = error


@dataclass(frozen=True, slots=True)
class Issuer:
    """One issuer; ``client`` speaks to its address."""

    client: ProviderClient
    client_id: str

    async def ask(self, ask: Ask) -> tuple[int, bytes]:
        """Status and body of the answer. Raises ``IssuerUnreachable``."""
        limit = TimeLimit()
        limit.start("answer of the issuer", ANSWER_WITHIN_S)
        headers = {"content-type": ask.content_type, "accept": "application/json"}
        body = bytearray()
        try:
            async with self.client.send(
                "POST", ask.path, headers, ask.body, limit=limit, body_bytes_max=ANSWER_BYTES_MAX
            ) as answer:
                async for piece in answer:
                    body += piece
                return answer.status, bytes(body)
        except (SendFailure, BodyFailure) as failure:
            raise IssuerUnreachable(failure.error) from None

    async def refresh(self, login: Login, now: float) -> Login | Over | Later:
        """New tokens for old, or why there are none."""
        try:
            status, body = await self.ask(ask_refresh(login, self.client_id))
        except IssuerUnreachable as unreachable:
            return Later(unreachable.error.code)
        return read_refresh(status, body, login, now)

    async def revoke(self, login: Login) -> str:
        """Ends the login; gives why that failed, empty where it did not."""
        try:
            status, body = await self.ask(ask_revoke(login, self.client_id))
        except IssuerUnreachable as unreachable:
            return unreachable.error.message
        return "" if 200 <= status < 300 else reason_of(status, body)
