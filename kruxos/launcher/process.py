"""The launcher's own process.

It is executed once, without site packages' start-up code (``-I -S``) and with an empty environment, imports what a
worker needs, and then forks. Each worker is forked twice: the one in between exits, so that the worker's parent becomes
the supervisor (a child subreaper), which sees its exit code and whose end ends it.

    supervisor --exec--> launcher --fork--> (in between) --fork--> worker
         ^______________________________________________________________|  parent, once the one in between is gone

A worker puts its cage on before it runs any code of its module, and reads its link only after that.
"""

from __future__ import annotations

import fcntl
import gc
import os
import random
import resource
import signal
import socket
import sys
import time
import traceback
from dataclasses import dataclass
from importlib import import_module

from kruxos.launcher import channel, linux
from kruxos.launcher.cage import prepare, put_on
from kruxos.launcher.inheritance import Inheritance

REPARENTED_WITHIN_S = 2.0
REPARENTED_POLL_S = 0.0002
LINK_FD = 3
EXIT_ORPHANED = 0


def main(channel_fd: int, worker_module: str) -> None:
    """Runs until the supervisor is gone. ``worker_module`` has ``preload()`` and ``main(inheritance)``."""
    supervisor = os.getppid()
    linux.set_name("kruxos-launcher")
    linux.forbid_dumps()
    linux.die_with_parent()
    if os.getppid() != supervisor:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end = socket.socket(fileno=channel_fd)
    sys.dont_write_bytecode = True  # a worker cannot, and need not try
    gc.disable()
    import_module(worker_module).preload()
    nest = Nest(supervisor, worker_module, prepare())
    gc.collect()
    gc.freeze()  # what is imported stays shared between all workers
    gc.enable()
    end.send(channel.encode(channel.Up(os.getpid())))
    while (request := channel.next_spawn(end)) is not None:
        _spawn(end, *request, nest)


@dataclass(frozen=True, slots=True)
class Nest:
    """What is the same for all workers. ``readable``: the files and directories that they may read."""

    supervisor: int
    worker_module: str
    readable: list[str]


def _spawn(end: socket.socket, wanted: channel.Spawn, descriptors: list[int], nest: Nest) -> None:
    read_fd, write_fd = os.pipe()
    try:
        between = os.fork()
    except OSError as error:
        answer: channel.Message = channel.Failed(wanted.ticket, error.strerror or "fork failed")
    else:
        if between == 0:
            os.close(read_fd)
            _fork_worker(write_fd, wanted, descriptors, nest)
        os.close(write_fd)
        write_fd = -1
        os.waitpid(between, 0)
        pid = os.read(read_fd, 32)
        answer = channel.Spawned(wanted.ticket, int(pid)) if pid else channel.Failed(wanted.ticket, "fork failed")
    for descriptor in (read_fd, write_fd, *descriptors):
        if descriptor >= 0:
            os.close(descriptor)
    end.send(channel.encode(answer))


def _fork_worker(write_fd: int, wanted: channel.Spawn, descriptors: list[int], nest: Nest) -> None:
    """In the process in between; never returns."""
    status = 1
    try:
        pid = os.fork()
        if pid == 0:
            status = _become_worker(wanted, descriptors, nest)
        else:
            os.write(write_fd, b"%d" % pid)
            status = 0
    finally:
        os._exit(status)


def _become_worker(wanted: channel.Spawn, descriptors: list[int], nest: Nest) -> int:
    """In the worker: leaves all that is the launcher's behind, then runs. Gives the exit code."""
    link_fd, log_fd = descriptors
    _arrange_descriptors(link_fd, log_fd)
    try:
        os.setsid()
        if not _adopted_by(nest.supervisor):
            return EXIT_ORPHANED
        linux.set_name("kruxos-worker")
        statm_fd = _open_statm()
        cage = put_on(nest.readable, wanted.ports, wanted.memory_bytes, caged=wanted.caged)
        random.seed()
        import_module(nest.worker_module).main(Inheritance(LINK_FD, statm_fd, cage.to_wire()))
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:  # noqa: BLE001 - the last frame of the process: what happened goes to its log
        traceback.print_exc()
        return 1
    return 0


def _adopted_by(supervisor: int) -> bool:
    """Waits until the supervisor is the parent, and from then on ends with it. False: it is gone already."""
    give_up_at = time.monotonic() + REPARENTED_WITHIN_S
    while os.getppid() != supervisor:
        if time.monotonic() > give_up_at or not linux.IS_LINUX:
            # Elsewhere orphans go to init; there the end of the link is what ends a worker.
            return not linux.IS_LINUX
        time.sleep(REPARENTED_POLL_S)
    linux.die_with_parent()
    return os.getppid() == supervisor


def _arrange_descriptors(link_fd: int, log_fd: int) -> None:
    """Standard input from nowhere, output to the log, the link as descriptor 3, and nothing else."""
    link_fd, log_fd = (fcntl.fcntl(fd, fcntl.F_DUPFD, 64) for fd in (link_fd, log_fd))
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.dup2(log_fd, 1)
    os.dup2(log_fd, 2)
    os.dup2(link_fd, LINK_FD, inheritable=False)
    os.closerange(LINK_FD + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _open_statm() -> int | None:
    """How much memory it has, to be read again and again; in the cage there is no /proc to open it from."""
    try:
        return os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return None
