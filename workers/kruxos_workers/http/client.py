"""The HTTP client of a worker: requests to one provider's origin, answers as they come.

What it never does: follow redirects, keep cookies, read the environment or a file of credentials or proxies, retry, or
trust a certificate that does not prove the host. ``failures.py`` says how an exchange ends badly.

    async with client.send("POST", "/chat/completions", headers, body, on_sent=sent, limit=limit) as answer:
        async for piece in answer:
            ...

Leaving the block before the body's end, by an error or a cancellation, closes the connection at once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

import trio

from kruxos import __version__
from kruxos.errors import (
    BadRequestError,
    KruxosError,
    ProviderMisconfiguredError,
    ProviderProtocolError,
    ProviderTimeoutError,
    StreamInterruptedError,
)

from .answer import Answer
from .connection import Connection, NoHead
from .credentials import Credentials
from .decoding import ACCEPT_ENCODING
from .dialing import TrioNetwork
from .failures import BodyFailure, SendFailure
from .network import Network
from .opening import Opener, proxy_credentials
from .origin import Proxy, origin_from_url
from .parsing import Head
from .pool import Pool, PoolLimits, PoolStatistics
from .request import StreamedBody, checked_headers, encode_head
from .timing import TimeLimit, Timing
from .trust import client_context


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """Bounds of a client; times in seconds."""

    connect_s: float = 10.0
    """For a connection as a whole: waiting for a slot, resolving, connecting, the proxy, TLS."""
    body_bytes_max: int = 64 * 1024 * 1024
    """How large a decoded body may be where the caller says nothing else."""
    settle_s: float = 0.05
    """How long the last bytes of an answer are awaited that the caller does not read to its end."""
    pool: PoolLimits = field(default_factory=PoolLimits)


def _nothing() -> None:
    """Nobody wants to know."""


class ProviderClient:
    """Speaks to one origin. ``base_url`` is what every path follows: ``https://host/v1`` and ``/models``.

    ``auth``: header pairs that are added last and shown nowhere. ``ca_bundle``: PEM, trusted beside the system's
    certificates. Raises ``ProviderMisconfiguredError`` for settings that cannot be right, among them a key for a
    plain ``http`` origin that is not this machine.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        user_agent: str = f"kruxos/{__version__}",
        network: Network | None = None,
        ca_bundle: bytes | None = None,
        proxy: Proxy | None = None,
        limits: ClientLimits | None = None,
    ) -> None:
        self._origin = origin_from_url(base_url)
        self._proxy = proxy
        self._limits = limits or ClientLimits()
        self._headers = {"user-agent": user_agent, "accept-encoding": ACCEPT_ENCODING, **checked_headers(headers or {})}
        self._credentials = Credentials()
        if proxy is not None:
            for secret in (*proxy_credentials(proxy).values(), proxy.password):
                self._credentials.mask(secret)
        self.replace_auth(auth or {})
        secure = self._origin.secure or (proxy is not None and proxy.origin.secure)
        context = client_context(ca_bundle) if secure else None
        opener = Opener(network or TrioNetwork(), self._origin, proxy, context)
        self._pool = Pool(opener.open, self._limits.pool)

    @asynccontextmanager
    async def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | StreamedBody = b"",
        *,
        on_sent: Callable[[], None] = _nothing,
        limit: TimeLimit | None = None,
        body_bytes_max: int | None = None,
        at_root: bool = False,
    ) -> AsyncGenerator[Answer]:
        """One request, once. ``on_sent`` is called right before its first byte; any status but 3xx is an answer.

        ``at_root``: the path stands at the origin's root, not behind the base path.

        Raises ``SendFailure`` where no answer comes, and ``BodyFailure`` inside the block. When ``limit`` passes, it
        is the one or the other by how far the exchange was.
        """
        timing = Timing(trio.current_time())
        answer: Answer | None = None
        finished = False
        with limit or nullcontext():
            size = len(body) if isinstance(body, bytes) else body.length
            head = self._encode(method, path, headers or {}, size, at_root=at_root)
            connection = await self._connect(timing)
            try:
                answer = await self._ask(connection, method, head, body, timing, on_sent, body_bytes_max)
                yield answer
                finished = True
                await connection.settle(self._limits.settle_s)
            finally:
                self._pool.release(connection)
        if limit is not None and limit.passed and not finished:
            raise _too_late(limit, timing, answer)

    def replace_auth(self, auth: Mapping[str, str]) -> None:
        """Authenticate by these header pairs from the next request on; the earlier ones stay masked."""
        in_clear = not self._origin.secure and (self._proxy is not None or not self._origin.is_loopback)
        if auth and in_clear:
            raise ProviderMisconfiguredError(
                "base_url is plain http to another machine: a key is only sent by https, or on this machine"
            )
        self._credentials.replace(auth)

    def redact(self, text: str) -> str:
        """The same text with the secrets masked by value: for whatever is derived from an answer."""
        return self._credentials.redact(text)

    def drop_stale(self) -> None:
        """Close idle connections that will not be used any more; worth calling now and then."""
        self._pool.drop_stale()

    def close(self) -> None:
        """Close idle connections now, the others when their exchange ends; further requests are refused."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def base_path(self) -> str:
        """The path that every other path follows; it may be empty."""
        return self._origin.base_path

    @property
    def base_url(self) -> str:
        """What every path follows, without a slash at its end."""
        return f"{self._origin.scheme}://{self._origin.authority}{self._origin.base_path}"

    @property
    def statistics(self) -> PoolStatistics:
        """What the connections do."""
        return self._pool.statistics

    def _encode(self, method: str, path: str, headers: Mapping[str, str], body_bytes: int, *, at_root: bool) -> bytes:
        try:
            merged = {**self._headers, **checked_headers(headers)}
            for name in self._credentials.names & merged.keys():
                del merged[name]
            return encode_head(method, self._origin, path, merged, body_bytes, at_root=at_root)
        except BadRequestError as error:
            raise SendFailure("never_sent", error) from None

    async def _connect(self, timing: Timing) -> Connection:
        connection = self._pool.take_idle()
        if connection is not None:
            timing.reused = True
            return connection
        try:
            with trio.move_on_after(self._limits.connect_s):
                return await self._pool.acquire()
        except KruxosError as error:
            raise SendFailure("never_sent", error) from None
        late = ProviderTimeoutError(f"no connection to the provider within {self._limits.connect_s:g} s")
        raise SendFailure("never_sent", late)

    async def _ask(
        self,
        connection: Connection,
        method: str,
        head: bytes,
        body: bytes | StreamedBody,
        timing: Timing,
        on_sent: Callable[[], None],
        body_bytes_max: int | None,
    ) -> Answer:
        head += self._credentials.lines() + b"\r\n"
        try:
            answer = await connection.ask(method, head, body, timing, on_sent)
        except ProviderProtocolError as error:
            raise SendFailure("ambiguous", error) from None
        except NoHead as error:
            why = str(error) or "the connection was closed"
            raise SendFailure("ambiguous", StreamInterruptedError(f"no answer came: {why}")) from None
        if 300 <= answer.status < 400:
            raise SendFailure("refused", self._redirect_error(answer))
        return Answer(answer, connection, timing, body_bytes_max or self._limits.body_bytes_max)

    def _redirect_error(self, answer: Head) -> KruxosError:
        target = self.redact(_host_of(answer.headers.get("location", "")))
        return ProviderMisconfiguredError(
            f"the provider redirects (status {answer.status}) to {target}; redirects are not followed: "
            "set base_url to the address that answers itself"
        )


def _host_of(location: str) -> str:
    """Where a ``Location`` header points, without the path: that may hold what is nobody's business."""
    try:
        where = urlsplit(location)
        return f"{where.scheme}://{where.hostname}"[:200] if where.hostname else "another path"
    except ValueError:
        return "an unreadable address"


def _too_late(limit: TimeLimit, timing: Timing, answer: Answer | None) -> SendFailure | BodyFailure:
    if answer is not None:
        return BodyFailure("timeout", limit.error())
    return SendFailure("never_sent" if timing.request_started_at is None else "ambiguous", limit.error())
