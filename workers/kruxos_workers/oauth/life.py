"""The life of one login in its worker: when it is renewed, by whose leave, and from when on the new tokens are used.

Theory of operation. An access token lasts hours or days; a refresh token is good for one use. So a login is renewed by
one process alone, which has the supervisor's permission, and the new tokens are used only when they are on disk: a
worker that is killed before has used nothing that is lost. Pure: events and Unix seconds go in, commands come out.

    fresh       -> asking       the access token ends soon, or the provider refuses it
    asking      -> fresh        another login is stored by now: it is taken; or not allowed: again later
    asking      -> refreshing   allowed
    asking      -> refused      there is no login any more
    refreshing  -> storing      new tokens
    refreshing  -> fresh        no answer, or not a final one: the tokens are kept, again later
    refreshing  -> refused      refused for good
    storing     -> fresh        on disk: the new tokens are used from now on
    storing     -> asking       another login was stored meanwhile
    refused     -> asking       likewise

While a login is renewed, calls go on with the old access token as long as that lasts. ``refused`` does not end by
itself: the issuer is never asked again about a login that it has refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from kruxos.errors import NeedsLoginError
from kruxos.login import Login

State = Literal["fresh", "asking", "refreshing", "storing", "refused"]

MOVES: dict[State, frozenset[State]] = {
    "fresh": frozenset({"asking"}),
    "asking": frozenset({"fresh", "refreshing", "refused"}),
    "refreshing": frozenset({"storing", "fresh", "refused"}),
    "storing": frozenset({"fresh", "asking"}),
    "refused": frozenset({"asking"}),
}

MARGIN_S = 300.0
"""A login is renewed so long before its access token ends (Codex: the same); of a short one's life, half before."""
SKEW_S = 10.0
"""A token that ends within this is not sent any more; of a short one's life, the last quarter."""
AGE_MAX_S = 8 * 24 * 3600.0
"""A token that does not say when it ends is renewed when it is so old (Codex: the same)."""
AGAIN_S = 60.0
"""A provider that refuses the token that it was given upon its refusal is not given another one for so long."""
RETRY_S = 1.0
RETRY_MAX_S = 60.0
LOGIN_CHANGED = "login_changed"

Random: TypeAlias = Callable[[], float]


# Events


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed, or a call is about to be sent."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The provider has answered 401 to this access token."""

    access_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Permitted:
    """The login may be renewed, and this is the one that is stored."""

    login: Login


@dataclass(frozen=True, slots=True)
class NotPermitted:
    """It may not; ``code`` says why."""

    code: str


@dataclass(frozen=True, slots=True)
class Renewed:
    """The issuer has given new tokens."""

    login: Login


@dataclass(frozen=True, slots=True)
class Failed:
    """The issuer has not. ``final``: it never will."""

    reason: str
    final: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """What was to be stored is on disk."""


@dataclass(frozen=True, slots=True)
class NotStored:
    """It is not; ``code`` says why."""

    code: str


@dataclass(frozen=True, slots=True)
class Draining:
    """The worker is being replaced: it begins nothing more."""


Event: TypeAlias = Tick | Rejected | Permitted | NotPermitted | Renewed | Failed | Stored | NotStored | Draining


# Commands


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the supervisor for permission."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """Ask the issuer for new tokens."""

    login: Login


@dataclass(frozen=True, slots=True)
class Store:
    """Have this login stored."""

    login: Login


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Give the permission back: nothing has changed."""


@dataclass(frozen=True, slots=True)
class Use:
    """Sign requests with this login from now on."""

    login: Login


Command: TypeAlias = Ask | Refresh | Store | GiveBack | Use


@dataclass(slots=True)
class Life:
    """The state machine of one login. ``problem`` is why it could not be renewed lately, until ``retry_at``."""

    login: Login
    random: Random
    state: State = "fresh"
    problem: str = ""
    retry_at: float = 0.0
    draining: bool = False
    _pending: Login | None = None
    _failures: int = 0
    _rejected: bool = False
    _remedy: str = field(default="", repr=False)

    def step(self, event: Event, now: float) -> list[Command]:
        """Takes one event, gives what has to be done. What does not fit the state changes nothing."""
        match event:
            case Tick():
                return self._on_tick(now)
            case Rejected():
                return self._on_rejected(event, now)
            case Permitted() | NotPermitted() if self.state == "asking":
                return self._on_permitted(event) if isinstance(event, Permitted) else self._on_denied(event, now)
            case Renewed() | Failed() if self.state == "refreshing":
                return self._on_renewed(event) if isinstance(event, Renewed) else self._on_failed(event, now)
            case Stored() | NotStored() if self._pending is not None:
                return self._on_stored() if isinstance(event, Stored) else self._on_not_stored(event, now)
            case Draining():
                self.draining = True
            case _:
                pass
        return []

    def usable(self, now: float) -> bool:
        """Whether a request may be signed with the login as it is."""
        ends_at = self.login.expires_at
        return self.state != "refused" and (ends_at is None or now < ends_at - min(SKEW_S, self._life_s() / 4))

    @property
    def busy(self) -> bool:
        """Whether something is under way that a worker's end would lose."""
        return self.state in ("asking", "refreshing", "storing")

    def next_wake(self) -> float:
        """When the next tick is due, in Unix seconds; infinite while somebody else has to do something first."""
        if self._pending is not None and self.problem:
            return self.retry_at
        waits = self.state == "fresh" and not self.draining
        return max(self._due_at(), self.retry_at) if waits else math.inf

    def _due_at(self) -> float:
        ends_at = self.login.expires_at
        if ends_at is None:
            return self.login.renewed_at + AGE_MAX_S
        return max(ends_at - min(MARGIN_S, self._life_s() / 2), self.login.renewed_at + RETRY_S)

    def _life_s(self) -> float:
        """How long the access token lasts in all."""
        return max(0.0, (self.login.expires_at or math.inf) - self.login.renewed_at)

    # What happens

    def _on_tick(self, now: float) -> list[Command]:
        if now < self.retry_at:
            return []
        if self._pending is not None and self.problem:
            self.problem = ""
            return [Store(self._pending)]
        return self._ask() if self.state == "fresh" and now >= self._due_at() else []

    def _on_rejected(self, event: Rejected, now: float) -> list[Command]:
        current = event.access_token == self.login.access_token
        helpless = event.access_token == self._remedy and 0 <= now - self.login.renewed_at < AGAIN_S
        if self.state != "fresh" or not current or helpless or now < self.retry_at:
            return []
        self._rejected = True
        return self._ask()

    def _ask(self) -> list[Command]:
        if self.draining:
            return []
        self._move("asking")
        return [Ask()]

    def _on_permitted(self, event: Permitted) -> list[Command]:
        if event.login != self.login:  # somebody else has renewed it, or signed in anew
            self._move("fresh")
            return [GiveBack(), *self._use(event.login)]
        self._move("refreshing")
        return [Refresh(self.login)]

    def _on_denied(self, event: NotPermitted, now: float) -> list[Command]:
        if event.code == NeedsLoginError.code:
            self.problem = event.code
            self._move("refused")
            return []
        self._move("fresh")
        return self._later(event.code, now)

    def _on_renewed(self, event: Renewed) -> list[Command]:
        self._move("storing")
        self._pending, self.problem = event.login, ""
        return [Store(event.login)]

    def _on_failed(self, event: Failed, now: float) -> list[Command]:
        if event.final:
            self._move("refused")
            self._pending, self.problem = self.login.over(event.reason), ""
            return [Store(self._pending)]
        self._move("fresh")
        return [GiveBack(), *self._later(event.reason, now)]

    def _on_stored(self) -> list[Command]:
        pending, self._pending = self._pending, None
        if self.state == "refused" or pending is None:
            return []
        self._move("fresh")
        return self._use(pending)

    def _on_not_stored(self, event: NotStored, now: float) -> list[Command]:
        if event.code == LOGIN_CHANGED:
            self._pending = None
            self._move("asking")
            return [Ask()]
        return self._later(event.code, now)

    def _use(self, login: Login) -> list[Command]:
        self._remedy, self._rejected = login.access_token if self._rejected else "", False
        self.login, self.problem, self.retry_at, self._failures = login, "", 0.0, 0
        return [Use(login)]

    def _later(self, problem: str, now: float) -> list[Command]:
        most = min(RETRY_MAX_S, RETRY_S * 2 ** min(self._failures, 16))
        self._failures += 1
        self.problem, self.retry_at = problem, now + most * (0.5 + self.random() / 2)
        return []

    def _move(self, after: State) -> None:
        assert after in MOVES[self.state], f"{self.state} -> {after}"
        self.state = after
