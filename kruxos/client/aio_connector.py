"""Keeps one connection for an open asynchronous client: made by the first call, and made again after it was lost."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import anyio

from kruxos import wire
from kruxos.client.aio_line import Line, open_line
from kruxos.client.call import Call, TokenCount, token_count
from kruxos.client.options import CallOptions, opening
from kruxos.client.session import OPEN_ATTEMPTS, Retrying, hello_question
from kruxos.client.settings import Settings
from kruxos.errors import DeadlineExceededError, KruxosError
from kruxos.events import Event, Reply


class Connector:
    """The connection's tasks live from ``start`` to ``close``, which belong to one task."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._hold_bytes: int | None = None
        self._tasks = anyio.create_task_group()
        self._connecting = anyio.Lock()
        self._line: Line | None = None

    async def start(self) -> None:
        """Begins; connects to nobody yet."""
        await self._tasks.__aenter__()

    async def close(self) -> None:
        """Ends the connection and its tasks.

        Errors of the agent's block never pass through the task group: they would come out wrapped in a group.
        """
        if self._line is not None:
            self._line.lose("the client was closed")
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def connect(self, hold_bytes: int | None) -> None:
        """Connects, unless it is connected. Connections from now on hold calls back at ``hold_bytes``."""
        self._hold_bytes = hold_bytes or self._hold_bytes
        await self._connected_by(None)

    async def chat(self, prompt: str | None, options: CallOptions) -> Reply:
        """A call whose answer comes whole."""
        return await self._ask(opening("chat", prompt, options))

    async def count_tokens(self, prompt: str | None, options: CallOptions) -> TokenCount:
        """How many input tokens a request has."""
        return token_count(await self._ask(opening("count_tokens", prompt, options)))

    def stream(self, prompt: str | None, options: CallOptions, *, is_streamed: bool = True) -> EventStream:
        """A call whose answer comes in events."""
        return EventStream(self._open, opening("chat", prompt, options, stream=is_streamed))

    async def verb(self, opening: wire.Open) -> dict[str, Any]:
        """A question that is answered with a map."""
        line, call = await self._open(opening)
        try:
            return await line.result(call)
        finally:
            line.leave(call)

    async def _ask(self, opening: wire.Open) -> Reply:
        line, call = await self._open(opening)
        try:
            return await line.reply(call)
        finally:
            line.leave(call)

    async def _open(self, opening: wire.Open) -> tuple[Line, Call]:
        """Starts a call, connecting first where that is needed."""
        deadline_at = None if opening.deadline_s is None else time.monotonic() + opening.deadline_s
        attempts_left = OPEN_ATTEMPTS
        while True:
            attempts_left -= 1
            line = await self._connected_by(deadline_at)
            if deadline_at is not None:
                opening.deadline_s = max(deadline_at - time.monotonic(), 0.0)
            call = line.open(opening)
            if not line.lost or call.dispatched or not attempts_left:
                return line, call

    async def _connected_by(self, deadline_at: float | None) -> Line:
        line = self._line
        if line is not None and not line.lost:
            return line
        if deadline_at is None:
            return await self._connected(None)
        with anyio.move_on_after(max(deadline_at - time.monotonic(), 0.0)):
            return await self._connected(deadline_at)
        raise DeadlineExceededError("no connection to the gateway within the call's deadline")

    async def _connected(self, deadline_at: float | None) -> Line:
        async with self._connecting:
            if self._line is not None and not self._line.lost:
                return self._line
            was_connected = self._line is not None
            retrying = Retrying(now=time.monotonic(), was_connected=was_connected, deadline_at=deadline_at)
            while True:
                try:
                    self._line = await open_line(
                        self._settings.path,
                        hello_question(self._settings.agent, self._settings.token),
                        self._tasks,
                        self._hold_bytes,
                    )
                except KruxosError as error:
                    pause_s = retrying.pause_s(error, now=time.monotonic(), jitter=random.random())  # noqa: S311
                    await anyio.sleep(pause_s)
                else:
                    return self._line


class EventStream:
    """An answer's events as they come. Leaving the block before its end cancels the call."""

    def __init__(self, open_call: Callable[[wire.Open], Awaitable[tuple[Line, Call]]], opening: wire.Open) -> None:
        self._open_call = open_call
        self._opening = opening
        self._under_way: tuple[Line, Call] | None = None

    async def __aenter__(self) -> Self:
        self._under_way = await self._open_call(self._opening)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        line, call = self._get()
        line.leave(call)

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        line, call = self._get()
        event = await line.next_event(call)
        if event is None:
            raise StopAsyncIteration
        return event

    async def next_run(self) -> list[Event]:
        """The next events that came together, where one by one is too slow; empty at the end."""
        line, call = self._get()
        return await line.next_run(call)

    def reply(self) -> Reply:
        """The whole answer, after its last event."""
        return self._get()[1].reply()

    def _get(self) -> tuple[Line, Call]:
        if self._under_way is None:
            raise RuntimeError("a stream is used in a block: `async with client.stream(...) as events:`")
        return self._under_way
