"""What `kruxos chat` prints, event by event."""

from __future__ import annotations

from io import StringIO

from kruxos.attempts import Attempt
from kruxos.cli.chat_view import Printer, summary
from kruxos.cli.terminal import Terminal
from kruxos.events import Event, Notice, Reply, Restart, Start, TextDelta, ThinkingDelta, ToolCallBegin, Usage

PIPE = Terminal()
SCREEN = Terminal(width=80, colour=True)
PLAIN_SCREEN = Terminal(width=80)


def printed(*events: Event, answer: Terminal = PIPE, told: Terminal = PIPE) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    printer = Printer(out, err, answer, told)
    for event in events:
        printer.event(event)
    printer.close()
    return out.getvalue(), err.getvalue()


def test_the_answer_alone_is_on_standard_output_and_ends_with_a_line_end() -> None:
    assert printed(Start("p", "m"), TextDelta(0, "Hel"), TextDelta(0, "lo")) == ("Hello\n", "")


def test_thinking_is_shown_to_people_and_dimmed() -> None:
    events = (ThinkingDelta(0, "Let me"), ThinkingDelta(0, " think"), TextDelta(1, "42"))
    assert printed(*events, told=SCREEN) == ("42\n", "\x1b[2mLet me think\x1b[0m\n")
    assert printed(*events, told=PLAIN_SCREEN) == ("42\n", "Let me think\n")
    assert printed(*events) == ("42\n", "")


def test_a_notice_is_told_once_and_on_a_line_of_its_own() -> None:
    notice = Notice("fallback", "local answers instead of deepseek")
    out, err = printed(TextDelta(0, "a"), notice, notice, TextDelta(0, "b"))
    assert (out, err) == ("a\nb\n", "note: local answers instead of deepseek\n")


def test_a_restart_and_a_tool_that_nobody_runs_are_told() -> None:
    out, err = printed(TextDelta(0, "half"), Restart("other", "interrupted"), ToolCallBegin(1, "id", "search"))
    assert out == "half\n"
    assert err == "starts again at other: interrupted\n(the model asks for the tool search, which nobody runs here)\n"


def test_on_a_screen_the_model_gives_no_orders_and_in_a_pipe_its_words_are_exact() -> None:
    event = TextDelta(0, "a\x1b[2Jb\n\tc")
    assert printed(event, answer=PLAIN_SCREEN)[0] == "a\ufffd[2Jb\n\tc\n"
    assert printed(event)[0] == "a\x1b[2Jb\n\tc\n"


def test_who_did_not_answer_is_told() -> None:
    err = StringIO()
    printer = Printer(StringIO(), err, PIPE, PIPE)
    printer.attempts([Attempt("a", None, "rate_limited", "too many requests"), Attempt("b", "m", "answered")])
    assert err.getvalue() == "note: a did not answer: too many requests\n"


def test_the_last_line_has_model_tokens_cost_and_overhead() -> None:
    reply = Reply(
        provider="claude-api",
        model="claude-sonnet-4-6",
        usage=Usage(uncached_input_tokens=1000, cache_read_tokens=200, output_tokens=34),
        cost={"currency": "USD", "total": "0.0042"},
        overhead_us=312,
        finish_reason="length",
    )
    assert summary(reply) == (
        "claude-sonnet-4-6 at claude-api · 1,200 tokens in, 34 out · $0.004200 · 312 µs overhead · ended by length"
    )


def test_an_unknown_price_is_told_and_not_taken_for_nothing() -> None:
    assert "cost not known" in summary(Reply(provider="p", model="m", finish_reason="stop"))
