"""Who may renew a login: one process of a provider at a time, and only the one that takes new calls. Pure.

A refresh token is good for one use. Two processes that use the same one end the login, and a process that renews what
another has renewed already does so too. So a worker asks first; it is given the login as the vault has it now, and
nobody else is until it has told what came of it and that is stored, or until it is gone.

    asks, and is the holder, and nobody renews    -> permitted
    asks while another renews                     -> waits, the latest question of a process counts
    asks, and is not the holder                   -> denied
    told, or gone                                 -> the next one that waits is permitted, if it is the holder

A hand-over moves the holder first: the predecessor may end what it has begun, and begin nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Promoted:
    """Process ``number`` takes new calls from now on."""

    number: int


@dataclass(frozen=True, slots=True)
class Asked:
    """Process ``number`` wants to renew; ``question`` is its own name for that."""

    number: int
    question: int


@dataclass(frozen=True, slots=True)
class Settled:
    """What process ``number`` made of its permission is stored, or it has given it back."""

    number: int


@dataclass(frozen=True, slots=True)
class Gone:
    """Process ``number`` has ended."""

    number: int


@dataclass(frozen=True, slots=True)
class Closed:
    """No more permissions: the gateway is stopping."""


Event: TypeAlias = Promoted | Asked | Settled | Gone | Closed


@dataclass(frozen=True, slots=True)
class Permit:
    """Give the process the login as it is stored, to renew it."""

    number: int
    question: int


@dataclass(frozen=True, slots=True)
class Deny:
    """Tell the process that it may not."""

    number: int
    question: int


Command: TypeAlias = Permit | Deny


@dataclass(slots=True)
class Renewals:
    """One provider's. ``renewing`` is the process with the permission."""

    holder: int | None = None
    renewing: int | None = None
    closed: bool = False
    _waiting: dict[int, int] = field(default_factory=dict[int, int])

    def step(self, event: Event, now: float = 0.0) -> list[Command]:
        """Takes one event, gives what has to be done."""
        match event:
            case Promoted():
                self.holder = event.number
            case Asked():
                self._waiting[event.number] = event.question
            case Settled() | Gone():
                self.renewing = None if self.renewing == event.number else self.renewing
                if isinstance(event, Gone):
                    self._waiting.pop(event.number, None)
            case Closed():
                self.closed = True
        return [*self._denials(), *self._next()]

    def _denials(self) -> list[Command]:
        refused = [number for number in self._waiting if self.closed or number != self.holder]
        return [Deny(number, self._waiting.pop(number)) for number in refused]

    def _next(self) -> list[Command]:
        if self.renewing is not None or not self._waiting:
            return []
        number, question = self._waiting.popitem()
        self.renewing = number
        return [Permit(number, question)]
