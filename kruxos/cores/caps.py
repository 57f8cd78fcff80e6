"""What an agent, a provider or the whole gateway may use: money, tokens, calls a minute, calls at once. Pure.

A cap is written as an amount, a unit and a time: ``5usd/day``, ``100usd/month``, ``2Mtok/day``, ``30/min``, and
``4 at once``. Money and tokens count by the calendar day or month, calls by the last sixty seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, Literal

Unit = Literal["usd", "tokens", "calls"]
Span = Literal["day", "month", "minute", "at once"]

CAPS_MAX = 8
PATTERNS_MAX = 64
PATTERN_CHARS_MAX = 128
CALLS_MAX = 100_000
AMOUNT_MAX = Decimal(10) ** 15
FORMS = "5usd/day, 100usd/month, 2Mtok/day, 30/min, 4atonce"

_FORM = re.compile(r"(\$?)([0-9]{1,15}(?:\.[0-9]{1,9})?)([kmg]?)([a-z]*)(?:/([a-z]+))?")
_UNITS: dict[str, Unit] = {
    "usd": "usd", "dollar": "usd", "dollars": "usd", "tok": "tokens", "token": "tokens", "tokens": "tokens",
    "": "calls", "call": "calls", "calls": "calls", "request": "calls", "requests": "calls",
}  # fmt: skip
_SPANS: dict[str, Span] = {
    "d": "day", "day": "day", "mo": "month", "month": "month", "min": "minute", "minute": "minute", "m": "minute",
}  # fmt: skip
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_ALLOWED: frozenset[tuple[Unit, Span]] = frozenset({
    ("usd", "day"), ("usd", "month"), ("tokens", "day"), ("tokens", "month"), ("calls", "minute"), ("calls", "at once"),
})  # fmt: skip
_AT_ONCE = re.compile(r"([0-9]{1,6})[ -]?(?:calls?)?[ -]?at[ -]?once")


@dataclass(frozen=True, slots=True)
class Cap:
    """At most ``amount`` of ``unit`` in ``span``."""

    unit: Unit
    amount: Decimal
    span: Span

    def __str__(self) -> str:
        if self.span == "at once":
            return f"{self.amount}atonce"
        if self.unit == "calls":
            return f"{self.amount}/min"
        if self.unit == "usd":
            return f"{self.amount:f}usd/{self.span}"
        return f"{_short(self.amount)}tok/{self.span}"

    @property
    def kind(self) -> tuple[Unit, Span]:
        """What it limits: of each kind there is one."""
        return self.unit, self.span


@dataclass(frozen=True, slots=True)
class Policy:
    """What an agent may use, and who may answer it. ``providers`` and ``models`` are patterns; empty: all.

    ``compaction``: what it wishes of that where a call says nothing, as a call would say it.
    """

    caps: tuple[Cap, ...] = ()
    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    compaction: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def refusal(self, provider: str, model: str | None) -> str:
        """Why this model of this provider may not answer; empty: it may. ``model`` None: not known."""
        if self.providers and not _matches(provider, self.providers):
            return "the agent's policy does not allow this provider"
        if self.models and (model is None or not _matches(model, self.models)):
            return f"the agent's policy does not allow {model or 'a model that is not known'}"
        return ""


def parse_cap(text: str) -> Cap:
    """The cap that is written so. Raises ``ValueError`` with what is wrong and how it is written."""
    plain = text.strip().lower().replace("_", "")
    at_once = _AT_ONCE.fullmatch(plain)
    if at_once is not None:
        return _checked(Cap("calls", Decimal(at_once[1]), "at once"))
    found = _FORM.fullmatch(plain.replace(" ", ""))
    if found is None:
        raise ValueError(f"must be an amount for a time, such as {FORMS}")
    dollar, number, factor, word, time = found.groups()
    unit = "usd" if dollar and not word else _UNITS.get(word)
    if unit is None or time is None:
        raise ValueError(f"must be an amount for a time, such as {FORMS}")
    span = _SPANS.get(time)
    if span is None:
        raise ValueError(f"is for no time that is known: day, month or min, such as {FORMS}")
    return _checked(Cap(unit, Decimal(number) * _FACTORS[factor], span))


def _checked(cap: Cap) -> Cap:
    if cap.kind not in _ALLOWED:
        raise ValueError(f"money and tokens are limited by day or month, calls by the minute: {FORMS}")
    if not 0 < cap.amount <= (CALLS_MAX if cap.unit == "calls" else AMOUNT_MAX):
        raise ValueError("must be more than nothing, and calls at most 100000")
    if cap.unit != "usd" and cap.amount != cap.amount.to_integral_value():
        raise ValueError("must be a whole number")
    amount = cap.amount.normalize() if cap.unit == "usd" else cap.amount.to_integral_value()
    return Cap(cap.unit, Decimal(format(amount, "f")), cap.span)


def parse_caps(texts: Iterable[str]) -> tuple[Cap, ...]:
    """Several caps; a later one takes the place of an earlier one of its kind. Raises ``ValueError``."""
    caps = merge_caps((), [parse_cap(text) for text in texts])
    if len(caps) > CAPS_MAX:
        raise ValueError(f"are more than {CAPS_MAX}")
    return caps


def merge_caps(old: Sequence[Cap], new: Sequence[Cap]) -> tuple[Cap, ...]:
    """The old ones, with the new ones in place of those of their kind."""
    merged = {cap.kind: cap for cap in (*old, *new)}
    return tuple(sorted(merged.values(), key=lambda cap: cap.kind))


def parse_kind(text: str) -> tuple[Unit, Span]:
    """What a cap limits, without its amount: ``usd/day``, ``/min``, ``atonce``. Raises ``ValueError``."""
    return parse_cap(f"1{text.strip()}").kind


def check_pattern(text: str) -> str:
    """A pattern for names, as it is. Raises ``ValueError``."""
    if not 0 < len(text) <= PATTERN_CHARS_MAX or not text.isprintable() or " " in text:
        raise ValueError("must be a name, or a pattern such as claude-*")
    return text


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _short(amount: Decimal) -> str:
    for letter, factor in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if amount >= factor and amount % (factor // 10) == 0:
            return f"{(amount / factor).normalize():f}{letter}"
    return f"{amount:f}"
