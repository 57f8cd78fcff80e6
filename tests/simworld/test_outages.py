"""What an outage makes of the load, and how calls come back after it: long stretches of steady calls, real cores."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from kruxos import wire
from kruxos.cores.policy import RETRY_RESERVE, RETRY_RESERVE_PER_S, RETRY_SHARE
from kruxos.cores.routing import AgentFacts, ProviderFacts, RoutingFacts
from tests.simworld.agents import Session
from tests.simworld.clock import START_S
from tests.simworld.story import PROVIDERS, Story, begin
from tests.simworld.upstream import Spell, Weather

CALLS_PER_S = 10
OUTAGE_S = 600.0
WINDOW_S = 10.0
WAITS = [None, None, 0.0, 5.0, 30.0]


def story_of(first: str, second: str, *, seed: int = 1) -> Story:
    story = begin(seed)
    providers = {name: ProviderFacts(name, model="big", local=name == "local") for name in PROVIDERS}
    story.facts = RoutingFacts(providers, {"chat": first, "fallback": second}, frozenset({"big"}))
    for agent in story.agents:
        agent.facts = AgentFacts("steady")
    for upstream in story.upstreams.values():
        upstream.calm = True
    story.start_gateway()
    return story


def ask(story: Story, session: Session, number: int, wait_s: float | None) -> None:
    session.open(wire.Open(id=number, body=b"%d" % number, stream=True, deadline_s=60.0, wait_s=wait_s))


def steady_calls(story: Story, until_s: float, per_s: int = CALLS_PER_S) -> Session:
    session = story.agents[0].session
    assert session is not None
    for number in range(1, int(until_s * per_s)):
        at = START_S + number / per_s
        story.world.at(at, partial(ask, story, session, number, WAITS[number % len(WAITS)]))
    return session


@pytest.mark.parametrize("kind", ["storm_429", "storm_429_named", "outage_500", "overloaded", "outage_refused"])
def test_a_total_outage_is_not_answered_with_more_load(kind: Weather) -> None:
    """Ten minutes without any provider at a load of 10 calls a second: never more than 1.1 tries for each call."""
    story = story_of("alpha", "beta")
    for upstream in story.upstreams.values():
        upstream.spells.append(Spell(kind, START_S, START_S + OUTAGE_S))
    steady_calls(story, OUTAGE_S)
    story.world.run_until(START_S + OUTAGE_S)
    per_window = Counter(
        int((at - START_S) // WINDOW_S) for upstream in story.upstreams.values() for at in upstream.asked_at
    )
    calls = CALLS_PER_S * WINDOW_S
    most = calls * (1 + RETRY_SHARE) + RETRY_RESERVE + RETRY_RESERVE_PER_S * WINDOW_S
    assert max(per_window.values()) <= most
    assert sum(per_window.values()) <= 1.1 * CALLS_PER_S * OUTAGE_S


def test_one_provider_out_moves_calls_at_once_and_they_come_back_by_share() -> None:
    story = story_of("alpha", "beta")
    story.upstreams["alpha"].spells.append(Spell("outage_500", START_S + 20, START_S + 80))
    session = steady_calls(story, 240.0)
    story.world.run_until(START_S + 260.0)
    answered: dict[int, Counter[str]] = {}
    for number, seen in session.seen.items():
        last = seen.last[0]
        assert isinstance(last, wire.End), f"call {number} was not answered"
        answered.setdefault(int((number / CALLS_PER_S) // 10), Counter())[last.provider] += 1
    share = [counts["alpha"] / counts.total() for _, counts in sorted(answered.items())]
    assert share[0] == share[1] == 1.0
    assert max(share[3:8]) <= 0.05
    back = next(place for place in range(8, len(share)) if share[place] > 0.05)
    assert 0.05 < share[back] < 0.9
    assert share[-1] == 1.0
    asked = [at for at in story.upstreams["alpha"].asked_at if START_S + 25 < at < START_S + 80]
    assert len(asked) <= 30  # probes only


def test_a_conversation_that_moved_stays_until_it_pauses() -> None:
    story = story_of("alpha", "beta")
    story.upstreams["alpha"].spells.append(Spell("storm_429", START_S, START_S + 3))
    session = story.agents[0].session
    assert session is not None

    def turn(number: int) -> None:
        prefixes = [f"h{place}" for place in range(number, 0, -1)]
        session.open(wire.Open(id=number, body=b"turn", stream=True, deadline_s=30.0, prefixes=prefixes))

    for number, at in enumerate((1.0, 60.0, 200.0, 600.0, 610.0), 1):
        story.world.at(START_S + at, partial(turn, number))
    story.world.run_until(START_S + 700)
    lasts = [session.seen[number].last[0] for number in range(1, 6)]
    ends = [last for last in lasts if isinstance(last, wire.End)]
    assert [end.provider for end in ends] == ["beta", "beta", "beta", "alpha", "alpha"]
    assert [bool(end.notices) for end in ends] == [True, True, True, False, False]
