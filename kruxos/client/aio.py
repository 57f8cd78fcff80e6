"""The asynchronous client, for asyncio and trio alike.

This file is the face of it: what does the work (``aio_connector``), and anyio with it, is loaded when a client is
opened, so that importing the name costs next to nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kruxos.client.settings import Settings

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, Unpack

    from kruxos.client.aio_batches import AsyncBatches
    from kruxos.client.aio_connector import Connector, EventStream
    from kruxos.client.call import TokenCount
    from kruxos.client.options import CallOptions
    from kruxos.events import Reply


class Client:
    """An agent's connection to the gateway: ``async with Client() as client: await client.chat("hi")``.

    ``agent`` names the agent, ``token`` is its token (``$KRUXOS_AGENT_TOKEN`` unless given), ``address`` the agents'
    socket (the data directory's unless given). Any number of tasks may call at the same time. The connection is made
    by the first call, and again after it was lost. Cancelling a task that waits for an answer cancels the call, up to
    the provider. Every call raises ``kruxos.KruxosError``; see there for what an error carries. A forked child may
    open the client again, with a block of its own.
    """

    def __init__(
        self, *, agent: str | None = None, token: str | None = None, address: str | os.PathLike[str] | None = None
    ) -> None:
        self._settings = Settings.of(agent, token, address)
        self._connector: Connector | None = None
        self._opened_by = 0

    def __repr__(self) -> str:
        return self._settings.describe("Client")

    async def __aenter__(self) -> Self:
        from kruxos.client.aio_connector import Connector  # noqa: PLC0415 - see the top of this file

        if self._connector is not None and self._opened_by == os.getpid():
            raise RuntimeError("this client is open already")
        self._connector, self._opened_by = Connector(self._settings), os.getpid()
        await self._connector.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connector, self._connector = self._connector, None
        if connector is not None and self._opened_by == os.getpid():
            await connector.close()

    async def connect(self, *, hold_bytes: int | None = None) -> None:
        """Connects now, where the first call would: raises ``UnauthorizedError`` for a wrong token, and its like.

        ``hold_bytes`` is for who passes streams on to others: a call of which so many bytes are unread is held back, up
        to its provider; one that is not read on for a minute ends.
        """
        await self._open_connector().connect(hold_bytes)

    async def chat(self, prompt: str | None = None, /, **options: Unpack[CallOptions]) -> Reply:
        """Asks, and waits for the whole answer. The options are ``kruxos.client.CallOptions``."""
        return await self._open_connector().chat(prompt, options)

    def stream(self, prompt: str | None = None, /, **options: Unpack[CallOptions]) -> EventStream:
        """Asks, and gives the answer's events as they come: ``async with client.stream("hi") as events: ...``."""
        return self._open_connector().stream(prompt, options)

    def whole(self, prompt: str | None = None, /, **options: Unpack[CallOptions]) -> EventStream:
        """As ``stream``, for an answer that comes whole: all its events at its end."""
        return self._open_connector().stream(prompt, options, is_streamed=False)

    async def count_tokens(self, prompt: str | None = None, /, **options: Unpack[CallOptions]) -> TokenCount:
        """How many input tokens the request has, as the provider counts or, failing that, as the gateway estimates."""
        return await self._open_connector().count_tokens(prompt, options)

    @property
    def batches(self) -> AsyncBatches:
        """Requests that wait up to a day, at half the price: submit, list, show, results, cancel, wait."""
        from kruxos.client.aio_batches import AsyncBatches  # noqa: PLC0415 - see the top of this file

        return AsyncBatches(self._open_connector().verb)

    def _open_connector(self) -> Connector:
        if self._connector is None:
            raise RuntimeError("a client is used in a block: `async with Client() as client:`")
        if self._opened_by != os.getpid():
            raise RuntimeError("this client was opened before a fork: open it again, in a block of this process")
        return self._connector
