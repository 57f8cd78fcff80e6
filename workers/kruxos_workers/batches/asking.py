"""What is asked of a provider about one batch: bring it up, make it, look for it, ask how it is, stop it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

from kruxos.dialects.base import HttpRequest, Target
from kruxos.dialects.batching import BatchDialect, Order, Streamed, Upstream, place_of, read_object
from kruxos.errors import KruxosError, ProviderProtocolError
from kruxos_workers.batches.spool import Spool, split
from kruxos_workers.exchange import MAYBE_DONE_STATUSES
from kruxos_workers.failed import FailedExchange
from kruxos_workers.http import Answer, BodyFailure, SendFailure, StreamedBody, TimeLimit
from kruxos_workers.worker import Worker

ANSWER_BYTES_MAX = 64 * 1024 * 1024
RESULTS_BYTES_MAX = 8 * 1024 * 1024 * 1024
ANSWER_WITHIN_S = 120.0
PIECE_WITHIN_S = 120.0
"""How long one piece of a body may take, up or down."""
PAGES_MAX = 20
"""Pages of a list that are looked through for a lost batch: the newest come first."""
CLOCK_S = 600.0
"""How far a provider's clock may be from ours when a batch is known by its time."""
_SERVER_FAILED = 500


@dataclass(frozen=True, slots=True)
class Terms:
    """The part that is asked about, as the supervisor tells it (``kruxos.cores.batches.Part``).

    ``prefix`` is what the names of its requests begin with, ``first`` the place of the first of them; ``known`` are
    batches there that are others of ours.
    """

    order: Order
    prefix: str
    first: int
    offset: int
    file: str
    upstream: str
    outputs: tuple[str, ...]
    submitted_at: float
    known: frozenset[str]


@dataclass(slots=True)
class Asking:
    """Asks for one op. ``on_sent`` is called before the first byte of what may be paid."""

    worker: Worker
    ways: BatchDialect
    spool: Spool
    terms: Terms
    on_sent: Callable[[], None]

    async def upload(self) -> dict[str, Any]:
        """Brings the input up; ``file`` is its name there."""
        assert self.ways.upload is not None
        request = self.ways.upload(self.terms.order, self.worker.client.base_path)
        return {"file": self.ways.read_upload(await self._streamed(request, _nothing))}

    async def create(self) -> dict[str, Any]:
        """Makes the batch."""
        request = self.ways.create(self.terms.order, self.terms.file)
        if isinstance(request, Streamed):
            body = await self._streamed(request, self.on_sent)
        else:
            body = await self.ask(request, self.on_sent)
        try:
            return _seen(self.ways.read_batch(body))
        except ProviderProtocolError as error:
            raise FailedExchange("ambiguous", error) from None

    async def poll(self) -> dict[str, Any]:
        """How it is."""
        return _seen(self.ways.read_batch(await self.ask(self.ways.poll(self.terms.upstream))))

    async def cancel(self) -> dict[str, Any]:
        """Stops it."""
        await self.ask(self.ways.cancel(self.terms.upstream))
        return {}

    async def match(self) -> dict[str, Any]:
        """Looks for a batch whose making was not answered: by its marker, else by its results' names."""
        cursor, maybe = "", False
        for _ in range(PAGES_MAX):
            page, cursor = self.ways.read_listing(await self.ask(self.ways.listing(cursor)))
            for each in page:
                if each.marker == self.terms.order.marker:
                    return _seen(each)
                if each.marker or not self._could_be(each):
                    continue
                if not each.outcome:
                    maybe = True
                elif await self._is_ours(each):
                    return _seen(each)
            if not cursor or all(self._is_older(each) for each in page):
                break
        return {"found": False, "maybe": maybe}

    def _could_be(self, batch: Upstream) -> bool:
        since_s = (batch.created_at or 0.0) - self.terms.submitted_at
        in_time = -CLOCK_S <= since_s <= CLOCK_S
        return in_time and batch.total == self.terms.order.count and batch.id not in self.terms.known

    def _is_older(self, batch: Upstream) -> bool:
        return batch.created_at is not None and batch.created_at < self.terms.submitted_at - CLOCK_S

    async def _is_ours(self, batch: Upstream) -> bool:
        """Whether the first of its results has our name."""
        ours = False

        async def first(value: dict[str, Any]) -> bool:
            nonlocal ours
            place = place_of(self.ways.read_result(value).name, self.terms.prefix)
            ours = place is not None and 0 <= place - self.terms.first < self.terms.order.count
            return False

        for path in batch.outputs:
            await self.results(path, first)
        return ours

    async def results(self, path: str, take: Callable[[dict[str, Any]], Awaitable[bool]]) -> None:
        """Gives ``take`` the lines of a results file as they come down, until it has enough. Raises ``FailedExchange``.

        The exchange is open meanwhile, so this is no generator: one that is left halfway would leave it open.
        """
        limit = TimeLimit()
        limit.start("answer", ANSWER_WITHIN_S)
        headers = {**self.ways.poll("").headers, "accept": "*/*"}
        try:
            async with self.worker.client.send(
                "GET", path, headers, limit=limit, body_bytes_max=RESULTS_BYTES_MAX
            ) as http:
                if not 200 <= http.status < 300:
                    raise self._refused(http, await _whole(http))
                async for line in split(_timed(http, limit)):
                    if line.strip() and not await take(read_object(line)):
                        return
        except SendFailure as failure:
            raise FailedExchange(failure.kind, failure.error) from None
        except BodyFailure as failure:
            raise FailedExchange("refused", failure.error) from None

    # One request

    async def ask(self, request: HttpRequest, on_sent: Callable[[], None] | None = None) -> bytes:
        """The body of a good answer. Raises ``FailedExchange``."""
        limit = TimeLimit()
        limit.start("answer", ANSWER_WITHIN_S)
        return await self._send(request.method, request.path, request.headers, request.body, limit, on_sent or _nothing)

    async def _streamed(self, request: Streamed, on_sent: Callable[[], None]) -> bytes:
        order, limit = self.terms.order, TimeLimit()
        limit.start("answer", ANSWER_WITHIN_S)
        body = StreamedBody(request.length(order), lambda: self._pieces(request, limit))
        return await self._send(
            "POST", request.path, request.headers, body, limit, on_sent, at_root=request.at_root
        )  # fmt: skip

    async def _pieces(self, request: Streamed, limit: TimeLimit) -> AsyncIterator[bytes]:
        yield request.before
        left = self.terms.order.size
        async for lines in self.spool.pieces("prepared", self.terms.offset, left):
            left -= len(lines)
            limit.start("progress of the upload", PIECE_WITHIN_S)
            yield request.body(lines, is_last=left == 0)
        yield request.after

    async def _send(
        self, method: str, path: str, headers: dict[str, str], body: bytes | StreamedBody, limit: TimeLimit,
        on_sent: Callable[[], None], *, at_root: bool = False,
    ) -> bytes:  # fmt: skip
        try:
            async with self.worker.client.send(
                method, path, headers, body, on_sent=on_sent, limit=limit, body_bytes_max=ANSWER_BYTES_MAX,
                at_root=at_root,
            ) as http:  # fmt: skip
                answer = await _whole(http)
        except SendFailure as failure:
            raise FailedExchange(failure.kind, failure.error) from None
        except BodyFailure as failure:
            raise FailedExchange("ambiguous", failure.error) from None
        if not 200 <= http.status < 300:
            raise self._refused(http, answer)
        return answer

    def _refused(self, http: Answer, body: bytes) -> FailedExchange:
        """A clean no, or not: a server that failed may have made the batch all the same."""
        settings = self.worker.settings
        target = Target(settings.provider, self.terms.order.model, settings.profile, settings.origin, stream=False)
        error: KruxosError = settings.dialect.decode_error(http.status, http.headers, body, target)
        unclear = http.status >= _SERVER_FAILED or http.status in MAYBE_DONE_STATUSES
        return FailedExchange("ambiguous" if unclear else "refused", error)


def _nothing() -> None:
    """Nobody wants to know."""


async def _whole(http: Answer) -> bytes:
    return b"".join([piece async for piece in http])


async def _timed(http: Answer, limit: TimeLimit) -> AsyncIterator[bytes]:
    async for piece in http:
        limit.start("progress of the results", PIECE_WITHIN_S)
        yield piece


def _seen(batch: Upstream) -> dict[str, Any]:
    """What the supervisor hears of a batch."""
    told = asdict(batch)
    del told["inlined"], told["marker"], told["total"], told["created_at"]
    return {"found": True, **told, "outputs": list(batch.outputs)}
