"""Opening a connection to the origin: TCP, through a proxy's tunnel where there is one, TLS."""

from __future__ import annotations

import base64
import ssl

import trio

from kruxos.errors import KruxosError, ProviderMisconfiguredError, ProviderUnreachableError

from .connection import Connection, NoHead
from .network import Network, Stream
from .origin import Origin, Proxy
from .request import encode_connect
from .timing import Timing


class Opener:
    """Opens connections to one origin. ``context`` is needed where the origin or the proxy is reached by TLS."""

    def __init__(self, network: Network, origin: Origin, proxy: Proxy | None, context: ssl.SSLContext | None) -> None:
        self._network = network
        self._origin = origin
        self._proxy = proxy
        self._context = context

    async def open(self) -> Connection:
        """A connection that has carried nothing yet. Raises the ``KruxosError`` that says what is in the way."""
        stream = await self._connected()
        try:
            if self._proxy is not None:
                stream = await self._secured(stream, self._proxy.origin)
                await _open_tunnel(stream, self._origin, self._proxy)
            stream = await self._secured(stream, self._origin)
        except BaseException:
            stream.abort()
            raise
        return Connection(stream, trio.current_time())

    async def _connected(self) -> Stream:
        if self._proxy is None:
            return await self._network.connect_tcp(self._origin.host, self._origin.port)
        first = self._proxy.origin
        try:
            return await self._network.connect_tcp(first.host, first.port)
        except ProviderUnreachableError as error:  # else it would read as if the provider were down
            message = f"the proxy {first.authority} cannot be reached ({error.message})"
            raise ProviderUnreachableError(f"{message}; check `proxy` in models.yaml") from None

    async def _secured(self, stream: Stream, origin: Origin) -> Stream:
        if not origin.secure:
            return stream
        assert self._context is not None
        return await stream.start_tls(self._context, origin.host)


def proxy_credentials(proxy: Proxy) -> dict[str, str]:
    """The header pairs that authenticate at the proxy (RFC 7617); none where it wants none."""
    if proxy.username is None:
        return {}
    pair = f"{proxy.username}:{proxy.password}".encode()
    return {"proxy-authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}


async def _open_tunnel(stream: Stream, origin: Origin, proxy: Proxy) -> None:
    """Ask the proxy for a tunnel (RFC 9110, CONNECT). It is told the origin and nothing else."""
    now = trio.current_time()
    tunnel = Connection(stream, now)
    request = encode_connect(origin.host_and_port, proxy_credentials(proxy))
    try:
        head = await tunnel.ask("CONNECT", request, b"", Timing(now), on_sent=lambda: None)
    except NoHead:
        raise ProviderUnreachableError(f"the proxy {proxy.origin.authority} gave no proper answer") from None
    if head.status >= 300:
        raise _refusal(head.status, proxy)
    if tunnel.surplus:
        raise ProviderUnreachableError(f"the proxy {proxy.origin.authority} speaks into its tunnel")


def _refusal(status: int, proxy: Proxy) -> KruxosError:
    if status == 407:
        return ProviderMisconfiguredError(f"the proxy {proxy.origin.authority} refuses its user name or password")
    return ProviderUnreachableError(f"the proxy {proxy.origin.authority} answered {status} and opened no tunnel")
