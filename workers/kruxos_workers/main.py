"""A worker: one provider's process, from its hello to its bye.

    hello ->                    with what of the cage is around it: only then its secret may come
    <- configure                settings, and the secret
    ready ->                    calls may come
    beat ->                     every second, from this same loop
    resolve ->, <- resolved     names of its provider: a worker has no resolver
    <- open, cancel, pause ...  calls
    <- drain, drained ->, <- bye

When the link ends, the worker ends: nobody is left to work for.
"""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import trio

from kruxos import __version__, catalog, wire
from kruxos.cores.exits import EXIT_CONFIGURATION
from kruxos.dialects.registry import DIALECTS
from kruxos.errors import KruxosError
from kruxos.launcher.inheritance import Inheritance
from kruxos.link import Link
from kruxos.login import Login
from kruxos_workers.batches import BatchWork
from kruxos_workers.batches.work import PREFIX
from kruxos_workers.counting import Counting
from kruxos_workers.crediting import ask_credit
from kruxos_workers.exchange import Exchange
from kruxos_workers.gate import Gate
from kruxos_workers.http import ClientLimits, ProviderClient, TrioNetwork, proxy_from_url, warm_up_tls
from kruxos_workers.limits import WAITING_MAX, Limits
from kruxos_workers.listing import Listing
from kruxos_workers.names import AskedNames
from kruxos_workers.oauth.issuer import ORIGINATOR, Issuer
from kruxos_workers.oauth.keeper import Keeper
from kruxos_workers.oauth.life import Life
from kruxos_workers.remaining import Remains, credit_address
from kruxos_workers.settings import Settings, read_settings
from kruxos_workers.worker import Worker

BEAT_EVERY_S = 1.0
CACHES_EVERY_BEATS = 5
"""A successor may know a little less of caches: that costs a prediction, no call."""


def preload() -> None:
    """What all workers share: read once by the launcher, before it forks."""
    catalog.models()
    list(DIALECTS.values())
    warm_up_tls()


def main(inheritance: Inheritance) -> None:
    """Runs a worker over its link. Raises ``SystemExit`` with ``EXIT_CONFIGURATION`` for settings that can't work."""
    trio.run(_run, inheritance)


async def _run(inheritance: Inheritance) -> None:
    link = Link(socket.socket(fileno=inheritance.link_fd))
    link.send(wire.Hello(package=__version__, pid=os.getpid(), isolation=inheritance.isolation))
    link.flush()
    configured = await _configured(link)
    if configured is None:
        return
    frame, more = configured
    async with trio.open_nursery() as nursery:
        names = AskedNames(link)
        desk = Desk(link, _make_worker(frame, link, names), nursery, names)
        desk.keeper = _make_keeper(desk)
        nursery.start_soon(_write, link, nursery.cancel_scope)
        nursery.start_soon(_beat, link, desk, inheritance.statm_fd)
        nursery.start_soon(desk.worker.gate.run)
        link.send(wire.Ready())
        for each in more:
            desk.on_frame(each)
        await desk.serve()
        nursery.cancel_scope.cancel()
    with suppress(OSError):  # whoever would have read it is gone
        link.flush()


async def _write(link: Link, scope: trio.CancelScope) -> None:
    """Carries frames out. The supervisor's end is closed when it is gone, and then the worker's life is over too."""
    try:
        await link.run_writer()
    except OSError:
        scope.cancel()


async def _configured(link: Link) -> tuple[wire.Configure, list[wire.Frame]] | None:
    """Waits for the settings; gives them with what came behind them."""
    while True:
        frames = await link.receive()
        if frames is None:
            return None
        for index, frame in enumerate(frames):
            if isinstance(frame, wire.Configure):
                return frame, frames[index + 1 :]
            if isinstance(frame, wire.Bye):
                return None


def _make_worker(frame: wire.Configure, link: Link, names: AskedNames) -> Worker:
    try:
        settings = read_settings(frame.provider, frame.settings, frame.body)
        client = _client(settings, names, settings.base_url, settings.headers, settings.auth())
    except KruxosError as error:
        print(f"{error.code}: {error.message}", flush=True)  # noqa: T201 - standard output is this worker's log
        raise SystemExit(EXIT_CONFIGURATION) from None
    limits = Limits(random.random, settings.limits)
    limits.restore(frame.state, time.time())
    remains = Remains()
    remains.restore(frame.state.get("remains"))
    worker = Worker(settings, client, Gate(limits, lambda: _tell_state(worker)), link, remains=remains)
    known = frame.state.get("cache")
    if isinstance(known, dict):
        worker.caches.restore(cast("dict[str, Any]", known))
    worker.compactor.restore(frame.state.get("summaries"))
    learned = frame.state.get("estimates")
    if isinstance(learned, dict):
        worker.preflight.corrections.restore(cast("dict[str, Any]", learned))
    return worker


def _client(
    settings: Settings, names: AskedNames, base_url: str, headers: Mapping[str, str], auth: Mapping[str, str]
) -> ProviderClient:
    """Speaks to the provider, or to the issuer of its login, on the same way."""
    return ProviderClient(
        base_url,
        auth=auth,
        headers=headers,
        network=TrioNetwork(names.resolve),
        ca_bundle=settings.ca_bundle,
        proxy=None if settings.proxy is None else proxy_from_url(settings.proxy),
        limits=ClientLimits(connect_s=settings.time_limits.connect_s),
    )


def _tell_state(worker: Worker) -> None:
    """Tells what limits the provider, and what a successor has to know."""
    now, limits = time.time(), worker.gate.limits
    until, reason = limits.cooling(now) or (None, None)
    worker.remains.news = False
    worker.compactor.learned = False
    state = limits.state(now) | {"remains": worker.remains.state(), "cache": worker.caches.state(now)}
    state["estimates"] = worker.preflight.corrections.long_state()
    state["summaries"] = worker.compactor.summaries.state()
    worker.outlet.send(wire.Health(cooling_until=until, reason=reason, state=state))


def _make_keeper(desk: Desk) -> Keeper | None:
    """Who keeps the worker's login fresh, where it has one."""
    worker, settings = desk.worker, desk.worker.settings
    if settings.login is None:
        return None

    def use(login: Login) -> None:
        worker.client.replace_auth(settings.signed_in(login).auth())

    client = _client(settings, desk.names, settings.oauth_issuer, {"originator": ORIGINATOR}, {})
    issuer, life = Issuer(client, settings.oauth_client_id), Life(settings.login, random.random)
    keeper = Keeper(settings.provider, life, issuer, desk.link.send, use, desk.nursery, desk.maybe_drained)
    worker.login = keeper
    desk.nursery.start_soon(keeper.run)
    return keeper


Work: TypeAlias = Exchange | Listing | Counting | BatchWork
_WORK: Mapping[str, type[Listing | Counting]] = {"list_models": Listing, "count_tokens": Counting}


@dataclass(slots=True)
class Desk:
    """The table of attempts under way, and what the supervisor's frames mean for them."""

    link: Link
    worker: Worker
    nursery: trio.Nursery
    names: AskedNames
    keeper: Keeper | None = None
    exchanges: dict[int, Work] = field(default_factory=dict[int, "Work"])
    credit_client: ProviderClient | None = None
    draining: bool = False
    leaving: bool = False

    async def serve(self) -> None:
        """Takes frames until the link ends or the supervisor says bye."""
        while not self.leaving:
            frames = await self.link.receive()
            if frames is None:
                return
            for frame in frames:
                self.on_frame(frame)

    def on_frame(self, frame: wire.Frame) -> None:
        """One frame of the supervisor."""
        match frame:
            case wire.Open() if frame.id not in self.exchanges:
                exchange = _kind_of(frame.op)(self.worker, frame)
                self.exchanges[frame.id] = exchange
                self.nursery.start_soon(self._run, exchange)
            case wire.Cancel() if frame.id in self.exchanges:
                self.exchanges[frame.id].scope.cancel()
            case wire.Pause() if frame.id in self.exchanges:
                self.exchanges[frame.id].pause()
            case wire.Resume() if frame.id in self.exchanges:
                self.exchanges[frame.id].resume()
            case wire.Spooled() if isinstance(work := self.exchanges.get(frame.id), BatchWork):
                work.on_spooled(frame)
            case wire.Resolved():
                self.names.on_answer(frame)
            case wire.Drain():
                self.draining = True
                if self.keeper is not None:
                    self.keeper.drain()
                self.maybe_drained()
            case wire.Renewal() | wire.Stored() if self.keeper is not None:
                self.keeper.on_frame(frame)
            case wire.Bye():
                self.leaving = True
            case wire.Ping():
                self.link.send(wire.Pong(id=frame.id, body=frame.body))
            case _:
                pass

    async def _run(self, exchange: Work) -> None:
        try:
            await exchange.run()
        finally:
            del self.exchanges[exchange.frame.id]
        self.maybe_drained()

    def ask_credit(self) -> None:
        """Has the provider asked what credit remains, where it tells that."""
        settings = self.worker.settings
        where = credit_address(settings.profile.name, settings.base_url)
        if where is not None and self.credit_client is None:
            self.credit_client = _client(settings, self.names, where[0], settings.headers, settings.auth())
        if where is not None and self.credit_client is not None:
            self.nursery.start_soon(
                ask_credit, self.credit_client, where[1], settings.profile.name, self.worker.remains
            )

    def maybe_drained(self) -> None:
        """Tells the supervisor when nothing is left that this worker's end would lose."""
        renewing = self.keeper is not None and self.keeper.busy
        if self.draining and not self.exchanges and not renewing:
            self.link.send(wire.Drained())


def _kind_of(op: str) -> type[Work]:
    """What does an op."""
    return BatchWork if op.startswith(PREFIX) else _WORK.get(op, Exchange)


async def _beat(link: Link, desk: Desk, statm: int | None) -> None:
    """A sign of life from the very loop that does the work."""
    worker = desk.worker
    limits, caches, beats = worker.gate.limits, worker.caches, 0
    while True:
        link.send(
            wire.Beat(
                in_flight=len(desk.exchanges),
                rss_bytes=_rss_bytes(statm),
                waiting=len(limits.waiting),
                waiting_peak=limits.waiting.peak,
                calls_max=limits.window.calls + WAITING_MAX,
            )
        )
        desk.worker.client.drop_stale()
        for exchange in desk.exchanges.values():
            exchange.on_beat()
        beats += 1
        remains = worker.remains
        learned = limits.learned or worker.compactor.learned
        if learned or remains.news or (caches.learned and beats % CACHES_EVERY_BEATS == 0):
            limits.learned = caches.learned = False
            _tell_state(worker)
        if not desk.draining and remains.should_ask(time.time()):
            desk.ask_credit()
        await trio.sleep(BEAT_EVERY_S)


def _rss_bytes(statm: int | None) -> int:
    if statm is None:
        return 0
    return int(os.pread(statm, 128, 0).split()[1]) * os.sysconf("SC_PAGE_SIZE")
