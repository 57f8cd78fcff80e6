"""The running gateway: everything it is made of, and what operators can ask of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import trio

from kruxos import __version__, catalog, wire
from kruxos.config import models_file
from kruxos.config.difference import difference
from kruxos.config.directory import DataDirectory
from kruxos.config.model import Http, ModelsConfig, RoleName, destination
from kruxos.config.model import Provider as Configured
from kruxos.config.problems import SetupError
from kruxos.config.secret import Secret
from kruxos.cores import supervision
from kruxos.cores.alerting import Alert
from kruxos.cores.budgets import Crossing
from kruxos.cores.call_vocabulary import Row
from kruxos.cores.links import Links
from kruxos.cores.routing import AgentFacts
from kruxos.errors import BY_CODE, ProviderMisconfiguredError, UnauthorizedError, from_wire
from kruxos.events import Assembler, Usage, decode_events
from kruxos.ledger.calls import FLUSH_EVERY_S, Call
from kruxos.ledger.defaults import ForAWhile
from kruxos.ledger.ledger import Ledger
from kruxos.messages import Text
from kruxos.operations.lifetimes import lifetimes
from kruxos.operations.prices import price_list
from kruxos.service.admission import Admission
from kruxos.service.alerts import AlertDesk
from kruxos.service.batch_verbs import BatchVerbs
from kruxos.service.bounds import bounds
from kruxos.service.calls import Calls, Running
from kruxos.service.defaults import Defaults
from kruxos.service.doors import AgentDoor
from kruxos.service.fleet import Fleet
from kruxos.service.journal import LOG
from kruxos.service.keybook import KeyBook
from kruxos.service.launching import Launching
from kruxos.service.providers import Setup
from kruxos.service.setups import login_of, routing_facts, started_on_demand, worker_setup
from kruxos.service.showing import vault_status, worker_status
from kruxos.service.status import GatewayStatus
from kruxos.service.stewardship import everybody, standings
from kruxos.service.telling import Teller
from kruxos.service.timers import Timers
from kruxos.service.web import WebProcess
from kruxos.transport import Peer
from kruxos.vault.vault import Vault, record_name
from kruxos.wire import Open

OPERATOR = "operator"
"""The agent that an operator's own calls are booked to."""
SECRET_REASONS = ("no_credentials", "vault_locked", "destination_changed", "needs_login")
NOBODY = ("all_providers_unavailable", "no_provider")
"""Outcomes of calls that no provider could answer."""
UNNAMED = "default"
"""The agent of a process of the gateway's own user that shows no token and gives no name."""
UNCHANGED = "nothing changed"
"""What a reload tells where the file says the same as before."""


@dataclass(slots=True)
class Gateway:
    """What runs. ``fleet``, ``calls``, ``door`` and ``batches`` are set once the parts exist."""

    data: DataDirectory
    vault: Vault
    ledger: Ledger
    config: ModelsConfig
    launching: Launching
    nursery: trio.Nursery
    teller: Teller
    admission: Admission
    timers: Timers
    started_at: float = field(default_factory=time.time)
    config_problem: str = ""
    notices: list[str] = field(default_factory=list[str])
    fleet: Fleet = field(init=False)
    calls: Calls = field(init=False)
    keybook: KeyBook = field(init=False)
    defaults: Defaults = field(init=False)
    alerts: AlertDesk = field(init=False)
    door: AgentDoor = field(init=False)
    batches: BatchVerbs = field(init=False)
    web: WebProcess = field(init=False)
    http: Http | None = None
    """What the command line says of the web process; it counts before models.yaml."""
    links: Links = field(default_factory=Links)

    def __post_init__(self) -> None:
        self.keybook = KeyBook(self.ledger.keys)
        self.defaults = Defaults(self.timers, self.ledger.defaults.read(time.time()), self._default_ended)
        self.alerts = AlertDesk(self.teller)

    # What the parts ask

    def setup_of(self, name: str) -> Setup:
        """What a provider's worker is told. Raises ``KruxosError``."""
        configured = self._configured(name)
        setup = worker_setup(configured, self.vault)
        if setup.secret:
            self.teller.tell("vault", record_name(name), use="given to its worker")
        return setup

    def lend_login(self, provider: str) -> bytes:
        """A provider's login as it is stored, to be renewed. Raises ``KruxosError``."""
        login = login_of(self._configured(provider), self.vault).reveal_bytes()
        self.teller.tell("vault", record_name(provider), use="lent to be renewed")
        return login

    def store_login(self, provider: str, lent: bytes, record: bytes) -> bool:
        """Stores a renewed login; False where the one that was lent is not there any more. Raises ``KruxosError``."""
        to = destination(self._configured(provider))
        stored = self.vault.swap(record_name(provider), Secret(lent), Secret(record), to)
        self.teller.tell("login", provider, outcome="renewed" if stored else "replaced meanwhile")
        return stored

    def _configured(self, name: str) -> Configured:
        provider = self.config.providers.get(name)
        if provider is None:
            raise ProviderMisconfiguredError(f"{name} is not in models.yaml")
        return provider

    def log_of(self, name: str) -> int:
        """A descriptor of the provider's log, to be closed by the caller."""
        path = self.data.logs / f"{name}.log"
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def identify(self, name: str | None, token: str | None, peer: Peer) -> AgentFacts:
        """Who asks. A token proves it; without one, the gateway's own user is believed what it says.

        Raises ``UnauthorizedError``.
        """
        if token is not None:
            return self.ledger.agents.authenticate(Secret(token), name).facts
        if peer.uid is not None and peer.uid != os.geteuid():
            name = self._agent_of_user(peer.uid, name)
        known = {agent.name: agent for agent in self.ledger.agents.list()} if name else {}
        agent = known.get(name or "")
        if agent is not None and agent.revoked_at is not None:
            raise UnauthorizedError(f"the agent {name} is revoked\n  fix: kruxos agent restore {name}")
        return AgentFacts(name or UNNAMED) if agent is None else agent.facts

    def changed(self, provider: str, change: supervision.Announce | supervision.Outgrown) -> None:
        """A provider's change of state, or a worker that is too heavy: told; batches that wait for a worker go on."""
        self.teller.changed(provider, change)
        if isinstance(change, supervision.Announce):
            self.alerts.changed(provider, change)
            if change.after == "ready":
                self.batches.batches.provider_ready(provider)

    def crossed(self, crossing: Crossing) -> None:
        """A budget came near its end, or to it."""
        LOG.warning("%s has used %s of its limit of %s", crossing.owner, crossing.used, crossing.cap)
        self.teller.tell(
            "budget", str(crossing.owner), limit=str(crossing.cap), used=format(crossing.used, "f"),
            percent=float(crossing.share * 100), until=crossing.resets_at,
        )  # fmt: skip
        self.alerts.crossed(crossing)

    def _agent_of_user(self, uid: int, name: str | None) -> str:
        """Another user's process is the agent of the user's own name, if there is one. Raises ``UnauthorizedError``."""
        user = self.admission.names.get(uid)
        there = user is not None and any(agent.name == user for agent in self.ledger.agents.list())
        if user is None or not there or name not in (None, user):
            fix = f"kruxos agent create --name {user or 'NAME'}"
            raise UnauthorizedError(f"an agent of another user shows its token, or has the user's name\n  fix: {fix}")
        return user

    def booked(self, running: Running, row: Row) -> None:
        """Puts a row of a call into the ledger."""
        self.teller.booked(running.agent.name, row)
        self._watch_outcome(row)
        self.ledger.writer.append(
            Call(
                call_id=running.core.terms.call_id,
                started_at=running.started_at,
                agent=running.agent.name,
                provider=row.provider or None,
                model=row.model or None,
                outcome=row.outcome,
                op=row.op or running.frame.op,
                step=running.booked,
                last=row.last,
                finish_reason=row.finish_reason,
                stream=running.frame.stream,
                attempts=row.attempts,
                usage=Usage() if running.frame.op == "count_tokens" else Usage.from_wire(row.usage),
                raw_usage=row.raw_usage,
                cost=_amount(row.cost.get("total")),
                currency=row.cost.get("currency"),
                price_row=row.cost.get("row"),
                billed_maybe=row.billed_maybe,
                overhead_us=row.overhead_us,
                upstream_us=row.upstream_us,
                duration_ms=round(row.elapsed_s * 1000),
                upstream_request_id=row.upstream_request_id,
                estimated_tokens=row.estimated_tokens,
                estimated_cost=_amount(row.estimated_cost),
                cost_uncached=_amount(row.cost.get("uncached")),
                cost_reported=_amount(row.cost.get("reported")),
            )
        )
        running.booked += 1

    def _watch_outcome(self, row: Row) -> None:
        """Whether anybody answers at all is worth an alert."""
        if row.outcome == "answered":
            self.alerts.answered()
            return
        error, enabled = BY_CODE.get(row.outcome), sum(each.enabled for each in self.config.providers.values())
        nobody = row.outcome in NOBODY or (enabled == 1 and error is not None and error.moves_on)
        if row.last and nobody:
            self.alerts.unanswered(row.outcome)

    def persist(self, agent: str, key: str, digest: bytes, call_id: str, then: Callable[[], None]) -> None:
        """Writes a key down, then goes on with its call."""
        self.keybook.persist(agent, key, digest, call_id, then)

    def key_over(self, agent: str, key: str, *, kept: bool) -> None:
        """A key's call is over: its answer is known, or the key is free again."""
        self.keybook.over(agent, key, kept=kept)

    async def flush_ledger(self) -> None:
        """Writes rows out, for ever, off the hot path."""
        while True:
            await trio.sleep(FLUSH_EVERY_S)
            if self.ledger.writer.waiting:
                try:
                    await trio.to_thread.run_sync(self.ledger.writer.flush)
                except SetupError as error:
                    LOG.error("the ledger cannot be written: %s", error.message)

    # What operators ask

    def reload(self) -> str:
        """Reads models.yaml again and brings everything in line; what changed, in words.

        Raises ``SetupError``; nothing is changed then.
        """
        try:
            config = models_file.load_models(self.data.models)
        except SetupError as error:
            self.config_problem = str(error)
            LOG.error("models.yaml is not used: %s", error.message)
            self.teller.tell("reload", self.data.models.name, outcome="refused")
            raise
        changed = self.apply(config)
        if changed == UNCHANGED:  # whoever saved the file looks here for a word about it
            LOG.info("%s was read again: no provider is added, changed or removed", self.data.models.name)
        return changed

    def apply(self, config: ModelsConfig) -> str:
        """Puts a configuration in force; what changed, in words."""
        changes = difference(self.config, config)
        self.config, self.config_problem = config, ""
        self._in_force()
        enabled = {name: provider.enabled for name, provider in config.providers.items()}
        self.fleet.configure(enabled, set(changes.changed), started_on_demand(config))
        self.web.configure(self.http or config.http, config.telemetry)
        told = [
            f"{word} {', '.join(sorted(names))}"
            for word, names in (("added", changes.added), ("changed", changes.changed), ("removed", changes.removed))
            if names
        ]
        if told:
            LOG.info("%s in force: %s", self.data.models.name, "; ".join(told))
            self.teller.tell("reload", self.data.models.name, outcome="; ".join(told))
        return "; ".join(told) or UNCHANGED

    def _in_force(self) -> None:
        """What routing, budgets and alerts go by is the configuration that holds now."""
        self.calls.facts = routing_facts(self.defaults.over(self.config))
        steward = self.calls.steward
        steward.prices = price_list(self.config)
        steward.gateway, steward.providers = self.config.budgets.gateway, self.config.budgets.providers
        self.alerts.configure(self.config.alerts)

    def defaults_timed(self, timed: Mapping[RoleName, ForAWhile]) -> None:
        """These defaults hold for a while, in place of models.yaml's."""
        for role, each in timed.items():
            if self.defaults.timed.get(role) != each:
                self.teller.tell("default", role, outcome=each.provider, until=each.until)
        self.defaults.set(timed)
        self._in_force()

    def _default_ended(self, role: RoleName, provider: str) -> None:
        self._in_force()
        back = self.calls.facts.defaults.get(role, "nobody")
        LOG.info("the default for %s is %s again: the time of %s is over", role, back, provider)
        self.teller.tell("default", role, outcome=back, instead_of=provider, reason="its time is over")

    async def alert(self, alert: Alert) -> dict[str, str]:
        """Sends an alert now; what came of it by each way."""
        return await self.alerts.send(alert)

    def supervise(self, provider: str, event: supervision.Event) -> None:
        """Gives an operator's event to a provider's supervision."""
        LOG.info("operator: %s for %s", type(event).__name__.lower(), provider)
        self.fleet.apply(provider, event)

    def forget_limits(self, provider: str) -> None:
        """Clears what is known of a provider's limits."""
        LOG.info("operator: limits of %s cleared", provider)
        self.fleet.forget_limits(provider)

    def secrets_changed(self, provider: str | None = None) -> None:
        """A secret changed: its worker is replaced; with None, workers that wait for a secret are started."""
        for name, each in self.fleet.providers.items():
            if not self.config.providers[name].enabled:
                continue
            if each.core.state == "failed" and each.core.reason in SECRET_REASONS:
                self.fleet.apply(name, supervision.Start())
            elif name == provider and each.has_process:
                self.fleet.apply(name, supervision.Restart(reason="its key changed"))

    def agent_revoked(self, name: str) -> None:
        """An agent's token is refused from now on: the sessions that it opened end."""
        for session in [each for each in self.door.sessions if each.agent.name == name]:
            session.end("the agent was revoked")

    def agent_changed(self, agent: AgentFacts) -> None:
        """Who answers an agent is another from its next call on, also in sessions that are open."""
        for session in self.door.sessions:
            if session.agent.name == agent.name:
                session.agent = agent

    async def batch(self, op: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Does a verb of batches for an operator, who sees those of all agents. Raises ``KruxosError``."""
        return await self.batches.perform(op, arguments, None)

    async def start_web(self) -> dict[str, Any]:
        """Has the web process run, and gives its status once it listens. Raises ``RefusedError``."""
        await self.web.start()
        return self.web.to_wire()

    def make_link(self, token: str) -> None:
        """A one-time link to the dashboard with this token is good from now on."""
        self.links.made(token, trio.current_time())

    def take_link(self, token: str) -> bool:
        """Whether it is the token of a link that is good; it is none any more."""
        return self.links.take(token, trio.current_time())

    async def ask(self, frame: Open) -> dict[str, Any]:
        """Makes one call as the operator and waits for it: the reply as a map, or raises ``KruxosError``."""
        reader = _Waiter()
        number = self.calls.open(replace(frame, stream=False), AgentFacts(OPERATOR), reader)
        try:
            await reader.done.wait()
        finally:
            self.calls.leave(number, reader)
        assert reader.frame is not None
        if isinstance(reader.frame, wire.Error):
            raise from_wire(reader.frame.error)
        return _reply(reader.frame)

    def status(self) -> dict[str, Any]:
        """The gateway as it is now, as plain values."""
        return self.now().to_wire()

    def now(self) -> GatewayStatus:
        """The gateway as it is now."""
        agents = self.ledger.agents.list()
        return GatewayStatus(
            version=__version__,
            pid=os.getpid(),
            started_at=self.started_at,
            data_directory=str(self.data.root),
            draining=self.calls.draining,
            vault=vault_status(self.vault),
            defaults=dict(self.calls.facts.defaults),
            defaults_until={
                role: each.until for role, each in self.defaults.timed.items() if each.provider in self.config.providers
            },
            budgets=standings(self.calls.steward, everybody(self.config, agents), time.time()),
            workers=[
                worker_status(configured, self.fleet.providers.get(name), self.started_at)
                for name, configured in self.config.providers.items()
            ],
            agents=sum(agent.revoked_at is None for agent in agents),
            sessions=len(self.door.sessions),
            calls=self.calls.statistics().calls,
            launcher_pid=self.launching.pid,
            launcher_restarts=self.launching.restarts,
            config_problem=self.config_problem,
            web=self.web.to_wire(),
            notices=[*self.notices, *map(str, self.config.hints), *lifetimes(self.config, catalog.day_of(time.time()))],
            tasks=trio.lowlevel.current_statistics().tasks_living,
            shed=self.calls.shed,
            bounds=bounds(self.calls, self.fleet, self.door, self.ledger),
        )


@dataclass(slots=True, eq=False)
class _Waiter:
    """Waits for the whole answer of one call."""

    done: trio.Event = field(default_factory=trio.Event)
    frame: wire.End | wire.Error | None = None

    def deliver(self, body: bytes) -> bool:
        return False

    def close(self, frame: wire.End | wire.Error, *, drop: bool = False) -> None:
        self.frame = frame
        self.done.set()


def _reply(end: wire.End) -> dict[str, Any]:
    assembler = Assembler()
    for event in decode_events(end.body):
        assembler.feed(event)
    text = "".join(part.text for part in assembler.parts() if isinstance(part, Text))
    return {
        "text": text,
        "provider": end.provider,
        "model": end.model,
        "finish_reason": end.finish_reason,
        "usage": end.usage,
        "cost": end.cost,
        "notices": end.notices,
        "call_id": end.call_id,
        "overhead_us": end.overhead_us,
        "upstream_us": end.upstream_us,
    }


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
