"""The client without an event loop.

Threads may share one client: their calls go over one connection at the same time, and each thread gets its own
answers. A stream belongs to the thread that iterates it. There is no hidden thread: the connection is read while
somebody waits for an answer, so a stream that is left lying for minutes may end as ``slow_consumer``.

This file is the face of it: what does the work (``blocking_connector``) is loaded when a client is made.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kruxos.client.settings import Settings

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, Unpack

    from kruxos.client.blocking_batches import BlockingBatches
    from kruxos.client.blocking_connector import BlockingEventStream
    from kruxos.client.call import TokenCount
    from kruxos.client.options import CallOptions
    from kruxos.events import Reply


class BlockingClient:
    """An agent's connection to the gateway.

    ``agent`` names the agent, ``token`` is its token (``$KRUXOS_AGENT_TOKEN`` unless given), ``address`` the agents'
    socket (the data directory's unless given). The connection is made by the first call, and again after it was lost.
    Every call raises ``kruxos.KruxosError``; see there for what an error carries. A forked child may go on using the
    client: it connects anew, and calls that were under way stay with the parent.
    """

    def __init__(
        self, *, agent: str | None = None, token: str | None = None, address: str | os.PathLike[str] | None = None
    ) -> None:
        from kruxos.client.blocking_connector import Connector  # noqa: PLC0415 - see the top of this file

        self._settings = Settings.of(agent, token, address)
        self._connector = Connector(self._settings)

    def __repr__(self) -> str:
        return self._settings.describe("BlockingClient")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; calls under way in other threads end as ``connection_lost``."""
        self._connector.close()

    def chat(self, prompt: str | None = None, /, **options: Unpack[CallOptions]) -> Reply:
        """Asks, and waits for the whole answer. The options are ``kruxos.client.CallOptions``."""
        return self._connector.chat(prompt, options)

    def stream(self, prompt: str | None = None, /, **options: Unpack[CallOptions]) -> BlockingEventStream:
        """Asks, and gives the answer's events as they come: ``with client.stream("hi") as events: ...``."""
        return self._connector.stream(prompt, options)

    def count_tokens(self, prompt: str | None = None, /, **options: Unpack[CallOptions]) -> TokenCount:
        """How many input tokens the request has, as the provider counts or, failing that, as the gateway estimates."""
        return self._connector.count_tokens(prompt, options)

    @property
    def batches(self) -> BlockingBatches:
        """Requests that wait up to a day, at half the price: submit, list, show, results, cancel, wait."""
        from kruxos.client.blocking_batches import BlockingBatches  # noqa: PLC0415 - see the top of this file

        return BlockingBatches(self._connector.verb)
