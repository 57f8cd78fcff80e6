"""Signing in to a subscription from a page: a process asks the issuer, a thread hears it, the page shows how it stands.

asking -> pending           the code is here, with the page where it is typed
pending -> done             approved, and stored by the gateway
asking, pending -> failed   denied, expired, unreachable, not stored (then revoked), or given up here
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from kruxos.cli.failing import split_fix
from kruxos.config.secret import Secret
from kruxos.errors import KruxosError
from kruxos.operations.issuing import Issuer, helper, revoke

LOGINS_MAX = 4
"""At once, of all sessions."""
FAILED = {
    "denied": ("The login was denied.", "begin again, and approve the code"),
    "expired": ("Nobody approved the code in time.", "begin again"),
    "not_enabled": (
        "This issuer gives no codes.",
        "allow device code authorization for Codex in ChatGPT's security settings; in a workspace its admin does",
    ),
    "unreachable": ("The issuer cannot be reached.", "check the network, and proxy and oauth_issuer in models.yaml"),
    "failed": ("The login failed.", "begin again; if it stays so, the issuer does not accept this client"),
}
_SLOTS = threading.BoundedSemaphore(LOGINS_MAX)

Store = Callable[[str], dict[str, Any]]


@dataclass(slots=True)
class Login:
    """One login on its way. ``store`` has the gateway keep the record, and gives the provider's name as ``name``."""

    issuer: Issuer
    store: Store
    state: Literal["asking", "pending", "done", "failed"] = "asking"
    url: str = ""
    user_code: str = ""
    ends_at: float = 0.0
    """When the code is no longer good, Unix seconds."""
    provider: str = ""
    text: str = ""
    fix: str = ""
    _given_up: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> bool:
        """Asks the issuer, in a thread. False: too many logins wait already."""
        if not _SLOTS.acquire(blocking=False):
            return False
        threading.Thread(target=self._run, name="login", daemon=True).start()
        return True

    def give_up(self) -> None:
        """Nobody wants it any more: what is approved later is revoked."""
        self._given_up.set()
        self._fail("You gave this login up.", "begin again")

    def _run(self) -> None:
        try:
            record = self._record()
            if record is not None:
                self._keep(record)
        except (OSError, ValueError):
            self._fail(*FAILED["failed"])
        finally:
            _SLOTS.release()

    def _record(self) -> Secret | None:
        with helper(self.issuer, "login") as said:
            for each in said:
                match each:
                    case {"say": "code"}:
                        self._show(each)
                    case {"say": "login", "record": str(record)}:
                        return Secret(record)
                    case _:
                        self._fail(*FAILED.get(str(each.get("kind")), FAILED["failed"]))
                        return None
        self._fail(*FAILED["failed"])
        return None

    def _show(self, said: dict[str, Any]) -> None:
        if not self._given_up.is_set():
            self.url, self.user_code = str(said["url"]), str(said["user_code"])
            self.ends_at, self.state = time.time() + float(said["valid_s"]), "pending"

    def _keep(self, record: Secret) -> None:
        if self._given_up.is_set():
            revoke(self.issuer, record)
            return
        try:
            self.provider = str(self.store(record.reveal())["name"])
        except KruxosError as error:
            revoke(self.issuer, record)  # nothing is left behind
            self._fail(*split_fix(error.message))
        else:
            self.state = "done"

    def _fail(self, text: str, fix: str) -> None:
        if self.state != "done":
            self.state, self.text, self.fix = "failed", text, fix
