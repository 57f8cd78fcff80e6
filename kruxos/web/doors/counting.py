"""Anthropic's ``count_tokens``: a request counted instead of answered."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from kruxos.dialects.base import DecodedRequest
from kruxos.dialects.reading import read_object
from kruxos.dialects.text import body_bytes
from kruxos.errors import KruxosError, UnauthorizedError
from kruxos.web.doors import telling
from kruxos.web.doors.calling import Exchange, options_of
from kruxos.web.doors.protocols import Door
from kruxos.web.doors.reading import Bodies, ClientGoneError, Headers, headers_of, read_body, who_asks
from kruxos.web.doors.sessions import Sessions

_UNSAID = {"max_tokens": 1}
"""What a request for an answer has, and one for a count has not."""


@dataclass(slots=True)
class CountEndpoint:
    """The ASGI application at its path."""

    door: Door
    sessions: Sessions
    bodies: Bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        exchange = Exchange(self.door, send)
        headers = headers_of(scope)
        try:
            session = await self.sessions.find(*who_asks(scope, headers))
            body = await read_body(receive, headers, self.bodies)
        except ClientGoneError:
            return
        except KruxosError as error:
            await exchange.fail(error)
            return
        try:
            with session as client:
                options = options_of(self._decode(body, headers), headers)
                options.pop("raw_events", None)
                count = await client.count_tokens(None, **options)
            await exchange.send_json({"input_tokens": int(count)}, telling.of_count(count))
        except KruxosError as error:
            if isinstance(error, UnauthorizedError):
                self.sessions.forget(session)
            await exchange.fail(error)
        finally:
            self.bodies.held_bytes -= len(body)

    def _decode(self, body: bytes, headers: Headers) -> DecodedRequest:
        return self.door.dialect.decode_request(body_bytes(_UNSAID | read_object(body)), headers)
