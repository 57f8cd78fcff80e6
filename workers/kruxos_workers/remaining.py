"""What remains of an account, as far as its provider tells: credit, and the windows of a subscription. Pure.

Windows come with every answer (Codex: x-codex-primary-..., x-codex-secondary-...). Credit is asked for where that costs
nothing: after a call, and no more often than ``ASK_EVERY_S``; an endpoint that does not exist, or not for this key, is
not asked again. Rate limits are with ``limits``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from kruxos.errors import BadRequestError
from kruxos.fields import Fields

ASK_EVERY_S = 600.0
NEVER_AGAIN = frozenset({401, 403, 404, 405, 410})
_MINUTES_PER_HOUR = 60
_MINUTES_PER_DAY = 24 * 60
_LISTED_MAX = 8


@dataclass(frozen=True, slots=True)
class Remaining:
    """``left`` of ``limit`` (decimal text; None: there is none, or it is not told), in ``unit``: percent or a currency.

    ``resets_at``: when it is full again. Times in Unix seconds.
    """

    what: str
    left: str
    unit: str
    as_of: float
    limit: str | None = None
    resets_at: float | None = None


@dataclass(slots=True)
class Remains:
    """What is known. ``news``: something that the supervisor does not know yet; whoever tells it clears this."""

    rows: dict[str, Remaining] = field(default_factory=dict[str, Remaining])
    news: bool = False
    _used: bool = False
    _ask_from: float | None = 0.0

    def heard(self, headers: Mapping[str, str], now: float) -> None:
        """The head of an answer has come."""
        self._take(windows(headers, now))

    def used(self) -> None:
        """A call was made: what remains has changed."""
        self._used = True

    def should_ask(self, now: float) -> bool:
        """Whether to ask for the credit now; if so, it counts as asked."""
        if not self._used or self._ask_from is None or now < self._ask_from:
            return False
        self._used, self._ask_from = False, now + ASK_EVERY_S
        return True

    def answered(self, profile: str, status: int, body: bytes, now: float) -> None:
        """What came of asking."""
        if status in NEVER_AGAIN:
            self._ask_from = None
        elif status == 200:
            self._take(credit(profile, body, now))

    def _take(self, rows: list[Remaining]) -> None:
        for row in rows[:_LISTED_MAX]:
            self.rows[row.what] = row
            self.news = True

    def state(self) -> list[dict[str, Any]]:
        """As plain values, for the supervisor and a successor."""
        return [asdict(row) for row in self.rows.values()]

    def restore(self, state: Any) -> None:
        """Takes over what a forerunner knew; what makes no sense is passed over."""
        for value in cast("list[Any]", state)[:_LISTED_MAX] if isinstance(state, list) else []:
            row = _row(value)
            if row is not None:
                self.rows[row.what] = row


def _row(value: Any) -> Remaining | None:
    try:
        fields = Fields(value)
        as_of = fields.maybe_number("as_of") or 0.0
        return Remaining(
            fields.text("what", limit=64), fields.text("left", limit=32), fields.text("unit", limit=16), as_of,
            fields.maybe_text("limit", limit=32), fields.maybe_number("resets_at"),
        )  # fmt: skip
    except BadRequestError:
        return None


def windows(headers: Mapping[str, str], now: float) -> list[Remaining]:
    """A subscription's windows; names are lower case (Codex: codex-api/src/rate_limits.rs)."""
    found: list[Remaining] = []
    for name in ("primary", "secondary"):
        head = f"x-codex-{name}-"
        used = _number(headers.get(f"{head}used-percent"))
        if used is None:
            continue
        minutes = _number(headers.get(f"{head}window-minutes"))
        left = f"{max(0.0, min(100.0, 100.0 - used)):g}"
        resets_at = _number(headers.get(f"{head}reset-at"))
        found.append(Remaining(_window_name(name, minutes), left, "percent", now, "100", resets_at))
    return found


def _window_name(name: str, minutes: float | None) -> str:
    if not minutes:
        return f"{name} window"
    if minutes >= _MINUTES_PER_DAY:
        return f"{minutes / _MINUTES_PER_DAY:g} day window"
    return f"{minutes / _MINUTES_PER_HOUR:g} hour window"


def credit_address(profile: str, base_url: str) -> tuple[str, str] | None:
    """The address and path to ask for a provider's credit; None: it has none."""
    if profile == "openrouter":  # OpenRouter docs: GET /key
        return base_url, "/key"
    if profile == "deepseek":  # DeepSeek docs: GET /user/balance, beside the version
        parts = urlsplit(base_url)
        return f"{parts.scheme}://{parts.netloc}", "/user/balance"
    return None


def credit(profile: str, body: bytes, now: float) -> list[Remaining]:
    """The credit that an answer tells; nothing where it makes no sense."""
    try:
        fields = Fields(json.loads(body, parse_float=str, parse_int=str))
        return _READERS[profile](fields, now)
    except (ValueError, RecursionError, KeyError, BadRequestError):
        return []


def _openrouter(fields: Fields, now: float) -> list[Remaining]:
    data = Fields(fields.object("data"))
    left = data.maybe_text("limit_remaining", limit=32)
    return [] if left is None else [Remaining("credit", left, "USD", now, data.maybe_text("limit", limit=32))]


def _deepseek(fields: Fields, now: float) -> list[Remaining]:
    rows: list[Remaining] = []
    for each in fields.items("balance_infos", lambda value, _: Fields(value), limit=_LISTED_MAX):
        unit = each.text("currency", limit=8)
        rows.append(Remaining(f"credit in {unit}", each.text("total_balance", limit=32), unit, now))
    return rows


_READERS = {"openrouter": _openrouter, "deepseek": _deepseek}


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
