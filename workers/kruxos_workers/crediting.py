"""Asks the provider what credit remains: rarely, after calls, where asking costs nothing. Its shell."""

from __future__ import annotations

import time

from kruxos.errors import KruxosError
from kruxos_workers.http import BodyFailure, ProviderClient, SendFailure, TimeLimit
from kruxos_workers.remaining import Remains

ANSWER_WITHIN_S = 20.0
ANSWER_BYTES_MAX = 256 * 1024


async def ask_credit(client: ProviderClient, path: str, profile: str, remains: Remains) -> None:
    """One question; a failure leaves what was known."""
    limit, body = TimeLimit(), bytearray()
    limit.start("answer about the credit", ANSWER_WITHIN_S)
    headers = {"accept": "application/json"}
    try:
        async with client.send("GET", path, headers, limit=limit, body_bytes_max=ANSWER_BYTES_MAX) as answer:
            async for piece in answer:
                body += piece
        remains.answered(profile, answer.status, bytes(body), time.time())
    except (SendFailure, BodyFailure, KruxosError):
        return
