"""Doing an operation: in the running gateway, or here.

    asks at control.sock
      answered                    done there
      nobody is there             takes the directory's lock
          had                     done here
          held by another         a gateway on its way up or down, or another command: asks again for a while

Loads no more than the question needs; what does the work itself is loaded when there is work to do here.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from kruxos.client.control import TIMEOUT_S, ControlClient
from kruxos.config.problems import DirectoryBusyError, SetupError
from kruxos.errors import GatewayUnreachableError, KruxosError, RefusedError
from kruxos.paths import control_socket

if TYPE_CHECKING:
    from kruxos.config.directory import DataDirectory
    from kruxos.config.secret import Secret

BUSY_WITHIN_S = 3.0
"""How long a directory that somebody else works in is waited for."""
BUSY_PAUSE_S = 0.05
_NOBODY = (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR)


def perform(
    data: DataDirectory,
    name: str,
    arguments: Mapping[str, Any],
    *,
    ask_passphrase: Callable[[], Secret] | None = None,
    timeout_s: float | None = TIMEOUT_S,
    pause: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Has the operation done and gives its result.

    ``ask_passphrase`` is called where the vault has one and the work is done here. Raises ``KruxosError``:
    ``RefusedError`` says what to put right, ``GatewayUnreachableError`` comes for what needs a gateway.
    """
    give_up_at = time.monotonic() + BUSY_WITHIN_S
    while True:
        try:
            return ControlClient(address=control_socket(data.root)).call(name, arguments, timeout_s=timeout_s)
        except GatewayUnreachableError as error:
            if not _is_nobody_there(error):
                raise
        try:
            return _do_here(data, name, dict(arguments), ask_passphrase)
        except DirectoryBusyError as error:
            if time.monotonic() >= give_up_at:
                raise RefusedError(str(error)) from None
        except SetupError as error:
            raise RefusedError(str(error)) from None
        pause(BUSY_PAUSE_S)


def _is_nobody_there(error: GatewayUnreachableError) -> bool:
    """Whether no process listens; an unusable path counts: the directory itself will tell what is wrong with it."""
    cause = error.__cause__
    return isinstance(cause, OSError) and (cause.errno is None or cause.errno in _NOBODY)


def _do_here(
    data: DataDirectory, name: str, arguments: dict[str, Any], ask_passphrase: Callable[[], Secret] | None
) -> dict[str, Any]:
    from kruxos.operations import registry  # noqa: PLC0415 - see the top of this file
    from kruxos.operations.base import has_passphrase, passphrase_needed  # noqa: PLC0415
    from kruxos.operations.direct import direct_context  # noqa: PLC0415 - see the top of this file

    operation = registry.operation(name)
    with direct_context(data, name, reads=operation.reads, ask_passphrase=ask_passphrase) as context:
        if operation.guarded and data.vault.exists() and has_passphrase(context.vault):
            if ask_passphrase is None:
                raise passphrase_needed()
            context.vault.unlock(ask_passphrase())
        running = cast("Coroutine[Any, Any, dict[str, Any]]", operation.run(context, arguments))
        return _finish(running) if operation.reads else _finish_told(data, name, arguments, running)


def _finish_told(
    data: DataDirectory, name: str, arguments: dict[str, Any], running: Coroutine[Any, Any, dict[str, Any]]
) -> dict[str, Any]:
    """The same for what changes something: it is in the journal, and on the disk, before anybody hears of it."""
    from kruxos.ledger.journal import Journal  # noqa: PLC0415 - see the top of this file
    from kruxos.operations.events import tell_action  # noqa: PLC0415

    outcome = "failed"
    with closing(running), Journal.open(data) as journal:
        try:
            result = _finish(running)
            outcome = "done"
        except KruxosError as error:
            outcome = error.code
            raise
        finally:
            tell_action(journal, name, arguments, uid=os.geteuid(), pid=os.getpid(), outcome=outcome)
    return result


def _finish(running: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    """Runs an operation without an event loop: where no gateway runs there is nobody that it could wait for."""
    try:
        running.send(None)
    except StopIteration as done:
        return cast("dict[str, Any]", done.value)
    running.close()
    raise AssertionError("an operation waits without a gateway")
