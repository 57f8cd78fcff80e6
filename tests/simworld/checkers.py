"""The judges of a history. Each looks at what agents saw, what providers got, and what was written down.

A judge yields one sentence for each thing that should never have happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kruxos import wire
from kruxos.events import Restart
from tests.simworld.agents import Seen
from tests.simworld.story import Story
from tests.simworld.upstream import Post

CLOCK_S = 0.05
"""Timers and the disk may be this late."""
LOCAL = "local"


def _final(seen: Seen) -> wire.End | wire.Error | None:
    return seen.last[0] if seen.last else None


def _code(seen: Seen) -> str:
    last = _final(seen)
    return str(last.error.get("code")) if isinstance(last, wire.Error) else ""


def every_call_has_exactly_one_last_word(story: Story) -> Iterator[str]:
    for seen in story.seen():
        if len(seen.last) != 1 and not seen.left:
            yield f"{seen.agent} {seen.frame.id} heard {len(seen.last)} last words"
        if seen.late or len(seen.last) > 1:
            yield f"{seen.agent} {seen.frame.id} heard something after the last word"


def nothing_is_lost_repeated_or_out_of_order(story: Story) -> Iterator[str]:
    totals = {post.dispatch: post.events for upstream in story.upstreams.values() for post in upstream.posts}
    asked = {(each.call_id, each.provider) for each in story.dispatched.values()}
    for seen in story.seen():
        source, place = "", 0
        for event in seen.events:
            if isinstance(event, Restart):
                source, place = "", 0
                if seen.call_id and (seen.call_id, event.provider) not in asked:
                    yield f"{seen.agent} {seen.frame.id}: {event.provider} was to start again and was not asked"
                continue
            if source and event.text != source:
                yield f"{seen.agent} {seen.frame.id}: an answer is spliced from {source} and {event.text}"
            if event.index != place:
                yield f"{seen.agent} {seen.frame.id}: event {event.index} came where {place} was due"
            source, place = event.text, event.index + 1
        last = _final(seen)
        if isinstance(last, wire.End) and (not source or totals.get(int(source)) != place):
            yield f"{seen.agent} {seen.frame.id}: the answer ends after {place} events"
        if any(isinstance(event, Restart) for event in seen.events) and not _may_restart(story, seen):
            yield f"{seen.agent} {seen.frame.id}: it started again and nobody asked for that"


def _may_restart(story: Story, seen: Seen) -> bool:
    """The call itself, or another one with its key, wished so."""
    if seen.frame.key is None:
        return seen.frame.on_interrupt == "restart"
    return any(
        other.frame.on_interrupt == "restart"
        for other in story.seen()
        if (other.agent, other.frame.key) == (seen.agent, seen.frame.key)
    )


def no_key_is_paid_twice(story: Story) -> Iterator[str]:
    bodies: dict[bytes, list[Seen]] = {}
    for seen in story.seen():
        bodies.setdefault(seen.frame.body, []).append(seen)
    paid: dict[bytes, list[Post]] = {}
    for upstream in story.upstreams.values():
        for post in upstream.posts:
            if post.billed:
                paid.setdefault(post.body, []).append(post)
    for body, posts in paid.items():
        asked = bodies.get(body, [])
        once = [seen.frame.at_most_once or seen.frame.key is not None for seen in asked]
        if asked[0].frame.key is not None:
            once = [not seen.frame.retry_ambiguous for seen in asked]
        if len(posts) > 1 and all(once):
            yield f"{body!r} was paid {len(posts)} times: {[(post.provider, post.dispatch) for post in posts]}"


def what_may_have_been_paid_is_labelled(story: Story) -> Iterator[str]:
    """A request that did work, and whose answer did not come whole, is labelled for the agent and in the ledger."""
    by_call = {seen.call_id: seen for seen in story.seen() if seen.call_id}
    for upstream in story.upstreams.values():
        for post in upstream.posts:
            if not post.billed or _crashed_with(story, post):
                continue
            rows = [row for row in story.disk.rows.get(post.call_id, []) if row.provider == post.provider]
            if not any(row.billed_maybe or row.usage or row.outcome == "answered" for row in rows):
                yield f"dispatch {post.dispatch} at {post.provider} was paid and stands in no row of the ledger"
            seen = by_call.get(post.call_id)
            if seen is not None and not _told(seen, post):
                yield f"{seen.agent} {seen.frame.id}: dispatch {post.dispatch} may have been paid, and it is not told"


def _crashed_with(story: Story, post: Post) -> bool:
    """The supervisor ended before the call did: what it knew is gone, and the key answers for it."""
    life = story.dispatched[post.dispatch].life
    if life > len(story.crashed_at):
        return False
    return not any(row.last for row in story.disk.rows.get(post.call_id, []))


def _told(seen: Seen, post: Post) -> bool:
    last = _final(seen)
    if last is None:
        return True
    if isinstance(last, wire.End):
        if last.provider == post.provider:
            return True
        return any(each.get("billed_maybe") for each in last.attempts if each["provider"] == post.provider)
    attempts = last.error.get("attempts", [])
    return bool(last.error.get("billed_maybe")) or any(each.get("billed_maybe") for each in attempts)


def after_content_nobody_else_is_asked(story: Story) -> Iterator[str]:
    began: dict[str, float] = {}
    restarts = {seen.call_id for seen in story.seen() if _may_restart(story, seen)}
    streams = {seen.call_id for seen in story.seen() if seen.frame.stream}
    for each in sorted(story.dispatched.values(), key=lambda dispatched: dispatched.at):
        at = began.get(each.call_id)
        if at is not None and at <= each.at and each.call_id not in restarts and each.call_id in streams:
            yield f"call {each.call_id} went on to {each.provider} after its content had begun"
        if each.committed_at is not None:
            began[each.call_id] = min(at or each.committed_at, each.committed_at)


def what_must_stay_here_stays_here(story: Story) -> Iterator[str]:
    bound = {seen.call_id for seen in story.seen() if (seen.frame.fallback or seen.facts.fallback) == "local_only"}
    for each in story.dispatched.values():
        if each.call_id in bound and each.provider != LOCAL:
            yield f"call {each.call_id} of {each.agent} must stay on this machine and went to {each.provider}"


def every_wait_is_bounded(story: Story) -> Iterator[str]:
    for seen in story.seen():
        if seen.closed_at is None or seen.begun_at is None:
            continue
        joined = seen.begun_at < seen.opened_at
        within_s = 60.0 if joined else seen.frame.deadline_s or 600.0
        if seen.closed_at > seen.begun_at + within_s + CLOCK_S:
            late_s = seen.closed_at - seen.begun_at - within_s
            yield f"{seen.agent} {seen.frame.id} was answered {late_s:.1f} s after its deadline"


def the_gate_keeps_nobody_for_too_long(story: Story) -> Iterator[str]:
    for upstream in story.upstreams.values():
        yield from upstream.kept


def a_cooldown_is_obeyed(story: Story) -> Iterator[str]:
    """A worker that was told when to come back does not come before."""
    for upstream in story.upstreams.values():
        named: dict[tuple[int, int, str], tuple[float, float]] = {}
        for post in upstream.posts:
            life = story.dispatched[post.dispatch].life
            told = named.get((life, post.worker, post.model))
            if told is not None and told[0] < post.at < told[1] - CLOCK_S:
                yield f"{post.provider} {post.model} was asked {told[1] - post.at:.1f} s before it wished to be"
            if post.told_at is not None and post.wait_until is not None:
                before = named.get((life, post.worker, post.model), (0.0, 0.0))
                named[life, post.worker, post.model] = max(before, (post.told_at, post.wait_until), key=lambda x: x[1])


def a_workers_end_is_told_at_once(story: Story) -> Iterator[str]:
    for number in story.not_told:
        yield f"dispatch {number} was with a worker that ended, and its call does not know"


def nobody_waits_for_what_does_not_come(story: Story) -> Iterator[str]:
    for gateway in story.gateways:
        for what in gateway.fleet.waiting_for_nobody:
            yield f"{what}, and attempts wait for it"


def everything_is_at_rest(story: Story) -> Iterator[str]:
    gateway = story.gateway
    now = gateway.calls.statistics()
    if now.calls or now.request_bytes:
        yield f"the table still holds {now.calls} calls and {now.request_bytes} bytes"
    for name, provider in gateway.fleet.providers.items():
        if provider.waiting:
            yield f"{len(provider.waiting)} attempts still wait for {name}"
        if provider.core.state != "ready":
            yield f"{name} is {provider.core.state}: {provider.core.reason}"
        for process in provider.processes.values():
            worker = process.worker
            if process.in_flight or worker.attempts:
                yield f"{name} still has {len(process.in_flight)} attempts in flight, its worker {len(worker.attempts)}"
        if len(provider.processes) > 1:
            yield f"{name} still has {len(provider.processes)} processes"
    for session in story.sessions():
        if not session.gone and (session.outbox or session.core.open_calls):
            yield f"the session of {session.facts.name} still has {session.core.open_calls} calls"


def every_provider_answers_again(story: Story) -> Iterator[str]:
    for seen in story.last_calls:
        if not isinstance(_final(seen), wire.End):
            yield f"{seen.frame.provider} does not answer when all is well again: {_code(seen) or 'silence'}"


def every_call_is_booked_once(story: Story) -> Iterator[str]:
    for call_id, rows in story.disk.rows.items():
        if sum(row.last for row in rows) > 1:
            yield f"call {call_id} has two outcomes in the ledger"
    for seen in story.seen():
        if seen.call_id and seen.last and not any(row.last for row in story.disk.rows.get(seen.call_id, [])):
            life_ended = seen.life <= len(story.crashed_at)
            if not life_ended:
                yield f"call {seen.call_id} stands in the ledger without its outcome"


CHECKERS: tuple[Callable[[Story], Iterator[str]], ...] = (
    every_call_has_exactly_one_last_word,
    nothing_is_lost_repeated_or_out_of_order,
    no_key_is_paid_twice,
    what_may_have_been_paid_is_labelled,
    after_content_nobody_else_is_asked,
    what_must_stay_here_stays_here,
    every_wait_is_bounded,
    the_gate_keeps_nobody_for_too_long,
    a_cooldown_is_obeyed,
    a_workers_end_is_told_at_once,
    nobody_waits_for_what_does_not_come,
    everything_is_at_rest,
    every_provider_answers_again,
    every_call_is_booked_once,
)


def judge(story: Story) -> list[str]:
    """All that was wrong, each with the name of the rule."""
    return [f"{checker.__name__}: {what}" for checker in CHECKERS for what in checker(story)]
