"""One provider is out for as long as it takes, at ten times its usual load; another one answers instead.

Before, during and after, calls come at a fixed rate whatever becomes of them, in turn to the provider that will be out
(with the other as its fallback) and straight to the other: what the fallback adds is the difference between the two.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from tests.endurance.figures import Figures, percentile
from tests.endurance.steady import Answered, steady
from tests.service.running import Installation, Simulator

MODELS = """\
providers:
  first: {{type: openai, profile: openai, base_url: "{first}/v1", model: gpt-4o{limits}}}
  spare: {{type: openai, profile: openai, base_url: "{spare}/v1", model: gpt-4.1}}
defaults: {{chat: first, fallback: spare}}
"""
PACE = ("--first-token", "0.05", "--rate", "400")
USUAL_PER_S = 2.0
TIMES = 10
DIRECT_PER_S = 10.0
BEFORE_S = 5.0
AFTER_S = 100.0
"""A pause is a minute at most, and the share grows for half a minute after it."""
FIRST_EVENT_S = 2.0
ATTEMPTS_MAX = 1.1
ADDED_P99_S = 0.020
FAILURES_BEFORE_IT_OPENS = 5
WINDOW_S = 1.0
BACK_SHARE = 0.95


@dataclass(frozen=True)
class Out:
    """One kind of outage: how it begins and ends."""

    name: str
    fault: str = ""
    """What the provider does to each request; empty: it is not there at all."""


KINDS = (Out("refuses connections"), Out("answers 500", "500"), Out("hangs", "silence where=headers"))


def outage(seconds: int, home: Path, *, kinds: tuple[Out, ...] = KINDS) -> Figures:
    """Each kind for ``seconds``."""
    figures = Figures(f"outage {seconds} s")
    for kind in kinds:
        place = home / kind.name.replace(" ", "-")
        place.mkdir()
        _one(figures, kind, seconds, place)
    return figures


def _one(figures: Figures, kind: Out, seconds: int, home: Path) -> None:
    first, spare = Simulator(*PACE), Simulator(*PACE)
    try:
        limits = f", time_limits: {{first_event_s: {FIRST_EVENT_S}}}"
        installation = Installation.make(home, MODELS.format(first=first.root, spare=spare.root, limits=limits))
        with installation.serving():
            installation.store_keys(("first", "spare"))
            with steady(installation, {"first": TIMES * USUAL_PER_S, "spare": DIRECT_PER_S}) as answered:
                _pass(BEFORE_S)
                began = monotonic()
                with _out(first, kind) as back:
                    _pass(seconds)
                first = back()
                ended = monotonic()
                _pass(min(AFTER_S, seconds + 40.0))
            _tell(figures, kind, answered, began, ended)
    finally:
        first.stop()
        spare.stop()


def _pass(seconds: float) -> None:
    threading.Event().wait(seconds)


@contextmanager
def _out(simulator: Simulator, kind: Out) -> Generator[Callable[[], Simulator]]:
    """The outage, for the length of the block; what it gives brings the provider back afterwards."""
    if kind.fault:
        simulator.switch_faults(kind.fault)
    else:
        simulator.stop()
    yield lambda: _back(simulator, kind)


def _back(simulator: Simulator, kind: Out) -> Simulator:
    if kind.fault:
        simulator.switch_faults()
        return simulator
    return Simulator(*PACE, "--port", simulator.root.rpartition(":")[2])


def _tell(figures: Figures, kind: Out, answered: list[Answered], began: float, ended: float) -> None:
    name = kind.name
    struck = [each for each in answered if each.asked == "first" and began <= each.at < ended]
    direct = [each for each in answered if each.asked == "spare" and began <= each.at < ended]
    failed = [each for each in answered if each.outcome != "answered"]
    figures.at_most(f"{name}: failed calls", len(failed))
    figures.tally(f"{name}: what calls ended with", [each.outcome for each in answered])
    upstream = sum(len(each.tried) for each in struck)
    figures.tally(f"{name}: attempts in the outage", [outcome for each in struck for outcome in each.tried])
    held = [each for each in struck if each.held]
    figures.spread(f"{name}: calls that waited for the provider in vain", [each.took_s for each in held])
    figures.tell(f"{name}: {len(struck)} calls in the outage, {upstream} upstream attempts")
    figures.at_most(f"{name}: upstream attempts a call", round(upstream / max(1, len(struck)), 3), ATTEMPTS_MAX)
    wasted = sorted(each.at - began for each in struck if len(each.tried) > 1)
    figures.tell(
        f"{name}: calls that met the outage themselves: {len(wasted)}, seconds in: "
        + ", ".join(f"{at:.1f}" for at in wasted[:3])
        + " ... "
        + ", ".join(f"{at:.1f}" for at in wasted[-3:])
    )
    opened = began + (wasted[FAILURES_BEFORE_IT_OPENS - 1] if len(wasted) >= FAILURES_BEFORE_IT_OPENS else 0.0)
    moved = [each.took_s for each in struck if each.at > opened and len(each.tried) == 1]
    figures.spread(f"{name}: calls that went straight to the fallback", moved)
    figures.spread(f"{name}: direct calls to it at the same time", [each.took_s for each in direct])
    added = {
        share: percentile(moved, share) - percentile([each.took_s for each in direct], share) for share in (0.5, 0.99)
    }
    figures.tell(f"{name}: added by the fallback, p50: {added[0.5] * 1000:.1f} ms")
    figures.at_most(f"{name}: added by the fallback, p99 in ms", round(added[0.99] * 1000, 1), ADDED_P99_S * 1000)
    _tell_recovery(figures, name, answered, ended)


def _tell_recovery(figures: Figures, name: str, answered: list[Answered], ended: float) -> None:
    """When the provider answered first again, and when it had its share again."""
    after = [each for each in answered if each.asked == "first" and each.at >= ended]
    own = [each for each in after if each.answered_by == "first"]
    figures.tell(f"{name}: its first answer {own[0].at - ended:.1f} s after the end" if own else f"{name}: never back")
    whole = whole_again(after, ended)
    figures.tell(f"{name}: its whole share " + ("not yet" if whole is None else f"{whole:.1f} s after the end"))
    figures.at_most(f"{name}: providers that did not get their share back", int(whole is None))


def whole_again(after: list[Answered], ended: float) -> float | None:
    """Seconds until it takes nearly all of its calls, in a window and all that come later."""
    windows: dict[int, list[bool]] = {}
    for each in after:
        windows.setdefault(int((each.at - ended) / WINDOW_S), []).append(each.answered_by == "first")
    full = {number: sum(each) / len(each) >= BACK_SHARE for number, each in windows.items()}
    lacking = [number for number, is_full in full.items() if not is_full]
    back_at = max(lacking, default=-1) + 1
    return back_at * WINDOW_S if back_at in full else None
