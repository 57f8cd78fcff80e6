"""The limits' shell: calls stand before it until they may pass; it knows the clock and wakes them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

import trio

from kruxos.errors import KruxosError
from kruxos_workers.limits import Admitted, Ask, Limits, Refused, Waiting


class Gate:
    """One provider's gate. ``changed`` is called when the supervisor should hear of new limits at once."""

    __slots__ = ("_changed", "_events", "_kick", "_verdicts", "limits")

    def __init__(self, limits: Limits, changed: Callable[[], None]) -> None:
        self.limits = limits
        self._changed = changed
        self._events: dict[int, trio.Event] = {}
        self._verdicts: dict[int, Admitted | Refused] = {}
        self._kick = trio.Event()

    async def enter(self, ask: Ask) -> None:
        """Returns when the call may be sent. Raises the ``KruxosError`` that says why it may not.

        Whoever has entered calls ``worked``, ``failed`` or ``left`` in the end.
        """
        verdict = self.limits.ask(ask, time.time())
        if isinstance(verdict, Waiting):
            verdict = await self._wait(ask)
        if isinstance(verdict, Refused):
            raise verdict.error

    async def _wait(self, ask: Ask) -> Admitted | Refused:
        self._events[ask.id] = event = trio.Event()
        self._kick.set()
        try:
            await event.wait()
        except trio.Cancelled:
            self.limits.cancel(ask)
            if isinstance(self._verdicts.pop(ask.id, None), Admitted):
                self.left(ask.id)
            raise
        finally:
            del self._events[ask.id]
        return self._verdicts.pop(ask.id)

    def heard(self, call_id: int, headers: Mapping[str, str], *, accepted: bool) -> None:
        """The head of a call's answer has come; ``accepted``: it is no refusal."""
        self.limits.heard(call_id, headers, time.time(), accepted=accepted)
        if accepted:
            self._wake()

    def worked(self, call_id: int, tokens: int | None) -> None:
        """A call was answered, with so many tokens as far as is known."""
        self.limits.worked(call_id, tokens, time.time())
        self._after()

    def failed(self, call_id: int, error: KruxosError) -> None:
        """A call failed."""
        self.limits.failed(call_id, error, time.time())
        self._after()

    def left(self, call_id: int) -> None:
        """A call ended that tells nothing of the provider."""
        self.limits.left(call_id)
        self._after()

    async def run(self) -> None:
        """Wakes those whose time has come, for ever."""
        while True:
            self._kick = trio.Event()
            wake_at = self.limits.next_wake(time.time())
            wait_s = math.inf if wake_at is None else max(0.0, wake_at - time.time())
            with trio.move_on_after(wait_s):
                await self._kick.wait()
            self._wake()

    def _after(self) -> None:
        self._wake()
        if self.limits.news:
            self.limits.news = False
            self._changed()

    def _wake(self) -> None:
        if not self._events:
            return
        for verdict in self.limits.verdicts(time.time()):
            self._verdicts[verdict.id] = verdict
            self._events[verdict.id].set()
        self._kick.set()
