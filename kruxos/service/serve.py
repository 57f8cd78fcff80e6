"""``kruxos serve``: opens everything, runs it, and closes it in reverse order."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress
from functools import partial

import trio

from kruxos import __version__
from kruxos.config import models_file
from kruxos.config.directory import DataDirectory
from kruxos.config.model import Http, ModelsConfig
from kruxos.config.problems import SetupError
from kruxos.cores.idempotency import KEEP_S
from kruxos.cores.routing import AgentFacts
from kruxos.launcher import linux
from kruxos.launcher.starting import Launched
from kruxos.ledger.journal import Journal
from kruxos.ledger.ledger import Ledger
from kruxos.operations import Context
from kruxos.paths import agent_socket, control_socket
from kruxos.service.admission import Admission
from kruxos.service.batch_desk import BatchDesk
from kruxos.service.batch_purse import BatchPurse
from kruxos.service.batch_verbs import BatchVerbs
from kruxos.service.batches import Batches
from kruxos.service.calls import Calls
from kruxos.service.control import ControlDoor
from kruxos.service.doors import AgentDoor
from kruxos.service.fleet import Fleet
from kruxos.service.gateway import OPERATOR, Gateway
from kruxos.service.journal import LOG, close_log, open_log
from kruxos.service.launching import Launching
from kruxos.service.opening import ServeOptions, open_process_log
from kruxos.service.renewing import close_all
from kruxos.service.setups import routing_facts
from kruxos.service.stewardship import restored
from kruxos.service.systemd import Systemd
from kruxos.service.telling import Teller
from kruxos.service.timers import Timers
from kruxos.service.watch import Look, look_at, watch
from kruxos.service.web import WebProcess
from kruxos.transport import AddressUnusableError, Peer, Transport
from kruxos.transport.nng import NngTransport
from kruxos.transport.sockets import check_address, check_session_address
from kruxos.vault.vault import Vault

GRACE_S = 10.0
"""How long calls under way may take once the gateway was asked to stop."""
RENEWAL_GRACE_S = 5.0
"""How long a login that is just being renewed may take to be stored: a new token that is lost ends the login."""
FAREWELL_S = 2.0
REAP_EVERY_S = 1.0


def serve(data: DataDirectory, options: ServeOptions, launched: Launched) -> int:
    """Runs the gateway in the data directory that is locked for it: the rest of ``opening.open_and_serve``."""
    systemd = Systemd.from_environment(os.environ)
    with ExitStack() as closing:
        _check_sockets(data)
        open_log(data.logs / "gateway.log", echo=options.echo)
        closing.callback(close_log)
        fresh = models_file.create_models(data.models)
        vault = closing.enter_context(Vault.open(data))
        ledger = closing.enter_context(Ledger.open(data, time.time()))
        journal = closing.enter_context(Journal.open(data))
        taken = look_at(data.models)
        config, problem = _first_config(data)
        admission = Admission.of(config, os.geteuid())
        _tell_start(data, vault, fresh=fresh, notice=ledger.notice)
        journal.tell(time.time(), "gateway", "started", version=__version__, pid=os.getpid(), uid=os.geteuid())
        closing.callback(lambda: journal.tell(time.time(), "gateway", "stopped", pid=os.getpid()))
        trio.run(
            _run,
            data,
            vault,
            ledger,
            Teller(journal),
            config,
            problem,
            systemd,
            options.http,
            taken,
            admission,
            launched,
        )
    return 0


def _check_sockets(data: DataDirectory) -> None:
    """A gateway that agents could not reach, or only to be turned away, does not start."""
    try:
        check_address(str(agent_socket(data.root)))
        check_address(str(control_socket(data.root)))
        check_session_address(str(data.run_agents))
    except AddressUnusableError as error:
        raise SetupError(str(error)) from None


def _first_config(data: DataDirectory) -> tuple[ModelsConfig, str]:
    """The configuration to start with; a broken file does not keep the gateway from starting, it shows in status."""
    try:
        return models_file.load_models(data.models), ""
    except SetupError as error:
        LOG.error("models.yaml is not used: %s", error.message)
        return ModelsConfig(), str(error)


def _tell_start(data: DataDirectory, vault: Vault, *, fresh: bool, notice: str) -> None:
    status = vault.status()
    LOG.info("kruxos %s in %s", __version__, data.root)
    if fresh:
        LOG.info("made %s with an example of every provider", data.models)
    if status.created:
        LOG.info("made the vault; its key is kept in %s", status.key_kept_in)
    if status.state == "locked":
        LOG.warning("the vault is locked (%s): providers without keys serve, the others wait", status.reason)
    if notice:
        LOG.warning("%s", notice)


async def _run(
    data: DataDirectory,
    vault: Vault,
    ledger: Ledger,
    teller: Teller,
    config: ModelsConfig,
    problem: str,
    systemd: Systemd,
    http: Http | None,
    taken: Look,
    admission: Admission,
    launched: Launched,
) -> None:
    web_log_fd = open_process_log(data, "web")
    launching, timers = Launching(launched), Timers()
    stopping = trio.Event()
    with trio.open_signal_receiver(*_signals(systemd)) as signals:
        async with trio.open_nursery() as nursery:
            gateway = Gateway(
                data, vault, ledger, config, launching, nursery, teller, admission, timers, config_problem=problem
            )
            gateway.fleet = Fleet(
                launching, timers, nursery, gateway.setup_of, gateway.log_of, gateway.changed, gateway,
                cooled=teller.cooling,
            )  # fmt: skip
            gateway.web, gateway.http = WebProcess(data.root, web_log_fd), http
            gateway.calls = Calls(gateway.fleet, timers, routing_facts(config), gateway)
            gateway.calls.steward.budgets = restored(ledger, config, time.time())
            gateway.calls.steward.crossed = gateway.crossed
            gateway.batches = _batches(gateway)
            _remember_keys(gateway)
            nursery.start_soon(timers.run)
            nursery.start_soon(launching.run)
            nursery.start_soon(gateway.flush_ledger)
            nursery.start_soon(teller.run)
            nursery.start_soon(gateway.alerts.run)
            nursery.start_soon(gateway.keybook.run)
            nursery.start_soon(_reap_strays, gateway)
            _open_doors(gateway, NngTransport(nursery), nursery)
            nursery.start_soon(gateway.web.run)
            gateway.apply(config)
            gateway.config_problem = problem
            gateway.batches.batches.start()
            reload = partial(_reload, gateway, systemd)
            nursery.start_soon(watch, data.models, reload, taken)
            LOG.info("listening at %s", agent_socket(data.root))
            systemd.ready(_in_short(gateway))
            nursery.start_soon(systemd.run, partial(_in_short, gateway))
            nursery.start_soon(_on_signals, signals, stopping, reload)
            await stopping.wait()
            systemd.stopping(_in_short(gateway))
            await _drain(gateway)
            nursery.cancel_scope.cancel()
    os.close(web_log_fd)
    LOG.info("stopped")


def _batches(gateway: Gateway) -> BatchVerbs:
    def tell(kind: str, subject: str, outcome: str) -> None:
        gateway.teller.tell(kind, subject, outcome=outcome)

    def agent_of(name: str) -> AgentFacts:
        known = {agent.name: agent.facts for agent in gateway.ledger.agents.list()}
        return known.get(name, AgentFacts(name))

    purse = BatchPurse(gateway.calls.steward, agent_of)
    batches = Batches(gateway.ledger, gateway.data.jobs, gateway.fleet, gateway.nursery, tell, purse)
    return BatchVerbs(batches, lambda: gateway.config, lambda: gateway.calls.facts, AgentFacts(OPERATOR))


def _remember_keys(gateway: Gateway) -> None:
    """Keys of an earlier life: their calls may have been paid, and their answers are not known any more."""
    now, unix = trio.current_time(), time.time()
    gateway.ledger.keys.give_up_running()
    gateway.ledger.keys.expire(unix - KEEP_S)
    records = gateway.ledger.keys.since(unix - KEEP_S)
    gateway.calls.keys.remember((each.agent, each.key, each.body_digest, now - (unix - each.at)) for each in records)


def _open_doors(gateway: Gateway, transport: Transport, nursery: trio.Nursery) -> None:
    root, admission = gateway.data.root, gateway.admission
    admission.open_ways(gateway.data)
    mode, group = admission.agents_mode, admission.group
    open_session = partial(transport.open_session, str(gateway.data.run_agents), mode=mode, group=group)
    desk = BatchDesk(gateway.batches, nursery)
    gateway.door = AgentDoor(gateway.calls, desk, gateway.identify, open_session, nursery)
    door = transport.open_door(
        str(agent_socket(root)), admit=admission.may_ask, gone=gateway.door.gone, mode=mode, group=group
    )
    control = transport.open_door(
        str(control_socket(root)), admit=partial(_operator, gateway), mode=admission.control_mode
    )
    context = Context(gateway.data, lambda: gateway.vault, lambda: gateway.ledger, gateway)
    nursery.start_soon(gateway.door.serve, door)
    nursery.start_soon(ControlDoor(control, context, nursery, gateway.teller).serve)


def _operator(gateway: Gateway, peer: Peer) -> bool:
    """Who may operate, but none of our own children: a captured worker is no operator. Runs on a foreign thread."""
    providers = list(gateway.fleet.providers.values())
    children = {each.pid for provider in providers for each in list(provider.processes.values())}
    return gateway.admission.may_operate(peer) and peer.pid not in children


def _signals(systemd: Systemd) -> tuple[signal.Signals, ...]:
    """Those that are heard. A reload by SIGHUP is systemd's; at a terminal it means that the terminal is gone."""
    asked = (signal.SIGTERM, signal.SIGINT)
    return asked if systemd.address is None else (*asked, signal.SIGHUP)


def _reload(gateway: Gateway, systemd: Systemd) -> None:
    """Takes up models.yaml. Raises ``SetupError``, which has been told; the one before stays in force then."""
    systemd.reloading()
    try:
        gateway.reload()
    finally:
        systemd.ready(_in_short(gateway))


def _in_short(gateway: Gateway) -> str:
    """How things are, in a line for ``systemctl status``."""
    providers = [each for each in gateway.fleet.providers.values() if each.enabled]
    ready = sum(each.core.state == "ready" for each in providers)
    problem = "; models.yaml as it is on disk cannot be used: see kruxos status" if gateway.config_problem else ""
    calls = gateway.calls.statistics().calls
    stopping = "stopping; " if gateway.door.draining else ""
    return f"{stopping}{ready} of {len(providers)} providers ready, {calls} calls under way{problem}"


async def _on_signals(signals: AsyncIterator[int], stopping: trio.Event, reload: Callable[[], None]) -> None:
    async for number in signals:
        if number == signal.SIGHUP:
            with suppress(SetupError):
                reload()
        elif stopping.is_set():
            LOG.warning("stopping now")
            os._exit(130)
        else:
            stopping.set()


async def _drain(gateway: Gateway) -> None:
    """New calls are refused from here on; those under way may finish within the grace."""
    LOG.info("stopping: %d calls under way", gateway.calls.statistics().calls)
    gateway.door.draining = True
    with trio.move_on_after(GRACE_S):
        await gateway.calls.drain().wait()
    with trio.move_on_after(GRACE_S):
        await gateway.batches.batches.drain()
    with trio.move_on_after(RENEWAL_GRACE_S):
        await close_all([provider.renewing for provider in gateway.fleet.providers.values()])
    with trio.move_on_after(FAREWELL_S):
        await gateway.door.drain("the gateway is stopping").wait()


async def _reap_strays(gateway: Gateway) -> None:
    """Children that nobody waits for: workers whose launcher died, and orphans where this is process 1."""
    while linux.IS_LINUX:
        await trio.sleep(REAP_EVERY_S)
        with suppress(ChildProcessError):
            while _reap_one(_known_pids(gateway)):
                pass


def _reap_one(known: set[int | None]) -> bool:
    """Takes one that has ended; False where there is none, or where another waits for it. Raises ChildProcessError."""
    found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if found is None or found.si_pid in known:
        return False
    os.waitpid(found.si_pid, os.WNOHANG)
    return True


def _known_pids(gateway: Gateway) -> set[int | None]:
    workers = {each.pid for provider in gateway.fleet.providers.values() for each in provider.processes.values()}
    others = {gateway.launching.pid, gateway.launching.process_pid, gateway.web.status.pid}
    return workers | gateway.alerts.pids | others
