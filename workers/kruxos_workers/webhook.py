"""A process that posts one alert to a webhook, and ends: with 0 where it was taken.

One JSON map comes on standard input: url, proxy, ca_bundle, and the alert. The exit code is all that it says: 1 where
the webhook refuses, 2 where it cannot be reached.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import trio

from kruxos.errors import KruxosError
from kruxos.fields import Fields
from kruxos_workers.http import BodyFailure, ProviderClient, SendFailure, TimeLimit, proxy_from_url

REQUEST_BYTES_MAX = 64 * 1024
ANSWER_WITHIN_S = 12.0
ANSWER_BYTES_MAX = 64 * 1024
REFUSED = 1
UNREACHABLE = 2


def main() -> None:
    """Does what standard input says."""
    sys.exit(trio.run(_post, Fields(json.loads(sys.stdin.buffer.readline(REQUEST_BYTES_MAX)))))


async def _post(fields: Fields) -> int:
    limit = TimeLimit()
    limit.start("answer of the webhook", ANSWER_WITHIN_S)
    body = json.dumps(fields.object("alert")).encode()
    try:
        async with _client(fields).send(
            "POST", "", {"content-type": "application/json"}, body, limit=limit, body_bytes_max=ANSWER_BYTES_MAX
        ) as answer:
            return 0 if 200 <= answer.status < 300 else REFUSED
    except (SendFailure, BodyFailure, KruxosError, OSError):
        return UNREACHABLE


def _client(fields: Fields) -> ProviderClient:
    proxy, ca_bundle = fields.maybe_text("proxy"), fields.maybe_text("ca_bundle")
    return ProviderClient(
        fields.text("url"),
        proxy=None if proxy is None else proxy_from_url(proxy),
        ca_bundle=None if ca_bundle is None else Path(ca_bundle).read_bytes(),
    )
