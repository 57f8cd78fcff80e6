"""An operation's context where no gateway runs: the directory's lock, and what is opened on demand under it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING

from kruxos.config import models_file
from kruxos.config.directory import DataDirectory
from kruxos.config.lock import DirectoryLock
from kruxos.config.secret import Secret
from kruxos.operations.base import Context

if TYPE_CHECKING:
    from kruxos.ledger.ledger import Ledger
    from kruxos.vault.vault import Vault


@contextmanager
def direct_context(
    data: DataDirectory, purpose: str, *, reads: bool, ask_passphrase: Callable[[], Secret] | None = None
) -> Generator[Context]:
    """The context, for the block. Raises ``DirectoryBusyError``, ``SetupError``.

    A question (``reads``) makes nothing where there is nothing.
    """
    with ExitStack() as closing:
        if data.root.exists() or not reads:
            data.create()
            closing.enter_context(DirectoryLock(data, f"kruxos {purpose.replace('.', ' ')}"))
        if not reads:
            models_file.create_models(data.models)
        vault, ledger = partial(_open_vault, closing, data), partial(_open_ledger, closing, data)
        yield Context(data, cache(vault), cache(ledger), ask_passphrase=ask_passphrase)


def _open_vault(closing: ExitStack, data: DataDirectory) -> Vault:
    from kruxos.vault.vault import Vault  # noqa: PLC0415 - most questions do without its cryptography

    return closing.enter_context(Vault.open(data))


def _open_ledger(closing: ExitStack, data: DataDirectory) -> Ledger:
    from kruxos.ledger.ledger import Ledger  # noqa: PLC0415 - likewise without its database

    return closing.enter_context(Ledger.open(data, time.time()))
