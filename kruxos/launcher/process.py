"""The launcher's own process.

It is executed once, without site packages' start-up code (``-I -S``) and with an empty environment, imports what a
worker needs, and then forks. Each worker is forked twice: the one in between exits, so that the worker's parent becomes
the supervisor (a child subreaper), which sees its exit code and whose end ends it.

    supervisor --exec--> launcher --fork--> (in between) --fork--> worker
         ^______________________________________________________________|  parent, once the one in between is gone
"""

from __future__ import annotations

import fcntl
import gc
import os
import random
import resource
import signal
import socket
import time
import traceback
from importlib import import_module

from kruxos.launcher import channel, linux

REPARENTED_WITHIN_S = 2.0
REPARENTED_POLL_S = 0.0002
LINK_FD = 3
EXIT_ORPHANED = 0


def main(channel_fd: int, worker_module: str) -> None:
    """Runs until the supervisor is gone. ``worker_module`` has ``preload()`` and ``main(link_fd)``."""
    supervisor = os.getppid()
    linux.set_name("kruxos-launcher")
    linux.forbid_dumps()
    linux.die_with_parent()
    if os.getppid() != supervisor:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end = socket.socket(fileno=channel_fd)
    import_module(worker_module).preload()
    gc.collect()
    gc.freeze()  # what is imported stays shared between all workers
    end.send(channel.encode(channel.Up(os.getpid())))
    while (request := channel.next_spawn(end)) is not None:
        ticket, descriptors = request
        _spawn(end, ticket, descriptors, supervisor, worker_module)


def _spawn(end: socket.socket, ticket: int, descriptors: list[int], supervisor: int, worker_module: str) -> None:
    read_fd, write_fd = os.pipe()
    try:
        between = os.fork()
    except OSError as error:
        answer: channel.Message = channel.Failed(ticket, error.strerror or "fork failed")
    else:
        if between == 0:
            os.close(read_fd)
            _fork_worker(write_fd, descriptors, supervisor, worker_module)
        os.close(write_fd)
        write_fd = -1
        os.waitpid(between, 0)
        pid = os.read(read_fd, 32)
        answer = channel.Spawned(ticket, int(pid)) if pid else channel.Failed(ticket, "fork failed")
    for descriptor in (read_fd, write_fd, *descriptors):
        if descriptor >= 0:
            os.close(descriptor)
    end.send(channel.encode(answer))


def _fork_worker(write_fd: int, descriptors: list[int], supervisor: int, worker_module: str) -> None:
    """In the process in between; never returns."""
    status = 1
    try:
        pid = os.fork()
        if pid == 0:
            status = _become_worker(descriptors, supervisor, worker_module)
        else:
            os.write(write_fd, b"%d" % pid)
            status = 0
    finally:
        os._exit(status)


def _become_worker(descriptors: list[int], supervisor: int, worker_module: str) -> int:
    """In the worker: leaves all that is the launcher's behind, then runs. Gives the exit code."""
    link_fd, log_fd = descriptors
    _arrange_descriptors(link_fd, log_fd)
    os.setsid()
    if not _adopted_by(supervisor):
        return EXIT_ORPHANED
    linux.forbid_dumps()
    linux.forbid_new_privileges()
    linux.set_name("kruxos-worker")
    random.seed()
    try:
        import_module(worker_module).main(LINK_FD)
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
