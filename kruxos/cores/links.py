"""One-time links to the dashboard: made for whoever may use the control socket, good once, and not for long. Pure.

A link is kept as its hash; whoever shows the link itself takes it away.
"""

from __future__ import annotations

import hashlib

LINK_S = 300.0
LINKS_MAX = 16
"""Links that wait to be used; the oldest gives way."""


class Links:
    """The links that were made and not used, and until when each is good (monotonic seconds)."""

    def __init__(self) -> None:
        self._until: dict[bytes, float] = {}

    def made(self, token: str, now: float) -> None:
        """A link with this token is good from now on."""
        self._until[_digest(token)] = now + LINK_S
        if len(self._until) > LINKS_MAX:
            del self._until[next(iter(self._until))]

    def take(self, token: str, now: float) -> bool:
        """Whether the token is that of a link that is good; it is none any more."""
        until = self._until.pop(_digest(token), None)
        return until is not None and now < until


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
