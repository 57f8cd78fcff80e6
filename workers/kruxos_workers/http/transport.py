"""httpx on a worker's own connections: for what is rare and has forms, multipart bodies or authentication flows.

Calls do not come this way. Measured for a 2 KB answer on a kept connection, in microseconds of CPU a request: httpx as
it is 440 with one in flight and 1,080 with 256, since its pool looks at every connection for every request; httpx on
this transport 240; its request and response classes alone 95; ``ProviderClient`` 37 and 46.

What holds for ``ProviderClient`` holds here too: one origin, no redirects, no cookies, nothing from the environment,
every failure a ``SendFailure`` or ``BodyFailure``, bodies decoded under its bound.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import httpx

from kruxos.errors import BadRequestError

from .answer import Answer
from .client import ProviderClient
from .failures import SendFailure
from .request import RESERVED

# The body is handed on decoded and without framing, so the headers that describe these would be wrong.
_SETTLED_HERE = frozenset({"content-encoding", "content-length", "transfer-encoding"})


def httpx_client(client: ProviderClient) -> httpx.AsyncClient:
    """An ``httpx.AsyncClient`` whose relative URLs follow the client's base URL; its time limits are cancel scopes."""
    transport = ProviderTransport(client)
    return httpx.AsyncClient(transport=transport, base_url=client.base_url, trust_env=False, timeout=None)  # noqa: S113


class ProviderTransport(httpx.AsyncBaseTransport):
    """Sends httpx requests through a ``ProviderClient``, which stays its owner's to close."""

    def __init__(self, client: ProviderClient) -> None:
        self._client = client
        self._base = httpx.URL(client.base_url)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request. Raises ``SendFailure``; a URL outside the base URL is never sent."""
        headers = {name: value for name, value in request.headers.items() if name not in RESERVED}
        del headers["accept-encoding"]
        exchange = self._client.send(request.method, self._path(request.url), headers, await request.aread())
        answer = await exchange.__aenter__()
        described = {name: value for name, value in answer.headers.items() if name not in _SETTLED_HERE}
        return httpx.Response(answer.status, headers=described, stream=_Body(exchange, answer))

    def _path(self, url: httpx.URL) -> str:
        base_path = self._base.raw_path.rstrip(b"/")
        same_origin = (url.scheme, url.host, url.port) == (self._base.scheme, self._base.host, self._base.port)
        if not same_origin or not url.raw_path.startswith(base_path):
            raise SendFailure("never_sent", BadRequestError("the URL is not below the provider's base_url"))
        return url.raw_path[len(base_path) :].decode("ascii")


class _Body(httpx.AsyncByteStream):
    """The pieces of an answer; closing it ends the exchange."""

    def __init__(self, exchange: AbstractAsyncContextManager[Answer], answer: Answer) -> None:
        self._exchange = exchange
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._answer:
            yield piece

    async def aclose(self) -> None:
        await self._exchange.__aexit__(None, None, None)
