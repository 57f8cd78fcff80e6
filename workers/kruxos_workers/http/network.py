"""The network as the HTTP client sees it: two small interfaces, and what goes wrong with them.

``sockets.py`` is the real one, ``scripted.py`` the one for tests. Whoever holds a ``Stream`` closes it; both ways to
close are synchronous, so that a cancelled task can do it without another await.
"""

from __future__ import annotations

import ssl
from typing import Protocol

RECEIVE_BYTES = 8 * 1024
"""How much one receive takes at most. All that it brings is handed on before another call has its turn, and a new call
waits for several turns of all others until its first event is there."""


class StreamBroken(Exception):  # noqa: N818 - names what happened to the stream
    """The connection is gone; ``args[0]`` says how, in words without payload."""


class StreamReset(StreamBroken):
    """The peer reset the connection, or the kernel gave it up."""


class StreamTruncated(StreamBroken):
    """TLS ended without its closing message: what came may not be all."""


class Stream(Protocol):
    """One connection's bytes."""

    async def send_all(self, data: bytes) -> None:
        """Hand all of ``data`` to the kernel. A checkpoint only where it has to wait. Raises ``StreamBroken``."""
        ...

    async def receive_some(self) -> bytes:
        """What has come, at most ``RECEIVE_BYTES``; empty at the peer's end. Raises ``StreamBroken``."""
        ...

    async def start_tls(self, context: ssl.SSLContext, hostname: str) -> Stream:
        """The same connection under TLS; this stream is not used any more.

        Raises ``ProviderMisconfiguredError`` for a certificate that cannot be trusted, ``ProviderUnreachableError``
        for any other failed handshake. The connection is closed then.
        """
        ...

    def is_readable(self) -> bool:
        """Whether an idle connection has something to say: bytes, its end or an error. It is not used again then."""
        ...

    def close(self) -> None:
        """Close in peace (FIN)."""
        ...

    def abort(self) -> None:
        """Close so that the peer knows at once (RST): bytes on their way are given up."""
        ...


class Network(Protocol):
    """Opens connections."""

    async def connect_tcp(self, host: str, port: int) -> Stream:
        """A connection to a host by name or address. Raises ``ProviderUnreachableError``.

        It has no time limit of its own: the caller's cancel scope covers names, connecting, proxy and TLS together.
        """
        ...
