"""Batches of an asynchronous client: requests that wait up to a day, at half the price."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Unpack

import anyio

from kruxos import wire
from kruxos.batch_results import BatchResult, read_result
from kruxos.client.batches import (
    WAIT_EVERY_S,
    Batch,
    BatchOptions,
    Conversation,
    Requests,
    ResultLines,
    question,
    submission,
)


class AsyncBatches:
    """``await client.batches.submit("work.jsonl", provider="claude-api")``, and what is asked later about it."""

    def __init__(self, verb: Callable[[wire.Open], Awaitable[dict[str, Any]]]) -> None:
        self._verb = verb

    async def submit(self, requests: Requests, **options: Unpack[BatchOptions]) -> Batch:
        """Hands in a JSONL file, or requests: maps with ``custom_id`` and what a call takes, or lines in a known form.

        Raises ``BadRequestError`` with the numbers of lines that are wrong, ``BatchUnsupportedError``.
        """
        return Batch.from_wire(await self._hold(submission(requests, options)))

    async def list(self) -> list[Batch]:
        """This agent's batches, the latest first."""
        return [Batch.from_wire(each) for each in (await self._ask("batch.list"))["batches"]]

    async def show(self, batch: str) -> Batch:
        """One batch, by its id."""
        return Batch.from_wire(await self._ask("batch.show", id=batch))

    async def cancel(self, batch: str) -> Batch:
        """Gives it up; what is done by then can be read, and is paid."""
        return Batch.from_wire(await self._ask("batch.cancel", id=batch))

    async def wait(self, batch: str, every_s: float = WAIT_EVERY_S) -> Batch:
        """Until it is over, however long that takes."""
        while not (found := await self.show(batch)).over:  # noqa: ASYNC110 - the gateway pushes nothing
            await anyio.sleep(every_s)
        return found

    async def results(self, batch: str) -> AsyncIterator[BatchResult]:
        """What became of its requests, in their order, as far as they are there."""
        lines = ResultLines()
        while not lines.end:
            for line in lines.take(await self._ask("batch.results", id=batch, offset=lines.offset)):
                yield read_result(line)

    async def _ask(self, op: str, **arguments: Any) -> dict[str, Any]:
        return await self._verb(question(op, arguments))

    async def _hold(self, conversation: Conversation) -> dict[str, Any]:
        asked = next(conversation)
        while True:
            answer = await self._verb(question(*asked))
            try:
                asked = conversation.send(answer)
            except StopIteration as over:
                found: dict[str, Any] = over.value
                return found
