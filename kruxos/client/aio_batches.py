"""Batches of an asynchronous client: requests that wait up to a day, at half the price."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
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

GIVE_UP_WITHIN_S = 5.0
"""How long an upload that broke off may take to be given up."""


class AsyncBatches:
    """``await client.batches.submit("work.jsonl", provider="claude-api")``, and what is asked later about it."""

    def __init__(self, verb: Callable[[wire.Open], Awaitable[dict[str, Any]]]) -> None:
        self._verb = verb

    async def submit(self, requests: Requests, **options: Unpack[BatchOptions]) -> Batch:
        """Hands in a JSONL file, or requests: maps with ``custom_id`` and what a call takes, or lines in a known form.

        Raises ``BadRequestError`` with the numbers of lines that are wrong, ``BatchUnsupportedError``.
        """
        return Batch.from_wire(await self._hold(submission(requests, options)))

    async def upload(self, pieces: AsyncIterable[bytes], **options: Unpack[BatchOptions]) -> Batch:
        """Hands in the bytes of lines as they come, and submits nothing yet: ``start`` does.

        What breaks off is given up; with a ``key`` it stays, so that the same upload again goes on.
        """
        begun = await self._ask("batch.begin", **{name: value for name, value in options.items() if value is not None})
        if begun["state"] == "receiving":
            try:
                await self._append(begun["id"], pieces, begun["chunk_bytes_max"])
            except BaseException:
                if options.get("key") is None:
                    with anyio.move_on_after(GIVE_UP_WITHIN_S, shield=True):
                        await self._ask("batch.cancel", id=begun["id"])
                raise
        return await self.show(begun["id"])

    async def _append(self, batch: str, pieces: AsyncIterable[bytes], size: int) -> None:
        offset, waiting = 0, bytearray()
        async for piece in pieces:
            waiting += piece
            while len(waiting) >= size:
                offset = await self._append_one(batch, offset, bytes(waiting[:size]))
                del waiting[:size]
        if waiting:
            await self._append_one(batch, offset, bytes(waiting))

    async def _append_one(self, batch: str, offset: int, chunk: bytes) -> int:
        await self._ask("batch.append", id=batch, offset=offset, data=chunk)
        return offset + len(chunk)

    async def start(self, batch: str, labels: Mapping[str, str] | None = None) -> Batch:
        """Submits what was uploaded; ``labels`` are the agent's own notes, and are shown with it.

        Raises ``BadRequestError`` with the numbers of lines that are wrong.
        """
        return Batch.from_wire(await self._ask("batch.submit", id=batch, labels=dict(labels or {})))

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
