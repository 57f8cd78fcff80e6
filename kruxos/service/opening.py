"""``kruxos serve``, the first steps: what has to be done before the gateway's own modules are imported.

The launcher imports what workers need, and that takes about as long as the gateway's own imports. So it is started
first, and both import at the same time. What is imported here is little, therefore.
"""

from __future__ import annotations

import gc
import os
import resource
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kruxos.config.directory import DataDirectory
from kruxos.config.lock import DirectoryLock
from kruxos.launcher import linux
from kruxos.launcher.starting import start_launcher

if TYPE_CHECKING:
    from kruxos.config.model import Http

WORKER_MODULE = "kruxos_workers.main"


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How to serve. ``echo``: the log goes to standard error too. ``http``: what counts before models.yaml's."""

    echo: bool = True
    http: Http | None = None


def open_and_serve(data: DataDirectory, options: ServeOptions) -> int:
    """Runs the gateway until it is told to stop; its exit code. Raises ``SetupError`` where it cannot start."""
    data.create()
    with ExitStack() as stack:
        stack.enter_context(DirectoryLock(data, "kruxos serve"))
        _protect_process()
        log_fd = open_process_log(data, "launcher")
        stack.callback(os.close, log_fd)
        launched = stack.enter_context(closing(start_launcher(WORKER_MODULE, log_fd)))
        with _no_collecting():
            from kruxos.service.serve import serve  # noqa: PLC0415 - the launcher is to be started before

        return serve(data, options, launched)


@contextmanager
def _no_collecting() -> Generator[None]:
    """For imports: what they make stays. It is looked through by no later collection either."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def open_process_log(data: DataDirectory, name: str) -> int:
    """A descriptor of the log of one of our processes, to be appended to."""
    return os.open(data.logs / f"{name}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _protect_process() -> None:
    """The master key will be in this process: no dumps. And room for descriptors: a session costs six."""
    linux.forbid_dumps()
    linux.become_subreaper()
    linux.set_name("kruxos-gateway")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
