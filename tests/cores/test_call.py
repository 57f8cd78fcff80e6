"""One call: every way it can go, one script each."""

from __future__ import annotations

from unittest.mock import ANY

from hypothesis import given, settings
from hypothesis import strategies as st

from kruxos import events, wire
from kruxos.cores.call import CALL_WITHIN_S, STOP_WITHIN_S, Call
from kruxos.cores.call_vocabulary import (
    Answered,
    Begin,
    Book,
    CancelAttempt,
    Close,
    Command,
    Deliver,
    Dispatch,
    Event,
    Failed,
    Lost,
    Progress,
    Row,
    Sent,
    Stepped,
    Stop,
    Terms,
    Tick,
)
from kruxos.cores.routing import Outlook, Plan, Skip
from kruxos.errors import (
    CancelledError,
    ContextOverflowError,
    InvalidCredentialsError,
    RateLimitedError,
    SlowConsumerError,
    StreamInterruptedError,
)
from tests.cores.call_script import FIRST, SECOND, UNIX, Health, begun, call, closing_error, failed
from tests.cores.playbook import Script


def test_an_answer_reaches_the_agent_with_its_attempts_and_overhead() -> None:
    machine = call()
    script = begun(machine)
    script.at(0.1, Sent()).gives_nothing()
    script.at(0.5, Progress(b"ab", committed=True)).gives(Deliver(b"ab"))
    end = wire.End(model="m-1", finish_reason="stop", usage={"output_tokens": 3}, upstream_us=900_000)
    commands = machine.step(Answered(end), 1.0)
    close, book = commands
    assert isinstance(close, Close)
    assert isinstance(close.frame, wire.End)
    assert (close.frame.provider, close.frame.model, close.frame.call_id) == ("first", "m-1", "call_1")
    assert close.frame.overhead_us == 100_000
    assert [attempt["outcome"] for attempt in close.frame.attempts] == ["answered"]
    assert isinstance(book, Book)
    assert (book.row.outcome, book.row.usage, book.row.last) == ("answered", {"output_tokens": 3}, True)
    assert machine.state == "over"


STEP = wire.Step(op="summarise", model="m-1", usage={"output_tokens": 9}, upstream_us=400_000)


def test_a_step_before_the_answer_is_booked_at_once_and_the_answer_is_not_sent_yet() -> None:
    machine = call()
    script = begun(machine)
    script.at(0.1, Sent()).gives_nothing()
    [book] = machine.step(Stepped(STEP), 0.5)
    assert isinstance(book, Book)
    assert (book.row.op, book.row.outcome, book.row.usage, book.row.last) == (
        "summarise", "answered", {"output_tokens": 9}, False)  # fmt: skip
    assert not machine.was_sent
    close, last = machine.step(Answered(wire.End(model="m-1", upstream_us=500_000)), 1.0)
    assert isinstance(close, Close)
    assert isinstance(close.frame, wire.End)
    assert close.frame.overhead_us == 100_000
    assert isinstance(last, Book)
    assert (last.row.op, last.row.last) == ("", True)


def test_a_worker_that_dies_between_a_step_and_the_answer_has_sent_no_answer() -> None:
    machine = call()
    script = begun(machine)
    script.at(0.1, Sent()).gives_nothing()
    machine.step(Stepped(STEP), 0.5)
    script.at(0.6, Lost("killed")).gives(Dispatch(SECOND, 599.4, 0.0))
    assert [attempt.billed_maybe for attempt in machine.attempts] == [False]


def test_a_step_that_ends_while_the_call_is_given_up_is_booked_too() -> None:
    machine = call()
    script = begun(machine)
    script.at(0.1, Sent()).gives_nothing()
    machine.step(Stop(CancelledError("enough")), 0.2)
    commands = machine.step(Stepped(STEP), 0.3)
    assert [command.row.op for command in commands if isinstance(command, Book)] == ["summarise"]
    assert machine.state == "settling"


def test_a_refused_attempt_moves_on_and_the_agent_sees_only_the_answer() -> None:
    machine = call()
    script = begun(machine)
    script.at(1, failed(RateLimitedError("slow down", retry_at=UNIX + 30))).gives(Dispatch(SECOND, 599.0, 0.0))
    close = machine.step(Answered(wire.End(model="m-2")), 2)[0]
    assert isinstance(close, Close)
    assert isinstance(close.frame, wire.End)
    assert [(a["provider"], a["outcome"]) for a in close.frame.attempts] == [
        ("first", "rate_limited"), ("second", "answered")]  # fmt: skip
    assert close.frame.notices == [{"code": "fallback", "message": "moved"}]
    assert close.frame.attempts[0]["retry_at"] == UNIX + 30


def test_a_stream_cut_before_content_moves_on_and_is_labelled_as_maybe_billed() -> None:
    machine = call()
    script = begun(machine)
    script.at(0, Sent()).gives_nothing()
    commands = machine.step(failed(StreamInterruptedError("cut"), "ambiguous"), 1)
    book, dispatch = commands
    assert isinstance(book, Book)
    assert (book.row.billed_maybe, book.row.last) == (True, False)
    assert dispatch == Dispatch(SECOND, 599.0, 0.0)
    assert machine.attempts[0].billed_maybe


def test_a_call_that_is_at_most_once_does_not_move_on_after_an_ambiguous_failure() -> None:
    machine = call(at_most_once=True)
    begun(machine)
    machine.step(Sent(), 0)
    error = closing_error(machine.step(Lost("killed by SIGKILL"), 1))
    assert (error.code, error.billed_maybe) == ("outcome_unknown", True)


def test_a_call_that_is_at_most_once_moves_on_when_nothing_was_sent() -> None:
    machine = call(at_most_once=True)
    script = begun(machine)
    script.at(1, Lost("killed by SIGKILL")).gives(Dispatch(SECOND, 599.0, 0.0))


def test_the_callers_own_mistake_is_final() -> None:
    machine = call()
    begun(machine)
    error = closing_error(machine.step(failed(ContextOverflowError("too long"), "final"), 1))
    assert error.code == "context_overflow"
    assert [attempt.outcome for attempt in error.attempts] == ["context_overflow"]


def test_after_content_a_failure_is_told_and_nothing_is_spliced() -> None:
    machine = call()
    script = begun(machine)
    script.at(1, Progress(b"x", committed=True)).gives(Deliver(b"x"))
    commands = machine.step(failed(StreamInterruptedError("cut"), "ambiguous", usage={"output_tokens": 1}), 2)
    error = closing_error(commands)
    assert (error.code, error.billed_maybe) == ("interrupted", True)
    book = commands[1]
    assert isinstance(book, Book)
    assert (book.row.usage, book.row.last) == ({"output_tokens": 1}, True)


def test_with_on_interrupt_restart_the_next_provider_starts_from_the_top() -> None:
    machine = call(restart=True)
    script = begun(machine)
    script.at(1, Progress(b"x", committed=True)).gives(Deliver(b"x"))
    restart = Deliver(events.encode_events([events.Restart("second", "worker_lost")]))
    script.at(2, Lost("killed")).gives(Book(ANY), restart, Dispatch(SECOND, 598.0, 0.0))


def test_without_another_provider_a_restart_is_only_the_error() -> None:
    machine = call(FIRST, restart=True)
    begun(machine)
    machine.step(Progress(b"x", committed=True), 1)
    assert closing_error(machine.step(Lost("killed"), 2)).code == "worker_lost"


def test_notices_before_content_pass_and_do_not_commit() -> None:
    machine = call()
    script = begun(machine)
    script.at(1, Progress(b"loading", committed=False)).gives(Deliver(b"loading"))
    script.at(2, failed(RateLimitedError("no"))).gives(Dispatch(SECOND, 598.0, 0.0))


def test_what_an_operator_must_mend_is_not_repeated() -> None:
    machine = call(FIRST)
    begun(machine)
    assert closing_error(machine.step(failed(InvalidCredentialsError("wrong key")), 1)).code == "invalid_credentials"


def test_no_candidate_is_no_provider_available() -> None:
    machine = Call(Terms("c", Plan(()), True, 600.0, 0.0), Health(), lambda: 0.5, 0.0)
    error = closing_error(machine.step(Begin(), 0))
    assert error.code == "no_provider"
    assert "no provider available" in error.message


def test_a_disabled_provider_is_named_in_the_refusal() -> None:
    machine = Call(
        Terms("c", Plan((), (Skip("x", None, "no_provider", "disabled"),)), True, 600.0, 0.0),
        Health(),
        lambda: 0.5,
        0.0,
    )
    error = closing_error(machine.step(Begin(), 0))
    assert error.message == "no provider available (x: skipped: disabled)"


def test_all_out_names_each_cause_and_the_earliest_time() -> None:
    health = Health(
        first=Outlook("cooling", "rate_limited", "asked to wait", UNIX + 50),
        second=Outlook("cooling", "quota_exhausted", "daily limit", UNIX + 40),
    )
    error = closing_error(call(health=health).step(Begin(), 0))
    assert (error.code, error.retry_at) == ("all_providers_unavailable", UNIX + 40)
    assert [(a.provider, a.outcome) for a in error.attempts] == [
        ("first", "rate_limited"),
        ("second", "quota_exhausted"),
    ]


def test_one_provider_that_is_out_gives_its_own_cause() -> None:
    health = Health(first=Outlook("failed", "vault_locked", "unlock the vault"))
    error = closing_error(call(FIRST, health=health).step(Begin(), 0))
    assert error.code == "vault_locked"


def test_a_cooling_provider_is_passed_over_at_once() -> None:
    machine = call(health=Health(first=Outlook("cooling", "rate_limited", "asked to wait", UNIX + 50)))
    Script(machine).at(0, Begin()).gives(Dispatch(SECOND, 600.0, 0.0))
    assert machine.attempts[0].outcome == "rate_limited"


def test_a_cancelled_call_is_answered_at_once_and_booked_when_the_worker_has_said_what_it_cost() -> None:
    machine = call()
    begun(machine)
    machine.step(Progress(b"x", committed=True), 1)
    commands = machine.step(Stop(CancelledError("gone")), 2)
    assert commands[0] == CancelAttempt("first")
    assert closing_error(commands).billed_maybe
    assert str(machine.state) == "settling"
    (book,) = machine.step(failed(CancelledError(""), "ambiguous", usage={"output_tokens": 7}), 2.1)
    assert isinstance(book, Book)
    assert (book.row.outcome, book.row.usage, book.row.last) == ("cancelled", {"output_tokens": 7}, True)
    assert machine.state == "over"


def test_a_cancelled_call_is_over_even_if_the_worker_never_answers() -> None:
    machine = call()
    begun(machine)
    machine.step(Sent(), 0.5)
    machine.step(Stop(SlowConsumerError("")), 2)
    script = Script(machine)
    script.at(6.9, Tick()).gives_nothing()
    script.at(7.0, Tick()).gives(Book(ANY))
    assert machine.state == "over"


def test_a_call_that_waits_is_cancelled_without_asking_a_worker() -> None:
    machine = call(FIRST)
    begun(machine)
    machine.step(failed(RateLimitedError("no")), 1)
    assert closing_error(machine.step(Stop(CancelledError("gone")), 1.1)).code == "cancelled"
    assert machine.state == "over"


def test_no_answer_comes_later_than_the_deadline() -> None:
    machine = call()
    begun(machine)
    machine.step(Sent(), 0.5)
    commands = machine.step(Tick(), CALL_WITHIN_S)
    assert commands[0] == CancelAttempt("first")
    error = closing_error(commands)
    assert error.code == "deadline_exceeded"
    assert [(each.provider, each.outcome, each.billed_maybe) for each in error.attempts] == [
        ("first", "deadline_exceeded", True)
    ]


def stopped() -> Call:
    """Given up while nobody here knows whether the attempt was sent."""
    machine = call()
    begun(machine)
    Script(machine).at(1, Stop(CancelledError("gone"))).gives(CancelAttempt("first"))
    assert machine.wake_at == 1 + STOP_WITHIN_S
    return machine


def test_a_call_given_up_before_it_was_sent_costs_nothing() -> None:
    machine = stopped()
    commands = machine.step(failed(CancelledError(""), "never_sent"), 1.001)
    assert not closing_error(commands).billed_maybe
    assert [command.row.billed_maybe for command in commands if isinstance(command, Book)] == [False]
    assert machine.state == "over"


def test_a_call_that_was_sent_while_it_was_given_up_is_labelled() -> None:
    machine = stopped()
    assert closing_error(machine.step(Sent(), 1.001)).billed_maybe
    (book,) = machine.step(failed(CancelledError(""), "ambiguous"), 1.1)
    assert isinstance(book, Book)
    assert book.row.billed_maybe


def test_where_the_worker_does_not_say_whether_it_was_sent_it_counts_as_sent() -> None:
    machine = stopped()
    script = Script(machine)
    script.at(1.01, Tick()).gives_nothing()
    assert closing_error(machine.step(Tick(), 1 + STOP_WITHIN_S)).billed_maybe
    (book,) = machine.step(Lost("killed"), 2)
    assert isinstance(book, Book)
    assert book.row.billed_maybe


def test_a_wait_that_would_pass_the_deadline_is_not_begun() -> None:
    machine = call(FIRST)
    begun(machine)
    assert closing_error(machine.step(failed(RateLimitedError("no")), CALL_WITHIN_S - 0.1)).code == "rate_limited"


def test_a_call_without_streaming_delivers_nothing_before_its_end() -> None:
    machine = call(stream=False)
    script = begun(machine)
    script.at(1, Progress(b"x", committed=True)).gives_nothing()


FAILURES = st.sampled_from(["never_sent", "refused", "ambiguous", "final"])
ERRORS = st.sampled_from([RateLimitedError("r"), StreamInterruptedError("i"), InvalidCredentialsError("k")])
STEPS = st.one_of(
    st.just(Sent()),
    st.builds(Progress, st.just(b"e"), st.booleans()),
    st.builds(lambda: Answered(wire.End())),
    st.builds(failed, ERRORS, FAILURES),
    st.just(Lost("killed")),
    st.builds(lambda: Stop(CancelledError("gone"))),
    st.just(Tick()),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 20), STEPS), max_size=40), st.booleans(), st.booleans(), st.booleans())
def test_any_history_ends_once_and_never_moves_on_after_what_may_be_paid_twice(
    history: list[tuple[float, Event]], at_most_once: bool, restart: bool, patient: bool
) -> None:
    machine = call(at_most_once=at_most_once, restart=restart, wait_s=300.0 if patient else 0.0)
    commands, now = machine.step(Begin(), 0.0), 0.0
    log: list[tuple[Event | None, list[Command]]] = [(None, commands)]
    for wait, event in [*history, (CALL_WITHIN_S, Tick()), (1.0, Tick()), (10.0, Tick())]:
        now += wait
        log.append((event, machine.step(event, now)))
    given_out = [command for _, commands in log for command in commands]
    assert machine.state == "over"
    assert sum(isinstance(command, Close) for command in given_out) == 1
    assert sum(isinstance(command, Book) and command.row.last for command in given_out) == 1
    dispatches = sum(isinstance(command, Dispatch) for command in given_out)
    assert dispatches <= 4
    closed = next(index for index, (_, commands) in enumerate(log) if any(isinstance(c, Close) for c in commands))
    assert not any(isinstance(c, (Deliver, Dispatch)) for _, commands in log[closed + 1 :] for c in commands)
    committed = False
    for said, commands in log:
        if isinstance(said, Progress) and said.committed and any(isinstance(c, Deliver) for c in commands):
            committed = True
        moved = any(isinstance(c, Dispatch) for c in commands) and said is not None
        assert not (moved and committed and not restart)
        if moved and at_most_once and isinstance(said, Failed):
            assert said.error.failure in ("never_sent", "refused")


def test_a_row_of_the_ledger_holds_no_text_of_the_call() -> None:
    assert {"body", "messages", "prompt", "text"} & set(Row.__slots__) == set()
