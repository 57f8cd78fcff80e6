"""The life of one batch at a provider, from what an agent handed in to its results on disk. Pure.

What an agent submits is cut into parts, as large as the provider takes them; each part is a batch of its own at the
provider, and lives this life. Its record is on the disk before anything is done that rests on it, so that whoever
starts again knows how far it was:

    state              what is done                     becomes
    accepted           -                                uploading; submitting where nothing is uploaded
    uploading          the input goes up as a file      submitting; accepted again where that failed (not paid)
    submitting         the one POST that is paid        in_progress; accepted: never sent, or a clean no for now;
                                                        failed: a no for good; matching: no clean answer
    matching           the provider's list is searched  in_progress; outcome_unknown when it was looked for long enough
    outcome_unknown    the same, seldom, for a day      in_progress; cancelled when its owner gives it up
    in_progress        polled, ever more seldom         collecting
    collecting         results come down                done, cancelled, expired, failed: as the provider ended it

``submitting`` is only entered by writing it down, and left only by what the POST came to. A record that is found in it
at the start belongs to a POST that nobody heard the end of: it is matched, and never sent again. All else may be done
twice: it costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from kruxos.errors import BY_CODE, CallerError

State = Literal[
    "accepted", "uploading", "submitting", "matching", "outcome_unknown", "in_progress", "collecting",
    "done", "cancelled", "expired", "failed",
]  # fmt: skip
Op = Literal["upload", "create", "match", "poll", "cancel", "collect"]
FINAL: frozenset[State] = frozenset({"done", "cancelled", "expired", "failed"})

WINDOW_S = 24 * 3600.0
"""How long providers take at most (all three: 24 hours)."""
POLL_FIRST_S = 2.0
POLL_LONGEST_S = 300.0
POLL_SHARE = 0.05
"""A batch is asked for again after so large a share of its age, within the two bounds above."""
RETRY_FIRST_S = 1.0
RETRY_LONGEST_S = 300.0
LOOK_EVERY_S = 10.0
LOOKS_MIN = 4
LOOK_FOR_S = 30.0
"""A lost POST is looked for so long, and so often at least, before its outcome counts as unknown."""
LOOK_SELDOM_S = 1800.0
LOOK_ON_FOR_S = WINDOW_S + 2 * 3600.0
"""After that it is still looked for now and then, as long as its results may turn up."""
GIVE_UP_S = 29 * 24 * 3600.0
"""No provider keeps results longer (Anthropic docs: batch processing)."""

_OF_OUTCOME: dict[str, State] = {
    "completed": "done", "cancelled": "cancelled", "expired": "expired", "failed": "failed",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """One batch at the provider. Times are Unix seconds; ``first`` counts requests of the whole from 0.

    ``marker`` is our own name for it at the provider; ``file`` the provider's for the uploaded input, ``upstream`` the
    provider's for the batch, ``outputs`` where its results are. ``offset`` and ``size`` say where its lines stand in
    the prepared input. ``problem`` is why it does not get on just now. ``output_tokens``: what its requests allow for
    all their answers, 0 where some do not say.
    """

    batch: str
    number: int
    marker: str
    first: int
    count: int
    offset: int
    size: int
    created_at: float
    uploads: bool = False
    state: State = "accepted"
    file: str = ""
    upstream: str = ""
    submitted_at: float | None = None
    expires_at: float | None = None
    ended_at: float | None = None
    outcome: str = ""
    outputs: tuple[str, ...] = ()
    succeeded: int = 0
    failed: int = 0
    cancel_wanted: bool = False
    cancel_sent: bool = False
    next_at: float = 0.0
    failures: int = 0
    looks: int = 0
    problem: str = ""
    code: str = ""
    output_tokens: int = 0

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in FINAL


# What is done next


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing before this time, unless its owner wants something."""

    until: float


@dataclass(frozen=True, slots=True)
class Become:
    """Write this down, then go on."""

    part: Part


@dataclass(frozen=True, slots=True)
class Ask:
    """Have the worker do this, and tell ``heard`` what came of it."""

    op: Op


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing more is to be done."""


Move: TypeAlias = Wait | Become | Ask | Over

# What came of it


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The input is at the provider, under this name."""

    file: str


@dataclass(frozen=True, slots=True)
class Seen:
    """The batch as the provider tells it. ``outcome`` is empty until it has ended."""

    upstream: str
    outcome: str = ""
    outputs: tuple[str, ...] = ()
    succeeded: int = 0
    failed: int = 0
    expires_at: float | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class NotFound:
    """The list does not show it. ``maybe``: one that has not ended yet could be it."""

    maybe: bool = False


@dataclass(frozen=True, slots=True)
class CancelTaken:
    """The provider has heard that it shall stop."""


@dataclass(frozen=True, slots=True)
class Collected:
    """Its results are on the disk."""

    succeeded: int
    failed: int


@dataclass(frozen=True, slots=True)
class Failed:
    """It did not come about; ``failure`` as in error frames, ``retry_at`` in Unix seconds."""

    code: str
    message: str
    failure: str = "refused"
    retry_at: float | None = None


Heard: TypeAlias = Uploaded | Seen | NotFound | CancelTaken | Collected | Failed


def recovered(part: Part) -> Part:
    """The record as whoever starts goes on with it: a POST without an end is matched; else it may go on at once."""
    if part.final:
        return part
    state: State = "matching" if part.state == "submitting" else part.state
    return replace(part, state=state, next_at=0.0, failures=0)


def plan(part: Part, now: float) -> Move:
    """The next move."""
    if part.final:
        return Over()
    found = _PLANS[part.state](part, now)
    return Wait(part.next_at) if isinstance(found, Ask) and part.next_at > now and not _urgent(part, found) else found


def _urgent(part: Part, ask: Ask) -> bool:
    """A cancellation does not wait for the next poll, unless it failed itself just now."""
    return ask.op == "cancel" and not part.failures


def _accepted(part: Part, now: float) -> Move:
    if part.cancel_wanted:
        return Become(replace(part, state="cancelled", ended_at=now))
    if now - part.created_at > WINDOW_S:
        return Become(_over(part, "failed", now))
    if part.next_at > now:
        return Wait(part.next_at)
    if part.uploads and not part.file:
        return Become(replace(part, state="uploading"))
    return Become(replace(part, state="submitting", submitted_at=now, problem="", code=""))


def _uploading(part: Part, now: float) -> Move:
    return Become(replace(part, state="cancelled", ended_at=now)) if part.cancel_wanted else Ask("upload")


def _submitting(_part: Part, _now: float) -> Move:
    return Ask("create")


def _matching(_part: Part, _now: float) -> Move:
    return Ask("match")


def _unknown(part: Part, now: float) -> Move:
    if part.cancel_wanted:
        return Become(replace(part, state="cancelled", ended_at=now, problem="given up; what became of it is unknown"))
    return Over() if now - (part.submitted_at or part.created_at) > LOOK_ON_FOR_S else Ask("match")


def _in_progress(part: Part, now: float) -> Move:
    if _lost_for_good(part, now):
        return Become(_over(part, "failed", now))
    return Ask("cancel" if part.cancel_wanted and not part.cancel_sent else "poll")


def _collecting(part: Part, now: float) -> Move:
    return Become(_over(part, "failed", now)) if _lost_for_good(part, now) else Ask("collect")


_PLANS: dict[State, Callable[[Part, float], Move]] = {
    "accepted": _accepted,
    "uploading": _uploading,
    "submitting": _submitting,
    "matching": _matching,
    "outcome_unknown": _unknown,
    "in_progress": _in_progress,
    "collecting": _collecting,
}


def _lost_for_good(part: Part, now: float) -> bool:
    return now - (part.submitted_at or part.created_at) > GIVE_UP_S


def _over(part: Part, state: State, now: float) -> Part:
    return replace(part, state=state, ended_at=now)


def heard(part: Part, op: Op, what: Heard, now: float, jitter: float) -> Part:
    """The record after an answer; ``jitter`` is a random number from 0 to 1."""
    if isinstance(what, Failed):
        return _failed(part, op, what, now, jitter)
    well = replace(part, failures=0, problem="", code="", next_at=now)
    match what:
        case Uploaded():
            return replace(well, state="accepted", file=what.file)
        case Seen():
            return _seen(well, what, now)
        case NotFound():
            return _not_found(well, what, now)
        case CancelTaken():
            return replace(well, cancel_sent=True, next_at=now + POLL_FIRST_S)
        case Collected():
            return replace(
                _over(well, _OF_OUTCOME[part.outcome], now), succeeded=what.succeeded, failed=what.failed,
                problem=part.problem,
            )  # fmt: skip


def _seen(part: Part, what: Seen, now: float) -> Part:
    seen = replace(
        part, upstream=what.upstream, succeeded=what.succeeded, failed=what.failed,
        expires_at=what.expires_at or part.expires_at, problem=what.problem,
    )  # fmt: skip
    if what.outcome:
        return replace(seen, state="collecting", outcome=what.outcome, outputs=what.outputs)
    age_s = now - (part.submitted_at or now)
    return replace(seen, state="in_progress", next_at=now + min(POLL_LONGEST_S, max(POLL_FIRST_S, age_s * POLL_SHARE)))


def _not_found(part: Part, what: NotFound, now: float) -> Part:
    looks, waited_s = part.looks + 1, now - (part.submitted_at or part.created_at)
    seldom = part.state == "outcome_unknown" or (what.maybe and waited_s > LOOK_FOR_S)
    looked = replace(part, looks=looks, next_at=now + (LOOK_SELDOM_S if seldom else LOOK_EVERY_S))
    if what.maybe or looks < LOOKS_MIN or waited_s < LOOK_FOR_S:
        return looked
    return replace(looked, state="outcome_unknown", code="outcome_unknown", next_at=now + LOOK_SELDOM_S)


def _failed(part: Part, op: Op, what: Failed, now: float, jitter: float) -> Part:
    failures = part.failures + 1
    pause_s = min(RETRY_LONGEST_S, RETRY_FIRST_S * 2.0 ** min(failures, 20)) * (0.5 + jitter / 2)
    next_at = max(now + pause_s, min(what.retry_at or 0.0, now + WINDOW_S))
    told = replace(part, failures=failures, problem=what.message, code=what.code, next_at=next_at)
    if op in ("upload", "create") and what.failure != "ambiguous" and _is_final(what):
        return _over(told, "failed", now)
    if op == "upload":
        return replace(told, state="accepted")
    if op == "create":
        unclear = what.failure == "ambiguous"
        return replace(told, state="matching", looks=0) if unclear else replace(told, state="accepted")
    if op == "cancel" and _is_final(what):  # it had ended already
        return replace(told, cancel_sent=True, next_at=now)
    return told


def _is_final(what: Failed) -> bool:
    """Whether the same again would be refused again: what the caller would have to change."""
    known = BY_CODE.get(what.code)
    return known is not None and issubclass(known, CallerError) and what.code not in ("cancelled", "deadline_exceeded")


# The whole of it

_SERIOUS: Sequence[State] = (
    "outcome_unknown", "submitting", "matching", "accepted", "uploading", "in_progress", "collecting",
    "failed", "expired", "cancelled", "done",
)  # fmt: skip


def overall(parts: Sequence[Part]) -> State:
    """One word for all parts: what is furthest behind, and when all are over what is worst."""
    states: list[State] = [part.state for part in parts]
    return min(states, key=_SERIOUS.index) if states else "done"
