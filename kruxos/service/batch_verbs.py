"""What agents and operators can ask of batches: the same verbs, an agent for its own batches only.

    begin     {provider, model, role, key, own_models}
                                               {id, received_bytes, chunk_bytes_max}; nothing is sent yet
    append    {id, offset, data}               {received_bytes}; the same chunk again changes nothing
    submit    {id, labels}                     the batch, once its lines are checked; from here on it lives
    list      {}                               {batches}
    show      {id}                             the batch
    results   {id, offset}                     {data, next_offset, end}: lines in the order of the requests
    cancel    {id}                             the batch

All of them may be asked again: what has been done is not done twice.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import trio

from kruxos import wire
from kruxos.config.model import ModelsConfig, Provider
from kruxos.cores.routing import AgentFacts, RoutingFacts, Wish, make_plan
from kruxos.dialects.profiles import choose_profile
from kruxos.errors import BY_CODE, BadRequestError, BatchUnsupportedError, ForbiddenError, KruxosError, NoProviderError
from kruxos.fields import Fields
from kruxos.ledger.batch_view import describe, ready_parts
from kruxos.ledger.batches import Batch
from kruxos.ledger.spool import read_results
from kruxos.service.batches import Batches

PREPARED_WITHIN_S = 20.0
"""How long ``submit`` waits for its lines to be checked; a worker that comes later does it all the same."""
OPEN_MAX = 1000
LABELS_MAX = 24
LABEL_CHARS_MAX = 512
_NAME_CHARS_MAX = 256

Verb = Callable[["BatchVerbs", Fields, AgentFacts | None], Awaitable[dict[str, Any]]]


@dataclass(slots=True)
class BatchVerbs:
    """The verbs. ``config`` and ``facts`` give what is in force."""

    batches: Batches
    config: Callable[[], ModelsConfig]
    facts: Callable[[], RoutingFacts]
    operator: AgentFacts

    async def perform(self, op: str, arguments: dict[str, Any], agent: AgentFacts | None) -> dict[str, Any]:
        """Does one; ``agent`` None: an operator, who sees all. Raises ``KruxosError``."""
        return await _VERBS[op](self, Fields(arguments), agent)

    async def begin(self, fields: Fields, agent: AgentFacts | None) -> dict[str, Any]:
        """A new batch, or with a key that was used before the one that has it."""
        self.batches.check_open()
        owner = agent or self.operator
        wish = Wish(
            fields.maybe_text("provider", limit=_NAME_CHARS_MAX), fields.maybe_text("model", limit=_NAME_CHARS_MAX),
            fields.maybe_text("role", limit=_NAME_CHARS_MAX), fallback="none",
        )  # fmt: skip
        provider, model = self._provider(wish, owner)
        if fields.boolean("own_models", default=False):
            # A wish that the provider does not sell is not asked of it by the lines either: its own model answers.
            model = None if model is not None or wish.model is None else self.config().providers[provider].model
        if len(self.batches.running) >= OPEN_MAX:
            raise BadRequestError(f"{OPEN_MAX} batches are open: let some end, or cancel them")
        batch = Batch(
            f"batch_{os.urandom(12).hex()}", owner.name, provider, model,
            fields.maybe_text("key", limit=_NAME_CHARS_MAX), "receiving", self.batches.now(),
        )  # fmt: skip
        found = await trio.to_thread.run_sync(self.batches.records.begin, batch)
        if found.id == batch.id:
            held = self.batches.hold(batch)
            await trio.to_thread.run_sync(held.spool.create)
        received = await trio.to_thread.run_sync(self.batches.spool_of(found.id).size, "input.jsonl")
        return {
            "id": found.id, "provider": found.provider, "state": found.state, "received_bytes": received,
            "chunk_bytes_max": wire.CHUNK_BYTES_MAX,
        }  # fmt: skip

    def _provider(self, wish: Wish, agent: AgentFacts) -> tuple[str, str | None]:
        """Who does it.

        Raises ``NoProviderError``, ``BatchUnsupportedError`` naming those that can, and as policy and budgets say
        ``ForbiddenError`` and ``BudgetExceededError``.
        """
        now = self.batches.now()
        plan = self.batches.purse.permitted(make_plan(wish, agent, self.facts()), agent, now)
        if not plan.candidates:
            barred = next((each for each in plan.skipped if each.code == ForbiddenError.code), None)
            if barred is not None:
                raise ForbiddenError(f"{barred.provider}: {barred.reason}", provider=barred.provider)
            why = "; ".join(f"{each.provider}: {each.reason}" for each in plan.skipped)
            raise NoProviderError(f"no provider for this batch{f' ({why})' if why else ''}: name one with `provider`")
        chosen = plan.candidates[0]
        config = self.config()
        provider = config.providers[chosen.provider]
        if not can_batch(provider):
            raise unsupported(provider, config)
        self.batches.purse.check(agent, provider.name, now)
        return chosen.provider, chosen.model

    async def append(self, fields: Fields, agent: AgentFacts | None) -> dict[str, Any]:
        """The next chunk of its lines."""
        offset, data = fields.integer("offset", low=0), fields.data("data")
        if len(data) > wire.CHUNK_BYTES_MAX:
            raise BadRequestError(f"a chunk has {wire.CHUNK_BYTES_MAX} bytes at most", field="data")
        batch = await self._batch(fields, agent)
        held = self.batches.running.get(batch.id)
        if held is None:
            raise BadRequestError("the batch is over: nothing can be added to it")
        return {"received_bytes": await self.batches.receive(held, offset, data)}

    async def submit(self, fields: Fields, agent: AgentFacts | None) -> dict[str, Any]:
        """All lines are here. Waits until they are checked; raises ``BadRequestError`` with the numbers of bad ones."""
        batch = await self._batch(fields, agent)
        held = self.batches.running.get(batch.id)
        if held is not None:
            await self.batches.submit(held, _labels_of(fields))
            with trio.move_on_after(PREPARED_WITHIN_S):
                await held.settled.wait()
        after = await self._batch(fields, agent)
        if after.state == "refused":
            raise BY_CODE.get(after.code, BadRequestError)(after.problem)
        return await self._shown(after)

    async def list(self, _fields: Fields, agent: AgentFacts | None) -> dict[str, Any]:
        """The latest first."""
        records, owner = self.batches.records, None if agent is None else agent.name
        found = await trio.to_thread.run_sync(records.list, owner)
        return {"batches": [await self._shown(batch) for batch in found]}

    async def show(self, fields: Fields, agent: AgentFacts | None) -> dict[str, Any]:
        """One batch."""
        return await self._shown(await self._batch(fields, agent))

    async def results(self, fields: Fields, agent: AgentFacts | None) -> dict[str, Any]:
        """A chunk of the results, of those parts that are over from the first on."""
        batch = await self._batch(fields, agent)
        parts = await trio.to_thread.run_sync(self.batches.records.parts, batch.id)
        offset, ready = fields.maybe_integer("offset", low=0) or 0, ready_parts(parts)
        spool = self.batches.spool_of(batch.id)
        data, after = await trio.to_thread.run_sync(read_results, spool, ready, offset, wire.CHUNK_BYTES_MAX)
        is_over = batch.state not in ("receiving", "preparing") and ready == len(parts)
        return {"data": data, "next_offset": after, "end": is_over and not data, "state": batch.state}

    async def cancel(self, fields: Fields, agent: AgentFacts | None) -> dict[str, Any]:
        """Gives it up: at the provider too, where it is there. What is done by then can be read, and is paid."""
        batch = await self._batch(fields, agent)
        held = self.batches.running.get(batch.id)
        if held is not None:
            await self.batches.give_up(held)
        return await self._shown(await self._batch(fields, agent))

    async def _batch(self, fields: Fields, agent: AgentFacts | None) -> Batch:
        name = fields.text("id", limit=_NAME_CHARS_MAX)
        found = await trio.to_thread.run_sync(self.batches.records.get, name)
        if found is None or (agent is not None and found.agent != agent.name):
            raise BadRequestError("there is no batch of this id: `kruxos batch list` shows those there are", field="id")
        held = self.batches.running.get(name)
        return found if held is None else held.batch

    async def _shown(self, batch: Batch) -> dict[str, Any]:
        parts = await trio.to_thread.run_sync(self.batches.records.parts, batch.id)
        return describe(batch, parts, self.batches.now())


def _labels_of(fields: Fields) -> dict[str, str]:
    labels = fields.object("labels")
    texts = {name: value for name, value in labels.items() if isinstance(value, str)}
    if len(texts) != len(labels) or len(texts) > LABELS_MAX or any(
        len(text) > LABEL_CHARS_MAX for pair in texts.items() for text in pair
    ):  # fmt: skip
        raise BadRequestError(f"at most {LABELS_MAX} texts of {LABEL_CHARS_MAX} characters", field="labels")
    return texts


_VERBS: dict[str, Verb] = {
    "batch.begin": BatchVerbs.begin,
    "batch.append": BatchVerbs.append,
    "batch.submit": BatchVerbs.submit,
    "batch.list": BatchVerbs.list,
    "batch.show": BatchVerbs.show,
    "batch.results": BatchVerbs.results,
    "batch.cancel": BatchVerbs.cancel,
}


def can_batch(provider: Provider) -> bool:
    """Whether a provider has batches."""
    from kruxos.dialects.batches import batch_dialect  # noqa: PLC0415 - dialects, which nothing else here needs

    profile = choose_profile(provider.type, provider.base_url, provider.profile)
    return profile is not None and batch_dialect(profile.name, provider.dialect) is not None


def unsupported(provider: Provider, config: ModelsConfig) -> KruxosError:
    """Why a provider does none, and who does."""
    able = [each.name for each in config.providers.values() if each.enabled and can_batch(each)]
    who = f"these can: {', '.join(able)}" if able else "add one that can: anthropic, openai or gemini"
    flat = provider.auth == "oauth"
    why = "is a subscription at a flat rate: a batch would save nothing" if flat else "has no batches"
    return BatchUnsupportedError(f"{provider.name} {why}; {who}", provider=provider.name)
