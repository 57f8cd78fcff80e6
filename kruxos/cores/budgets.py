"""Budgets: what a call may cost is set aside before it is made, and what it did cost is booked after.

Theory of operation. Everybody who may have caps (an agent, a provider, the gateway) has an account: what was used in
this day and this month, what is set aside for attempts under way, when the last calls began, how many are under way.
An attempt that fits every cap of its owners sets its estimate aside in all of their accounts, and takes it back when it
is over:

    check -> reserve -> ended (it is not under way any more) -> settle (what it used is known, or its estimate stays)
                                                             -> release (it surely used nothing)

So calls that begin together see each other. Used and set aside together never pass a cap at the moment a call begins;
a cap is overshot by no more than what the calls under way cost above their estimates.

A period's account is emptied when the period ends; what is still under way then belongs to the period it began in, as
in the ledger. A price that is not known counts as no money; once the money is used up, such a call is refused as well.
Each step costs the same however many calls there were; calls of the last minute are kept only where they are limited.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from kruxos.cores.calendar import Period, Times, at_text, period_at
from kruxos.cores.caps import Cap

WARN_SHARE = Decimal("0.8")
MINUTE_S = 60.0
PLACE_PAUSE_S = 1.0
"""When to ask again for a place among the calls at once: nobody knows when one ends."""
NOTHING = Decimal(0)
NEVER = Times(0.0, 0.0)

OwnerKind = Literal["agent", "provider", "gateway"]
TimesOf: TypeAlias = Callable[[Period, float], Times]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose budget it is."""

    kind: OwnerKind
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()


@dataclass(frozen=True, slots=True)
class Charge:
    """What an attempt uses, or may use. ``money`` in US dollars, None: its price is not known."""

    tokens: int = 0
    money: Decimal | None = NOTHING


@dataclass(frozen=True, slots=True)
class Limited:
    """An owner with the caps that hold for a call."""

    owner: Owner
    caps: tuple[Cap, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call may not be made, and from when it may (Unix seconds)."""

    owner: Owner
    cap: Cap
    used: Decimal
    retry_at: float
    used_up: bool = True

    @property
    def message(self) -> str:
        """For people: which limit, how much of it is used, and when it resets."""
        whose = "the gateway's" if self.owner.kind == "gateway" else f"the {self.owner.kind}'s"
        if self.cap.unit == "calls":
            return f"{whose} limit of {self.cap} is reached"
        used = f"{self.used:.4f} usd" if self.cap.unit == "usd" else f"{self.used} tokens"
        state = "is used up" if self.used_up else "has no room for what this call may use"
        return f"{whose} limit of {self.cap} {state}: {used} used or set aside; it resets at {at_text(self.retry_at)}"


@dataclass(frozen=True, slots=True)
class Crossing:
    """A cap that came near its end, or to it, for the first time in its period. ``share`` is 0.8 or 1."""

    owner: Owner
    cap: Cap
    used: Decimal
    resets_at: float
    share: Decimal


@dataclass(frozen=True, slots=True)
class Standing:
    """How a cap of money or tokens stands. ``set_aside`` is for attempts under way."""

    cap: Cap
    used: Decimal
    set_aside: Decimal
    resets_at: float


@dataclass(slots=True)
class _Tally:
    """One period of one account. ``told``: shares that were told, by unit and share."""

    period: Period
    times: Times = NEVER
    tokens: int = 0
    money: Decimal = NOTHING
    held_tokens: int = 0
    held_money: Decimal = NOTHING
    told: set[tuple[str, Decimal]] = field(default_factory=set[tuple[str, Decimal]])

    def used(self, cap: Cap) -> Decimal:
        return self.money if cap.unit == "usd" else Decimal(self.tokens)

    def held(self, cap: Cap) -> Decimal:
        return self.held_money if cap.unit == "usd" else Decimal(self.held_tokens)

    def hold(self, charge: Charge, sign: int) -> None:
        self.held_tokens += sign * charge.tokens
        self.held_money += sign * (charge.money or NOTHING)

    def add(self, charge: Charge) -> None:
        self.tokens += charge.tokens
        self.money += charge.money or NOTHING


@dataclass(slots=True)
class _Account:
    day: _Tally = field(default_factory=lambda: _Tally("day"))
    month: _Tally = field(default_factory=lambda: _Tally("month"))
    began: deque[float] = field(default_factory=deque[float])
    under_way: int = 0

    def tally(self, cap: Cap) -> _Tally:
        return self.day if cap.span == "day" else self.month


@dataclass(slots=True)
class Reservation:
    """What one attempt has set aside. Made by ``Budgets.reserve``, ended by ``settle`` or ``release``, once."""

    limited: tuple[Limited, ...]
    charge: Charge
    at: float
    under_way: bool = True
    open: bool = True


class Budgets:
    """All accounts. ``times_of`` says when periods begin and end."""

    def __init__(self, times_of: TimesOf = period_at) -> None:
        self._times_of = times_of
        self._accounts: dict[Owner, _Account] = {}

    # Before a call

    def check(self, limited: Sequence[Limited], charge: Charge, unix: float, *, again: bool = False) -> Refusal | None:
        """Why an attempt may not be made; None: it may. ``again``: its call was counted at an earlier attempt."""
        for each in limited:
            if not each.caps:
                continue
            account = self._account(each.owner, unix)
            for cap in each.caps:
                counted = again and each.owner.kind != "provider"
                refusal = self._refusal(each.owner, account, cap, charge, unix, counted=counted)
                if refusal is not None:
                    return refusal
        return None

    def _refusal(
        self, owner: Owner, account: _Account, cap: Cap, charge: Charge, unix: float, *, counted: bool
    ) -> Refusal | None:
        if cap.span == "at once":
            full = account.under_way >= cap.amount
            return Refusal(owner, cap, Decimal(account.under_way), unix + PLACE_PAUSE_S) if full else None
        if cap.span == "minute":
            _forget_old(account.began, unix)
            room = counted or len(account.began) < cap.amount
            if room:
                return None
            return Refusal(owner, cap, Decimal(len(account.began)), account.began[-int(cap.amount)] + MINUTE_S)
        tally = account.tally(cap)
        taken = tally.used(cap) + tally.held(cap)
        wanted = charge.money if cap.unit == "usd" else Decimal(charge.tokens)
        if _fits(cap.amount, taken, wanted):
            return None
        return Refusal(owner, cap, taken, tally.times.end, taken >= cap.amount)

    def reserve(self, limited: Sequence[Limited], charge: Charge, unix: float, *, again: bool = False) -> Reservation:
        """Sets aside what an attempt may use."""
        for each in limited:
            account = self._account(each.owner, unix)
            account.day.hold(charge, 1)
            account.month.hold(charge, 1)
            account.under_way += 1
            per_minute = any(cap.span == "minute" for cap in each.caps)
            if per_minute and not (again and each.owner.kind != "provider"):
                account.began.append(unix)
        return Reservation(tuple(limited), charge, unix)

    # After it

    def ended(self, reservation: Reservation) -> None:
        """The attempt is not under way any more; what it used is still to be told."""
        if reservation.under_way:
            reservation.under_way = False
            for each in reservation.limited:
                self._accounts[each.owner].under_way -= 1

    def release(self, reservation: Reservation) -> None:
        """The attempt surely used nothing."""
        self._take_back(reservation, reservation.at)

    def settle(self, reservation: Reservation, charge: Charge, unix: float) -> list[Crossing]:
        """What the attempt used; gives the caps that it brought near their end, or to it."""
        if not reservation.open:
            return []
        crossings: list[Crossing] = []
        self._take_back(reservation, unix)
        for each in reservation.limited:
            account = self._account(each.owner, unix)
            for tally in (account.day, account.month):
                if tally.times.start <= reservation.at:
                    tally.add(charge)
            crossings += self._crossings(each, account)
        return crossings

    def _take_back(self, reservation: Reservation, unix: float) -> None:
        if not reservation.open:
            return
        self.ended(reservation)
        reservation.open = False
        for each in reservation.limited:
            account = self._account(each.owner, unix)
            for tally in (account.day, account.month):
                if tally.times.start <= reservation.at:
                    tally.hold(reservation.charge, -1)

    @staticmethod
    def _crossings(limited: Limited, account: _Account) -> list[Crossing]:
        found: list[Crossing] = []
        for cap in limited.caps:
            if cap.unit == "calls":
                continue
            tally = account.tally(cap)
            used = tally.used(cap)
            shares = [share for share in (WARN_SHARE, Decimal(1)) if used >= cap.amount * share]
            fresh = [share for share in shares if (str(cap), share) not in tally.told]
            tally.told.update((str(cap), share) for share in fresh)
            if fresh:
                found.append(Crossing(limited.owner, cap, used, tally.times.end, fresh[-1]))
        return found

    # What was, and how things stand

    def restore(self, owner: Owner, charge: Charge, unix: float, *, today: bool) -> None:
        """What the ledger says that the owner has used in this month, ``today`` or before."""
        account = self._account(owner, unix)
        account.month.add(charge)
        if today:
            account.day.add(charge)

    def told_already(self, limited: Limited, unix: float) -> None:
        """What the owner's caps had come to before this start was told then."""
        self._crossings(limited, self._account(limited.owner, unix))

    def standing(self, limited: Limited, unix: float) -> list[Standing]:
        """How the caps of money and tokens of an owner stand."""
        account = self._account(limited.owner, unix)
        return [
            Standing(cap, account.tally(cap).used(cap), account.tally(cap).held(cap), account.tally(cap).times.end)
            for cap in limited.caps
            if cap.unit != "calls"
        ]

    def _account(self, owner: Owner, unix: float) -> _Account:
        account = self._accounts.get(owner)
        if account is None:
            account = self._accounts[owner] = _Account()
        if unix >= account.day.times.end or unix >= account.month.times.end:
            account.day = self._current(account.day, unix)
            account.month = self._current(account.month, unix)
        return account

    def _current(self, tally: _Tally, unix: float) -> _Tally:
        return tally if unix < tally.times.end else _Tally(tally.period, self._times_of(tally.period, unix))


def _fits(amount: Decimal, taken: Decimal, wanted: Decimal | None) -> bool:
    """What costs nothing always fits; what has no known price, as long as something is left."""
    if wanted is None:
        return taken < amount
    return not wanted or taken + wanted <= amount


def _forget_old(began: deque[float], unix: float) -> None:
    while began and unix - began[0] >= MINUTE_S:
        began.popleft()
