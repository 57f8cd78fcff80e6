"""Who is signed in. Pure: the time and the random words come from outside. Nothing is kept but in memory.

    enter by a one-time link -> session   (a cookie with a random word; kept here as its hash)
    session -> gone                       signed out, LIFETIME_S is over, or SESSIONS_MAX newer ones

A session has a word that every form repeats (``form_word``): a page of another site can make a browser send our
cookie, but cannot read that.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

LIFETIME_S = 12 * 3600.0
SESSIONS_MAX = 32
NOTES_MAX = 8


@dataclass(slots=True)
class Session:
    """One signed-in browser. Times are monotonic seconds."""

    form_word: str
    ends_at: float
    proven_until: float = 0.0
    """Until when the vault's passphrase, shown in this session, counts."""
    notes: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """What the next page says first."""
    tests: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """What came of the last test of each provider."""
    logins: dict[str, Any] = field(default_factory=dict[str, Any])
    """Logins to subscriptions that this session began (``kruxos.web.dashboard.signing_in``)."""

    def is_form(self, word: str) -> bool:
        """Whether a form was made for this session."""
        return hmac.compare_digest(word.encode(), self.form_word.encode())

    def tell(self, text: str, fix: str = "", *, level: str = "good", token: str = "") -> None:
        """Something for the next page to say. ``token`` is shown there this once."""
        self.notes.append({"text": text, "fix": fix, "level": level, "token": token})
        del self.notes[:-NOTES_MAX]

    def take_notes(self) -> list[dict[str, Any]]:
        """What is to be said now; it is not said again."""
        notes, self.notes = self.notes, []
        return notes


class Sessions:
    """All sessions. ``word`` gives random words that nobody guesses."""

    def __init__(self, word: Callable[[], str]) -> None:
        self._word = word
        self._sessions: dict[bytes, Session] = {}

    def begin(self, now: float) -> str:
        """A new session; the word for its cookie."""
        cookie = self._word()
        self._sessions[_digest(cookie)] = Session(self._word(), now + LIFETIME_S)
        if len(self._sessions) > SESSIONS_MAX:
            del self._sessions[next(iter(self._sessions))]
        return cookie

    def find(self, cookie: str, now: float) -> Session | None:
        """The session of a cookie; None where it is over, or never was."""
        session = self._sessions.get(_digest(cookie))
        if session is not None and now >= session.ends_at:
            self.end(cookie)
            return None
        return session

    def end(self, cookie: str) -> None:
        """Signed out."""
        self._sessions.pop(_digest(cookie), None)


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode()).digest()
