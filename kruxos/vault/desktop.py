"""The desktop's keyring: GNOME's or KDE's by the Secret Service, the Keychain on macOS.

The backends of the package ``keyring`` are made directly. Its own search for them loads whatever plug-ins are
installed, and would take one that keeps passwords in a plain file.

Nothing here waits for long or asks anybody: a keyring that is locked, absent or does not answer is not usable, and
says why. Calls run in a thread of their own because the D-Bus library knows no time limits.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from importlib import import_module
from typing import Any, Protocol, TypeVar

from kruxos.vault.problems import KeyUnavailableError

T = TypeVar("T")

ANSWER_WITHIN_S = 5.0
SERVICE = "kruxos"


class Backend(Protocol):
    """What is used of a backend of the package ``keyring``."""

    def get_password(self, service: str, username: str) -> str | None: ...  # noqa: D102 - keyring's own
    def set_password(self, service: str, username: str, password: str) -> None: ...  # noqa: D102 - keyring's own
    def delete_password(self, service: str, username: str) -> None: ...  # noqa: D102 - keyring's own


class Desktop:
    """A keyring that answers in time, or raises ``KeyUnavailableError``."""

    def __init__(self, backend: Backend, why_not: Callable[[], str], within_s: float = ANSWER_WITHIN_S) -> None:
        self._backend = backend
        self._why_not = why_not
        self._within_s = within_s

    def check(self) -> None:
        """Raises ``KeyUnavailableError`` where the keyring cannot be used now."""
        reason = self._ask(self._why_not)
        if reason:
            raise KeyUnavailableError(f"the desktop's keyring {reason}", "log in to the desktop and unlock its keyring")

    def get(self, name: str) -> str | None:
        """The text kept under a name, or None."""
        self.check()
        return self._ask(lambda: self._backend.get_password(SERVICE, name))

    def set(self, name: str, text: str) -> None:
        """Keeps a text under a name."""
        self.check()
        self._ask(lambda: self._backend.set_password(SERVICE, name, text))

    def delete(self, name: str) -> None:
        """Forgets a name."""
        self.check()
        self._ask(lambda: self._backend.delete_password(SERVICE, name))

    def _ask(self, question: Callable[[], T]) -> T:
        answers: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put((question(), None))
            except Exception as error:  # noqa: BLE001 - backends raise their own, D-Bus' and the system's errors
                answers.put((None, error))

        threading.Thread(target=ask, name="desktop keyring", daemon=True).start()
        try:
            answer, error = answers.get(timeout=self._within_s)
        except queue.Empty:
            raise KeyUnavailableError("the desktop's keyring does not answer", "log in to the desktop again") from None
        if error is not None:
            fix = "choose another place for the vault's key: `kruxos vault key file`"
            raise KeyUnavailableError(f"the desktop's keyring fails: {type(error).__name__}", fix) from None
        return answer  # type: ignore[return-value]  # without an error there is an answer


def find_desktop(environment: Mapping[str, str]) -> Desktop | None:
    """The keyring of this desktop where there is one and it can be used at once, else None."""
    desktop = open_desktop(environment)
    if desktop is None:
        return None
    try:
        desktop.check()
    except KeyUnavailableError:
        return None
    return desktop


def open_desktop(environment: Mapping[str, str]) -> Desktop | None:
    """The keyring of this desktop, whether or not it can be used now; None where there can be none."""
    if sys.platform == "darwin":
        return _make("keyring.backends.macOS", lambda: "")
    if not environment.get("DBUS_SESSION_BUS_ADDRESS"):
        return None
    return _make("keyring.backends.SecretService", _why_no_secret_service)


def _make(module: str, why_not: Callable[[], str]) -> Desktop | None:
    try:
        return Desktop(import_module(module).Keyring(), why_not)
    except (ImportError, RuntimeError):
        return None


def _why_no_secret_service() -> str:
    storage: Any = import_module("secretstorage")
    with closing(storage.dbus_init()) as bus:
        if not storage.check_service_availability(bus):
            return "is not running"
        try:
            collection = storage.Collection(bus)  # the default one; asking by its alias might offer to make it
        except storage.exceptions.ItemNotFoundException:
            return "has no default collection"
        return "is locked" if collection.is_locked() else ""
