"""What comes in at a door: who asks, and the body, within bounds."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from starlette.types import Receive, Scope

from kruxos import wire
from kruxos.errors import BadRequestError, OverloadedError, TooLargeError, UnauthorizedError
from kruxos.web.guard import is_local

BODY_WITHIN_S = 120.0
"""From the end of the headers to the end of the body."""
BODY_PIECE_WITHIN_S = 20.0
"""Between two pieces of a body."""
_TOKEN = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


Headers = dict[str, str]


class ClientGoneError(Exception):
    """Whoever asked has hung up: there is nobody to answer."""


@dataclass(slots=True)
class Bodies:
    """Bytes of requests that this process holds, all together."""

    held_bytes: int = 0

    def take(self, count: int) -> None:
        """Room for so many more. Raises ``OverloadedError``."""
        if self.held_bytes + count > wire.BODIES_BYTES_MAX:
            raise OverloadedError("too many large requests are under way")
        self.held_bytes += count


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers, names in lower case; of one that comes again the last counts."""
    pairs: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}


def who_asks(scope: Scope, headers: dict[str, str]) -> tuple[str | None, str | None]:
    """The agent's token, or the name of an agent of our own user. Raises ``UnauthorizedError``.

    Official SDKs always send a key, so at the Unix socket, which needs none, one that cannot be a token is passed over.
    """
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    token = bearer.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "").strip()
    if is_local(scope):
        if _TOKEN.fullmatch(token):
            return token, None
        name = headers.get("x-kruxos-agent")
        if name is not None and not _NAME.fullmatch(name):
            raise UnauthorizedError("x-kruxos-agent is no name of an agent")
        return None, name
    if not _TOKEN.fullmatch(token):
        raise UnauthorizedError("the agent's token is missing: give it as API key; `kruxos agent create` shows one")
    return token, None


async def read_body(receive: Receive, headers: dict[str, str], bodies: Bodies) -> bytes:
    """The whole body, no larger than a request may be. The caller gives its room back.

    Raises ``TooLargeError``, ``OverloadedError``, ``BadRequestError`` where it does not come in time, and
    ``ClientGoneError``.
    """
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for piece in body_pieces(receive, headers, wire.REQUEST_BYTES_MAX):
                bodies.take(len(piece))
                pieces.append(piece)
                size += len(piece)
            return b"".join(pieces)
    except TimeoutError:
        bodies.held_bytes -= size
        raise _too_late() from None
    except BaseException:
        bodies.held_bytes -= size
        raise


async def body_pieces(receive: Receive, headers: dict[str, str], bytes_max: int) -> AsyncIterator[bytes]:
    """The body as it comes. Raises as ``read_body`` does."""
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > bytes_max:
        raise _too_large(bytes_max)
    size, more = 0, True
    while more:
        try:
            async with asyncio.timeout(BODY_PIECE_WITHIN_S):
                message = await receive()
        except TimeoutError:
            raise _too_late() from None
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        piece: bytes = message.get("body", b"")
        size, more = size + len(piece), message.get("more_body", False)
        if size > bytes_max:
            raise _too_large(bytes_max)
        yield piece


def _too_late() -> BadRequestError:
    return BadRequestError("the request's body did not come in time")


def _too_large(bytes_max: int) -> TooLargeError:
    return TooLargeError(f"the request's body is over the cap of {bytes_max} bytes")
