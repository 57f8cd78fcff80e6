"""One history: agents that call, faults that come and go, then quiet. Everything follows from the seed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from kruxos import wire
from kruxos.cores import outbox, supervision
from kruxos.cores.routing import AgentFacts, ProviderFacts, RoutingFacts
from tests.simworld.agents import Agent, Seen, Session
from tests.simworld.clock import START_S, World
from tests.simworld.fleet import Faults, Fleet, Process
from tests.simworld.gateway import Disk, Gateway
from tests.simworld.upstream import WEATHERS, Spell, Upstream

PROVIDERS = ("alpha", "beta", "gamma", "local")
SLOW_READ_S = 20.0
QUIET_S = 100.0
"""Longer than any call, cooldown, or replay of the end."""
ENDING_S = 52.0


@dataclass(slots=True)
class Dispatched:
    """One attempt that the table of calls made."""

    at: float
    provider: str
    number: int
    call_id: str
    agent: str
    life: int
    committed_at: float | None = None
    sent_at: float | None = None


@dataclass(slots=True)
class Story:
    """A world with its people, and all that the checkers want to know of it."""

    world: World
    upstreams: dict[str, Upstream]
    agents: list[Agent]
    facts: RoutingFacts
    faults: Faults = field(default_factory=Faults)
    disk: Disk = field(default_factory=Disk)
    gateways: list[Gateway] = field(default_factory=list[Gateway])
    dispatched: dict[int, Dispatched] = field(default_factory=dict[int, Dispatched])
    crashed_at: list[float] = field(default_factory=list[float])
    not_told: list[int] = field(default_factory=list[int])
    """Attempts whose worker had ended, and whose call did not know."""
    last_calls: list[Seen] = field(default_factory=list[Seen])

    @property
    def gateway(self) -> Gateway:
        return self.gateways[-1]

    def sessions(self) -> Iterator[Session]:
        for agent in self.agents:
            yield from agent.sessions

    def seen(self) -> Iterator[Seen]:
        for session in self.sessions():
            yield from session.seen.values()

    # Life of the gateway

    def start_gateway(self) -> None:
        fleet = Fleet(self.world, self.upstreams, self.faults)
        fleet.on_dispatch, fleet.on_committed, fleet.on_sent = self._on_dispatch, self._on_committed, self._on_sent
        fleet.on_ended = self._on_ended
        self.gateways.append(Gateway(self.world, fleet, self.facts, self.disk, len(self.gateways) + 1))
        for agent in self.agents:
            agent.connect(self.gateway)

    def _on_dispatch(self, provider: str, number: int, frame: wire.Open) -> None:
        call_id = frame.call_id or ""
        self.world.log("dispatch", number, provider, frame.model, "of", call_id)
        self.dispatched[number] = Dispatched(
            self.world.time, provider, number, call_id, frame.agent or "", len(self.gateways)
        )  # fmt: skip

    def _on_ended(self, numbers: list[int]) -> None:
        busy = ("attempting", "committed", "stopping", "settling")
        self.not_told += [
            running.dispatch
            for running in self.gateway.calls._calls.values()
            if running.dispatch in numbers and running.core.state in busy
        ]

    def _on_committed(self, number: int) -> None:
        if self.dispatched[number].committed_at is None:
            self.dispatched[number].committed_at = self.world.time

    def _on_sent(self, number: int) -> None:
        self.dispatched[number].sent_at = self.world.time

    def crash_gateway(self) -> None:
        self.world.fault("gateway_crash")
        self.crashed_at.append(self.world.time)
        self.gateway.crash()
        for agent in self.agents:
            if agent.session is not None:
                agent.session.cut()
        self.world.after(0.5, self.start_gateway)

    # Faults

    def _process(self) -> Process | None:
        """Any process there is."""
        found = [each for provider in self.gateway.fleet.providers.values() for each in provider.processes.values()]
        found = [each for each in found if each.worker.alive]
        return self.world.chance.choice(found) if found else None

    def crash(self) -> None:
        process = self._process()
        if process is not None:
            self.world.fault("crash", process.worker.upstream.name, process.number)
            process.worker.end(-9)

    def hang(self) -> None:
        process = self._process()
        if process is not None:
            self.world.fault("hang", process.worker.upstream.name, process.number)
            process.worker.hung = True

    def lose_link(self) -> None:
        """What the supervisor sends gets lost from here on; the worker ends when it notices."""
        process = self._process()
        if process is not None:
            self.world.fault("link_loss", process.worker.upstream.name, process.number)
            self.world.after(0.001 * self.world.random(), partial(process.worker.end, 0))

    def garbage(self) -> None:
        process = self._process()
        if process is not None:
            self.world.fault("garbage", process.worker.upstream.name, process.number)
            process.worker.send(wire.Welcome())

    def clog(self) -> None:
        process = self._process()
        if process is not None:
            self.world.fault("clogged_link", process.worker.upstream.name, process.number)
            process.inbound.clogged_until = self.world.time + 7 * self.world.random()

    def bad_start(self) -> None:
        kind = self.world.chance.choice(("exit", "configuration", "hang"))
        self.world.fault(f"start_{kind}")
        self.faults.bad_starts[self.world.chance.choice(PROVIDERS)] = kind
        self.crash()

    def lose_launcher(self) -> None:
        self.world.fault("launcher_loss")
        self.faults.launcher_down = True
        self.world.after(0.3 + self.world.random(), partial(setattr, self.faults, "launcher_down", False))
        self.crash()

    def lock_vault(self) -> None:
        self.world.fault("vault_locked")
        self.faults.vault_locked = True
        self.world.after(5 + 20 * self.world.random(), self._unlock)

    def _unlock(self) -> None:
        self.faults.vault_locked = False
        for name, provider in self.gateway.fleet.providers.items():
            if provider.core.state == "failed":
                self._apply(name, supervision.Start())

    def _apply(self, name: str, event: supervision.Event) -> None:
        if not self.gateway.dead:
            self.gateway.fleet.apply(name, event)

    def operate(self) -> None:
        """An operator does something to a provider."""
        chance, name = self.world.chance, self.world.chance.choice(PROVIDERS)
        kind = chance.choice(("restart", "restart_now", "stop", "stop_now", "forget_limits", "memory", "reload"))
        self.world.fault(kind, name)
        match kind:
            case "restart":
                self._apply(name, supervision.Restart())
            case "restart_now":
                self._apply(name, supervision.Restart(now=True))
            case "stop" | "stop_now":
                self._apply(name, supervision.Stop(now=kind == "stop_now"))
                self.world.after(1 + 10 * chance.random(), partial(self._apply, name, supervision.Start()))
            case "forget_limits":
                if not self.gateway.dead:
                    self.gateway.fleet.forget_limits(name)
            case "memory":
                number = self.gateway.fleet.providers[name].core.current
                if number is not None:
                    self._apply(name, supervision.Weighed(number, rss_bytes=3 << 29, cap_bytes=1 << 30))
            case _:
                self.facts = facts_of(self.world)
                self.gateway.calls.facts = self.facts
                self._apply(name, supervision.Restart(reason="settings changed"))

    def slow_agent(self) -> None:
        agent = self.world.chance.choice(self.agents)
        if agent.session is not None and not agent.session.gone:
            self.world.fault("slow_agent", agent.facts.name)
            agent.session.read_s = SLOW_READ_S * self.world.chance.choice((0.2, 1, 4))

    def agent_leaves(self) -> None:
        agent = self.world.chance.choice(self.agents)
        if agent.session is not None and not agent.session.gone:
            self.world.fault("agent_leaves", agent.facts.name)
            agent.session.leave()
            self.world.after(2 * self.world.random(), partial(self._come_back, agent))

    def _come_back(self, agent: Agent) -> None:
        if not self.gateway.dead and agent.session is not None and agent.session.gone:
            agent.connect(self.gateway)

    def weather(self) -> None:
        """One provider, or all of them, are badly off for a while."""
        chance = self.world.chance
        kind, lasts_s = chance.choice(WEATHERS), chance.choice((1.0, 10.0, 40.0))
        names = PROVIDERS if chance.random() < 0.1 else (chance.choice(PROVIDERS),)
        self.world.fault(kind, *names)
        starts_at = self.world.time + 1.0
        ends_at = starts_at + lasts_s * (2 if kind == "flapping" else 1)
        for name in names:
            self.upstreams[name].spells.insert(0, Spell(kind, starts_at, ends_at))
        for _ in range(chance.choice((0, 0, 8))):  # calls that meet it on their way
            self.world.after(6 * chance.random(), partial(self._call, chance.choice(self.agents)))

    # The story

    def plan(self, span_s: float, calls: int, faults: int) -> None:
        world, chance = self.world, self.world.chance
        for _ in range(calls):
            world.at(START_S + span_s * chance.random(), partial(self._call, chance.choice(self.agents)))
        bursts = chance.randrange(3)
        for _ in range(bursts):
            at = START_S + span_s * chance.random()
            for _ in range(8):
                world.at(at + 0.05 * chance.random(), partial(self._call, chance.choice(self.agents)))
        kinds = [
            self.crash, self.crash, self.hang, self.lose_link, self.garbage, self.clog, self.bad_start,
            self.lose_launcher, self.lock_vault, self.operate, self.operate, self.operate, self.slow_agent,
            self.agent_leaves, self.weather, self.weather, self.weather, self.weather, self.weather, self.weather,
        ]  # fmt: skip
        for _ in range(faults):
            world.at(START_S + span_s * chance.random(), partial(self._fault, chance.choice(kinds)))
        if chance.random() < 0.15:
            world.at(START_S + span_s * chance.random(), self.crash_gateway)

    def _call(self, agent: Agent) -> None:
        if not self.gateway.dead:
            agent.call()

    def _fault(self, fault: object) -> None:
        if not self.gateway.dead:
            assert callable(fault)
            fault()

    def calm(self) -> None:
        """All faults end, and an operator starts what has failed."""
        for upstream in self.upstreams.values():
            upstream.spells.clear()
            upstream.calm = True
        self.faults.launcher_down = self.faults.vault_locked = False
        self.faults.bad_starts.clear()
        for agent in self.agents:
            if agent.session is not None:
                agent.session.read_s = 0.01
        for name in PROVIDERS:
            self._apply(name, supervision.Start())

    def ask_all(self) -> None:
        """The last calls: each provider answers again."""
        agent = self.agents[0]
        session = agent.session if agent.session is not None and not agent.session.gone else agent.connect(self.gateway)
        for index, name in enumerate(PROVIDERS):
            frame = wire.Open(
                id=900_000 + index, body=name.encode(), provider=name, fallback="none", stream=True, wait_s=30.0,
                deadline_s=50.0,
            )  # fmt: skip
            self.last_calls.append(session.open(frame))


def facts_of(world: World) -> RoutingFacts:
    """A configuration by chance."""
    chance = world.chance
    sells = frozenset({"big", "small"})
    providers = {
        "alpha": ProviderFacts("alpha", model="big", sells=sells, aliases={"quick": "small"}),
        "beta": ProviderFacts("beta", model="big", sells=frozenset({"big"})),
        "gamma": ProviderFacts("gamma", model="big", sells=sells, flat_rate=True),
        "local": ProviderFacts("local", model="big", local=True),
    }
    chat, fallback = chance.sample(PROVIDERS, 2)
    return RoutingFacts(providers, {"chat": chat, "fallback": fallback}, frozenset({"big", "small"}))


def agents_of(world: World) -> list[Agent]:
    chance = world.chance
    fallbacks = ["any", "any", "local_only", chance.choice(["same_billing", "none", "any"])]
    models = ["big", "small", "quick", "alpha", "beta/small", "local", "unheard-of"]
    return [
        Agent(world, AgentFacts(f"agent{index}", chance.choice([None, *PROVIDERS]), "chat", fallback), models)
        for index, fallback in enumerate(fallbacks)
    ]


@contextmanager
def small_outboxes() -> Generator[None]:
    """Bounds of what waits for an agent, so small that a slow one reaches them with few words."""
    before = outbox.CALL_BYTES_MAX, outbox.CALL_BYTES_RESUME, outbox.TAKE_BYTES_AIM
    outbox.CALL_BYTES_MAX, outbox.CALL_BYTES_RESUME, outbox.TAKE_BYTES_AIM = 60, 20, 200
    try:
        yield
    finally:
        outbox.CALL_BYTES_MAX, outbox.CALL_BYTES_RESUME, outbox.TAKE_BYTES_AIM = before


def begin(seed: int) -> Story:
    """A world before anything happens in it; the gateway is to be started."""
    world = World(seed)
    return Story(world, {name: Upstream(world, name) for name in PROVIDERS}, agents_of(world), facts_of(world))


def tell(seed: int) -> Story:
    """Runs one history to its end."""
    story = begin(seed)
    world = story.world
    with small_outboxes():
        story.start_gateway()
        span_s = world.chance.choice((10.0, 40.0, 90.0))
        story.plan(span_s, calls=world.chance.randrange(5, 40), faults=world.chance.randrange(12))
        world.run_until(START_S + span_s + 1)
        world.log("calm")
        story.calm()
        world.run_until(world.time + QUIET_S)
        story.ask_all()
        world.run_until(world.time + ENDING_S)
    return story
