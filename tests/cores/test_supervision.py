"""One provider's worker: the moves of its life, one script each."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from kruxos.cores import supervision
from kruxos.cores.exits import EXIT_CONFIGURATION
from kruxos.cores.policy import PROBE_EVERY_S, RESTARTS_MAX
from kruxos.cores.supervision import (
    MOVES,
    Announce,
    AskToDrain,
    Beaten,
    BecameReady,
    Broken,
    Drained,
    Exited,
    Kill,
    Outgrown,
    Promote,
    Rest,
    Restart,
    SendBye,
    Spawn,
    Spawned,
    SpawnRefused,
    Start,
    Stop,
    Supervision,
    Tick,
    Unfit,
    Weighed,
)
from tests.cores.playbook import Script

START = Announce("stopped", "starting", "")
UP = Announce("starting", "ready", "")


def supervised(random: float = 0.5) -> Supervision:
    return Supervision(lambda: random)


def ready(random: float = 0.5) -> tuple[Supervision, Script]:
    machine = supervised(random)
    script = Script(machine)
    script.at(0, Start()).gives(START, Spawn(1))
    script.at(0, Spawned(1, 101)).gives_nothing()
    script.at(0, BecameReady(1)).gives(Promote(1), UP)
    return machine, script


def test_a_worker_that_cannot_go_on_finishes_what_it_has_and_no_other_is_started() -> None:
    machine, script = ready()
    script.at(5, Unfit(1, "needs_login")).gives(Announce("ready", "failed", "needs_login"), AskToDrain(1))
    script.at(6, Drained(1)).gives(SendBye(1))
    script.at(7, Exited(1, 0)).gives_nothing()
    script.at(7 + 2 * PROBE_EVERY_S, Tick()).gives_nothing()
    assert (machine.state, machine.reason, machine.current) == ("failed", "needs_login", None)
    script.at(2000, Start()).gives(Announce("failed", "starting", ""), Spawn(2))


def test_a_predecessor_that_cannot_go_on_does_not_stop_its_successor() -> None:
    _, script = ready()
    script.at(5, Restart()).gives(Spawn(2))
    script.at(6, Unfit(1, "needs_login")).gives_nothing()
    script.at(7, BecameReady(2)).gives(Promote(2), AskToDrain(1))
    script.at(8, Unfit(1, "needs_login")).gives_nothing()


def beat_until(script: Script, number: int, end: float, *, start: float = 1.0) -> None:
    at = start
    while at <= end:
        script.at(at, Beaten(number)).gives_nothing()
        script.at(at, Tick()).gives_nothing()
        at += 1.0


def test_a_worker_is_ready_when_it_says_so() -> None:
    machine, _ = ready()
    assert (machine.state, machine.current, machine.workers[1].pid) == ("ready", 1, 101)


def test_a_worker_that_dies_after_a_healthy_run_is_started_again_at_once() -> None:
    machine, script = ready()
    script.at(10, Exited(1, -9)).gives(Announce("ready", "starting", "killed by SIGKILL"), Spawn(2))
    assert (machine.restarts, machine.last_exit) == (1, "killed by SIGKILL")


def test_a_worker_that_dies_young_waits_a_jittered_while() -> None:
    machine, script = ready(random=0.5)
    script.at(3, Exited(1, 1)).gives(Announce("ready", "backoff", "ended with 1"))
    assert machine.start_at == 3 + 0.5 * 0.25
    script.at(3.1, Tick()).gives_nothing()
    script.at(3.125, Tick()).gives(Announce("backoff", "starting", "ended with 1"), Spawn(2))


def test_more_than_five_deaths_in_a_minute_are_a_failure_with_a_probe_every_five_minutes() -> None:
    machine = supervised(random=0.0)
    at = 0.0
    machine.step(Start(), at)
    for number in range(1, RESTARTS_MAX + 1):
        at += 1.0
        machine.step(Exited(number, 1), at)
        machine.step(Tick(), at)
        assert machine.state == "starting"
    machine.step(Exited(RESTARTS_MAX + 1, 1), at)
    assert (machine.state, machine.reason, machine.start_at) == ("failed", "ended with 1", at + PROBE_EVERY_S)
    probe = Script(machine)
    probe.at(at + PROBE_EVERY_S - 1, Tick()).gives_nothing()
    probe.at(at + PROBE_EVERY_S, Tick()).gives(Announce("failed", "starting", "ended with 1"), Spawn(7))
    probe.at(at + 301, Exited(7, 1)).gives(Announce("starting", "failed", "ended with 1"))
    assert machine.start_at == at + 301 + PROBE_EVERY_S


def test_wrong_settings_are_not_tried_again_until_somebody_starts_it() -> None:
    machine, script = ready()
    script.at(20, Exited(1, EXIT_CONFIGURATION)).gives(Announce("ready", "failed", "wrong settings"))
    script.at(20 + 2 * PROBE_EVERY_S, Tick()).gives_nothing()
    script.at(700, Start()).gives(Announce("failed", "starting", ""), Spawn(2))
    assert machine.state == "starting"


def test_a_worker_without_its_key_is_not_started_and_says_why() -> None:
    machine = supervised()
    with Script(machine) as script:
        script.at(0, Start()).gives(START, Spawn(1))
        script.at(0, SpawnRefused(1, "no_credentials")).gives(Announce("starting", "failed", "no_credentials"))
        script.at(10_000, Tick()).gives_nothing()


def test_silence_of_five_seconds_is_death() -> None:
    _, script = ready()
    beat_until(script, 1, 4)
    for at in (5, 6, 7, 8, 9):
        script.at(at, Tick()).gives_nothing()
    script.at(9.5, Tick()).gives(Kill(1))
    script.at(9.6, Exited(1, -9)).gives(Announce("ready", "backoff", "silent for 5 s"))


def test_no_worker_is_blamed_when_the_supervisor_itself_was_late() -> None:
    _, script = ready()
    beat_until(script, 1, 3)
    script.at(60, Tick()).gives_nothing()
    script.at(61, Beaten(1)).gives_nothing()


def test_a_worker_that_never_gets_ready_is_replaced() -> None:
    machine = supervised()
    machine.step(Start(), 0)
    with Script(machine) as script:
        script.at(20, Tick()).gives_nothing()
        script.at(20.5, Tick()).gives(Kill(1))
        script.at(20.6, Exited(1, -9)).gives(Announce("starting", "backoff", "not ready in time"))


def test_a_kill_is_repeated_until_the_exit_is_seen() -> None:
    _, script = ready()
    script.at(1, Broken(1, "garbage on its link")).gives(Kill(1))
    for at in (2, 3, 4, 5):
        script.at(at, Tick()).gives_nothing()
    script.at(6, Tick()).gives(Kill(1))
    script.at(6, Exited(1, -9)).gives(Announce("ready", "backoff", "garbage on its link"))


def test_a_restart_is_a_hand_over_and_the_provider_stays_ready() -> None:
    machine, script = ready()
    script.at(5, Restart()).gives(Spawn(2))
    assert (machine.state, machine.current) == ("ready", 1)
    script.at(6, BecameReady(2)).gives(Promote(2), AskToDrain(1))
    script.at(7, Drained(1)).gives(SendBye(1))
    script.at(7, Exited(1, 0)).gives_nothing()
    assert (machine.state, machine.current, list(machine.workers)) == ("ready", 2, [2])


def test_a_successor_that_cannot_start_leaves_the_old_worker_as_it_was() -> None:
    machine, script = ready()
    script.at(5, Restart()).gives(Spawn(2))
    script.at(6, Exited(2, 1)).gives_nothing()
    assert (machine.state, machine.current, machine.reason) == ("ready", 1, "replacement failed: ended with 1")


def test_a_second_restart_while_the_successor_starts_changes_nothing() -> None:
    _, script = ready()
    script.at(5, Restart()).gives(Spawn(2))
    script.at(5, Restart()).gives_nothing()


def test_the_old_worker_dying_in_a_hand_over_leaves_it_to_the_successor() -> None:
    machine, script = ready()
    script.at(5, Restart()).gives(Spawn(2))
    script.at(5.5, Exited(1, -11)).gives(Announce("ready", "starting", "killed by SIGSEGV"))
    script.at(6, BecameReady(2)).gives(Promote(2), UP)
    assert machine.current == 2


def test_restart_now_kills_and_starts_in_one_step() -> None:
    machine, script = ready()
    script.at(5, Restart(now=True)).gives(Announce("ready", "starting", "restarted by operator"), Kill(1), Spawn(2))
    script.at(5.1, Exited(1, -9)).gives_nothing()
    script.at(5.2, BecameReady(2)).gives(Promote(2), UP)
    assert machine.restarts == 1


def test_a_worker_that_does_not_finish_draining_is_killed() -> None:
    _, script = ready()
    script.at(5, Restart()).gives(Spawn(2))
    script.at(6, BecameReady(2)).gives(Promote(2), AskToDrain(1))
    at = 6.0
    while at < 605.0:
        at += 1.0
        script.at(at, Beaten(1)).gives_nothing()
        script.at(at, Beaten(2)).gives_nothing()
        script.at(at, Tick()).gives_nothing()
    script.at(606, Tick()).gives(Kill(1))


def test_stop_lets_calls_finish_and_stop_now_does_not() -> None:
    machine, script = ready()
    script.at(1, Stop()).gives(Announce("ready", "stopped", "stopped by operator"), AskToDrain(1))
    script.at(2, Drained(1)).gives(SendBye(1))
    script.at(2, Exited(1, 0)).gives_nothing()
    assert machine.state == "stopped"
    other, script = ready()
    script.at(1, Stop(now=True)).gives(Announce("ready", "stopped", "stopped by operator"), Kill(1))
    script.at(1, Exited(1, -9)).gives_nothing()
    assert other.state == "stopped"


MIB = 1024 * 1024
LIGHT, HEAVY, FAR_TOO_HEAVY = (Weighed(1, each * MIB, 1024 * MIB) for each in (1024, 1025, 2049))
HEAVY_WORDS = "memory over its cap (1025 of 1024 MiB)"


def test_a_worker_over_its_memory_is_drained_and_replaced() -> None:
    machine, script = ready()
    script.at(49, LIGHT).gives_nothing()
    script.at(50, HEAVY).gives(Outgrown(HEAVY_WORDS), Spawn(2))
    script.at(50.5, HEAVY).gives_nothing()
    script.at(51, BecameReady(2)).gives(Promote(2), AskToDrain(1))
    script.at(52, HEAVY).gives_nothing()
    assert (machine.restarts, machine.last_exit) == (1, HEAVY_WORDS)


def test_one_far_over_its_memory_is_killed_and_what_drains_too() -> None:
    _, script = ready()
    script.at(5, Restart()).gives(Spawn(2))
    script.at(6, BecameReady(2)).gives(Promote(2), AskToDrain(1))
    script.at(7, FAR_TOO_HEAVY).gives(Kill(1))
    script.at(8, FAR_TOO_HEAVY).gives_nothing()
    script.at(8, Exited(1, -9)).gives_nothing()
    other, script = ready()
    script.at(7, FAR_TOO_HEAVY).gives(Kill(1))
    words = "memory over its cap (2049 of 1024 MiB)"
    script.at(7.1, Exited(1, -9)).gives(Announce("ready", "backoff", words))
    assert other.last_exit == words


def test_one_that_is_too_heavy_as_soon_as_it_is_ready_is_replaced_after_pauses_and_in_the_end_every_five_minutes() -> (
    None
):
    machine, now, replaced = ready()[0], 0.0, list[float]()
    while now < 3600.0:
        now += 1.0
        assert machine.current is not None
        machine.step(Beaten(machine.current), now)
        commands = machine.step(Weighed(machine.current, 90 * MIB, 64 * MIB), now)
        if Spawn(machine.current + 1) in commands:
            replaced.append(now)
            machine.step(BecameReady(machine.current + 1), now)
        for number in [each for each in machine.workers if each != machine.current]:
            machine.step(Exited(number, 0), now)
        machine.step(Tick(), now)
    early = [at for at in replaced if at <= 60.0]
    assert len(early) <= RESTARTS_MAX
    assert early[0] <= 2.0
    assert all(later - at >= PROBE_EVERY_S for at, later in pairwise(replaced[len(early) :]))
    assert 9 <= len(replaced) - len(early) <= 12
    assert machine.state == "ready", "one that is too heavy is better than none"
    machine.step(Start(), now)
    machine.step(Weighed(machine.current or 0, 10 * MIB, 64 * MIB), now)
    assert machine.state == "ready"


def test_a_heavy_worker_whose_successor_does_not_come_up_is_tried_again_after_a_pause() -> None:
    machine, script = ready()
    script.at(50, HEAVY).gives(Outgrown(HEAVY_WORDS), Spawn(2))
    script.at(50, Exited(2, 1)).gives_nothing()
    script.at(50.1, HEAVY).gives_nothing()
    script.at(51, HEAVY).gives(Outgrown(HEAVY_WORDS), Spawn(3))
    assert machine.current == 1


def test_a_stuck_worker_is_found_however_often_others_of_its_provider_beat() -> None:
    machine, script = ready()
    script.at(5, Restart()).gives(Spawn(2))
    script.at(6, BecameReady(2)).gives(Promote(2), AskToDrain(1))
    now, tick_at = 6.0, machine.next_wake(6.0)
    killed: list[supervision.Command] = []
    while not killed and now < 20.0:
        now += 0.25
        machine.step(Beaten(1), now)
        if now >= tick_at:
            killed = machine.step(Tick(), now)
        tick_at = machine.next_wake(now)
    assert killed == [Kill(2)]
    assert now <= 12.5


def test_news_of_workers_that_are_gone_change_nothing() -> None:
    _, script = ready()
    for event in (BecameReady(9), Beaten(9), Drained(9), Exited(9, 0), Spawned(9, 1), Broken(9, "x"), Unfit(9, "x")):
        script.at(1, event).gives_nothing()


EVENTS = st.one_of(
    st.just(Start()),
    st.builds(Stop, st.booleans()),
    st.builds(Restart, st.booleans()),
    st.just(Tick()),
    st.builds(Exited, st.integers(1, 9), st.sampled_from([None, 0, 1, 125, -9])),
    st.builds(BecameReady, st.integers(1, 9)),
    st.builds(Beaten, st.integers(1, 9)),
    st.builds(Drained, st.integers(1, 9)),
    st.builds(Unfit, st.integers(1, 9), st.just("needs_login")),
    st.builds(SpawnRefused, st.integers(1, 9), st.just("vault_locked")),
    st.builds(Broken, st.integers(1, 9), st.just("x")),
    st.builds(Weighed, st.integers(1, 9), st.integers(0, 300), st.just(100)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 40), EVENTS), max_size=60), st.floats(0, 0.999))
def test_any_history_keeps_to_the_table_of_moves(history: list[tuple[float, supervision.Event]], chance: float) -> None:
    machine, now = supervised(chance), 0.0
    spawned: set[int] = set()
    for wait, event in history:
        now += wait
        before = machine.state
        for command in machine.step(event, now):
            if isinstance(command, Spawn):
                assert command.number not in spawned
                spawned.add(command.number)
            if isinstance(command, Announce):
                assert command.after == command.before or command.after in MOVES[command.before]
        assert machine.state == before or machine.state in MOVES[before]
        assert machine.current is None or machine.current in machine.workers
        assert machine.successor is None or machine.successor in machine.workers
        assert (machine.state == "ready") == (machine.current is not None)
        assert machine.state != "starting" or machine.successor is not None
        assert machine.next_wake(now) >= now or machine.start_at is not None


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 12), st.floats(0, 0.999)), min_size=5, max_size=60))
def test_a_crashing_worker_never_starts_more_than_six_times_in_a_minute(lives: list[tuple[float, float]]) -> None:
    chances = iter([chance for _, chance in lives] * 3)
    machine, now, starts = Supervision(lambda: next(chances, 0.0)), 0.0, [0.0]
    machine.step(Start(), now)
    for lived_s, _ in lives:
        if machine.successor is not None:
            machine.step(BecameReady(machine.successor), now)
            machine.step(Beaten(machine.current or 0), now)
        now += lived_s
        commands = machine.step(Exited(machine.current or 0, -9), now)
        while not any(isinstance(command, Spawn) for command in commands):
            now = max(now, machine.next_wake(now))
            commands = machine.step(Tick(), now)
        starts.append(now)
    for index in range(len(starts) - RESTARTS_MAX - 1):
        window = [start for start in starts if starts[index] <= start < starts[index] + 60.0]
        assert len(window) <= RESTARTS_MAX + 1


def test_a_provider_at_rest_has_no_process_until_it_is_asked_for() -> None:
    machine = supervised()
    script = Script(machine)
    script.at(0, Rest()).gives(Announce("stopped", "idle", "started when it is asked for"))
    script.at(500, Start()).gives(Announce("idle", "starting", ""), Spawn(1))
    script.at(500, Spawned(1, 101)).gives_nothing()
    script.at(501, BecameReady(1)).gives(Promote(1), UP)
    script.at(900, Rest()).gives(Announce("ready", "idle", "started when it is asked for"), AskToDrain(1))
    script.at(900, Drained(1)).gives(SendBye(1))
    script.at(900, Exited(1, 0)).gives_nothing()
    assert (machine.state, machine.current, machine.workers) == ("idle", None, {})


def test_a_provider_that_starts_or_fails_does_not_rest() -> None:
    machine = supervised()
    script = Script(machine)
    script.at(0, Start()).gives(START, Spawn(1))
    script.at(1, Rest()).gives_nothing()
    script.at(1, SpawnRefused(1, "vault_locked")).gives(Announce("starting", "failed", "vault_locked"))
    script.at(2, Rest()).gives_nothing()


def test_a_provider_that_is_replaced_does_not_rest_meanwhile() -> None:
    _, script = ready()
    script.at(20, Restart()).gives(Spawn(2))
    script.at(20, Rest()).gives_nothing()
