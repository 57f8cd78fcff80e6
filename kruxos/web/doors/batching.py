"""What the batches of both protocols share: who asks, bodies that pass through as they come, and errors.

A batch here is one at the gateway, and the web process keeps nothing of it: ids lead to the gateway's own, and a file
that was uploaded is a batch that is not submitted yet.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from kruxos import wire
from kruxos.client.batches import Batch, BatchOptions
from kruxos.errors import BadRequestError, KruxosError, UnauthorizedError
from kruxos.web.doors import telling
from kruxos.web.doors.batch_lines import model_of
from kruxos.web.doors.calling import DEFAULT_MODEL, Exchange
from kruxos.web.doors.protocols import Door
from kruxos.web.doors.reading import Bodies, ClientGoneError, Headers, headers_of, read_body, who_asks
from kruxos.web.doors.sessions import Sessions

if TYPE_CHECKING:
    from kruxos.client.aio_batches import AsyncBatches

LISTED_MAX = 100
LISTED_USUALLY = 20
_PLACE = re.compile(r"[0-9a-f]{24}")


class MissingError(BadRequestError):
    """There is no such thing, or it is another agent's."""


@dataclass(slots=True)
class Asked:
    """One request: the agent's batches, and what came with it."""

    batches: AsyncBatches
    headers: Headers
    request: Request
    bodies: Bodies

    @property
    def base(self) -> str:
        """Where this door is, as whoever asks sees it."""
        return f"{self.request.url.scheme}://{self.request.url.netloc}"

    def place(self, prefix: str, name: str = "id") -> str:
        """The gateway's id that one in the path means. Raises ``MissingError``."""
        return gateway_id(self.request.path_params[name], prefix)

    async def json(self) -> dict[str, Any]:
        """The body, which is a small one. Raises ``BadRequestError``."""
        body = await read_body(self.request.receive, self.headers, self.bodies)
        try:
            value: Any = json.loads(body or b"{}")
        except ValueError:
            value = None
        finally:
            self.bodies.held_bytes -= len(body)
        if not isinstance(value, dict):
            raise BadRequestError("the body is not a JSON object")
        return cast("dict[str, Any]", value)

    async def upload(self, pieces: AsyncIterator[bytes], form: str) -> Batch:
        """Hands in lines as they come. Their first one says by its model who does them, unless a header does."""
        async with aclosing(Lines(pieces, self.bodies)) as lines:
            first = await lines.first()
            model = model_of(first, form)
            options: BatchOptions = {
                "own_models": True,
                "model": None if model == DEFAULT_MODEL else model,
                "key": self.headers.get("idempotency-key"),
                "provider": self.headers.get(telling.PREFIX + "provider"),
                "role": self.headers.get(telling.PREFIX + "role"),
            }
            return await self.batches.upload(lines.every(), **options)


class Lines:
    """Bytes as they come, of which the first line is looked at beforehand. Only that one is held."""

    def __init__(self, pieces: AsyncIterator[bytes], bodies: Bodies) -> None:
        self._pieces = pieces
        self._bodies = bodies
        self._held = bytearray()

    async def first(self) -> bytes:
        """The first line that is not empty. Raises ``BadRequestError`` where there is none, or it is too long."""
        async for piece in self._pieces:
            self._bodies.take(len(piece))
            self._held += piece
            line, end, _ = self._held.lstrip().partition(b"\n")
            if end:
                return bytes(line)
            if len(self._held) > wire.REQUEST_BYTES_MAX:
                raise BadRequestError(f"line 1 of the batch is over {wire.REQUEST_BYTES_MAX} bytes")
        if not self._held.strip():
            raise BadRequestError("the batch is empty: a line of JSON for each request is wanted")
        return bytes(self._held)

    async def every(self) -> AsyncIterator[bytes]:
        """All bytes, those that were looked at too."""
        held = bytes(self._held)
        self._release()
        yield held
        async for piece in self._pieces:
            yield piece

    def _release(self) -> None:
        self._bodies.held_bytes -= len(self._held)
        self._held = bytearray()

    async def aclose(self) -> None:
        """Nothing is held any more."""
        self._release()


Answer = Callable[[Asked], Awaitable[Response]]


@dataclass(slots=True)
class BatchEndpoint:
    """The ASGI application at one path: ``answers`` by method."""

    door: Door
    answers: Mapping[str, Answer]
    sessions: Sessions
    bodies: Bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. What fails after an answer has begun leaves it without its end."""
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        headers = headers_of(scope)
        try:
            session = await self.sessions.find(*who_asks(scope, headers))
        except KruxosError as error:
            await Exchange(self.door, send).fail(error)
            return
        try:
            with session as client:
                asked = Asked(client.batches, headers, Request(scope, receive), self.bodies)
                answer = self.answers["GET" if scope["method"] == "HEAD" else scope["method"]]
                await (await answer(asked))(scope, receive, sending)
        except ClientGoneError:
            return
        except KruxosError as error:
            if isinstance(error, UnauthorizedError):
                self.sessions.forget(session)
            if not begun:
                await self._fail(error, scope, receive, send)

    async def _fail(self, error: KruxosError, scope: Scope, receive: Receive, send: Send) -> None:
        if not isinstance(error, MissingError) and not _is_missing(error):
            await Exchange(self.door, send).fail(error)
            return
        _, _, body = self.door.failure(error)
        told = json.loads(body)
        if "type" in told:  # Anthropic's errors name their kind, OpenAI's have the status alone
            told["error"]["type"] = "not_found_error"
        await JSONResponse(told, 404, telling.of_error(error))(scope, receive, send)


def _is_missing(error: KruxosError) -> bool:
    """Whether the gateway knows no batch of this agent that is called so."""
    return isinstance(error, BadRequestError) and error.detail.field == "id"


def gateway_id(name: Any, prefix: str) -> str:
    """The gateway's id that a protocol's own means. Raises ``MissingError``."""
    place = name.removeprefix(prefix) if isinstance(name, str) and name.startswith(prefix) else ""
    if not _PLACE.fullmatch(place):
        raise MissingError(f"there is nothing of this id here: it begins with {prefix}", field="id")
    return f"batch_{place}"


def place_of(batch: Batch) -> str:
    """What a batch's ids have in common."""
    return batch.id.removeprefix("batch_")


def page(asked: Asked, rows: Sequence[dict[str, Any]], after: str, before: str = "") -> tuple[list[Any], bool]:
    """One page of a list, and whether there is more behind it. Raises ``BadRequestError``."""
    query = asked.request.query_params
    limit = query.get("limit", str(LISTED_USUALLY))
    if not limit.isdecimal() or not 1 <= int(limit) <= LISTED_MAX:
        raise BadRequestError(f"limit is a number from 1 to {LISTED_MAX}", field="limit")
    names = [row["id"] for row in rows]
    first, last = _behind(names, query.get(after)), len(rows)
    if before and (name := query.get(before)) is not None:
        last = _behind(names, name) - 1
        first = max(0, last - int(limit))
        return list(rows[first:last]), first > 0
    return list(rows[first : first + int(limit)]), first + int(limit) < last


def _behind(names: list[str], name: str | None) -> int:
    if name is None:
        return 0
    if name not in names:
        raise MissingError("there is no batch of this id to go on from", field="id")
    return names.index(name) + 1
