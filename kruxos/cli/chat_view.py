"""What ``kruxos chat`` prints: the answer on one stream, everything about it on the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from kruxos.attempts import Attempt
from kruxos.cli.moments import money
from kruxos.cli.terminal import Terminal, clean, one_line, plain, styled
from kruxos.events import Event, Notice, Reply, Restart, TextDelta, ThinkingDelta, ToolCallBegin

_DIM, _NORMAL = "\x1b[2m", "\x1b[0m"


class Printer:
    """Prints events as they come. Thinking is shown to people only, and dimmed; for a pipe the answer is exact."""

    def __init__(self, answer: TextIO, told: TextIO, answer_terminal: Terminal, told_terminal: Terminal) -> None:
        self._answer, self._told = answer, told
        self._answer_terminal, self._told_terminal = answer_terminal, told_terminal
        self._open: TextIO | None = None
        """The stream whose line is not ended yet."""
        self._thinking = False
        self._seen: list[Notice] = []

    def event(self, event: Event) -> None:
        """One event."""
        match event:
            case TextDelta():
                self._stop_thinking()
                self._write(event.text)
            case ThinkingDelta():
                self._think(event.text)
            case ToolCallBegin():
                self._line(f"(the model asks for the tool {one_line(event.name)}, which nobody runs here)")
            case Notice():
                self.notice(event)
            case Restart():
                self._line(f"starts again at {event.provider}: {event.reason.replace('_', ' ')}")
            case _:
                pass

    def notice(self, notice: Notice) -> None:
        """Something worth knowing, once."""
        if notice not in self._seen:
            self._seen.append(notice)
            self._line(f"note: {one_line(notice.message or notice.code)}")

    def attempts(self, attempts: Sequence[Attempt]) -> None:
        """Who did not answer, and why."""
        for each in attempts:
            if each.outcome != "answered":
                self._line(f"note: {each.provider} did not answer: {one_line(each.message or each.outcome)}")

    def last_line(self, text: str) -> None:
        """The line about the whole answer."""
        self.close()
        self._told.write(styled(plain(clean(text), self._told_terminal), "dim", self._told_terminal) + "\n")
        self._told.flush()

    def close(self) -> None:
        """Ends the line that is open."""
        self._stop_thinking()
        if self._open is not None:
            self._open.write("\n")
            self._open.flush()
            self._open = None

    def _write(self, text: str) -> None:
        if self._open is self._told:
            self.close()
        self._answer.write(clean(text) if self._answer_terminal.width is not None else text)
        self._answer.flush()
        self._open = self._answer

    def _think(self, text: str) -> None:
        if self._told_terminal.width is None:
            return
        if self._open is self._answer:
            self.close()
        if not self._thinking and self._told_terminal.colour:
            self._told.write(_DIM)
        self._thinking = True
        self._told.write(clean(text))
        self._told.flush()
        self._open = self._told

    def _stop_thinking(self) -> None:
        if not self._thinking:
            return
        self._thinking = False
        self._told.write(f"{_NORMAL}\n" if self._told_terminal.colour else "\n")
        self._told.flush()
        self._open = None

    def _line(self, text: str) -> None:
        self.close()
        self._told.write(styled(plain(text, self._told_terminal), "warn", self._told_terminal) + "\n")
        self._told.flush()


def summary(reply: Reply) -> str:
    """Model, provider, tokens, cost and the gateway's own time."""
    pieces = [f"{reply.model} at {reply.provider}"]
    if reply.usage is not None:
        pieces.append(f"{reply.usage.input_tokens:,} tokens in, {reply.usage.output_tokens or 0:,} out")
    if reply.cost and reply.cost.get("total") is not None:
        pieces.append(money({reply.cost.get("currency", "USD"): reply.cost["total"]}))
    else:
        pieces.append("cost not known")
    if reply.overhead_us is not None:
        pieces.append(f"{reply.overhead_us:,} µs overhead")
    if reply.finish_reason not in ("stop", None):
        pieces.append(f"ended by {reply.finish_reason}")
    return " · ".join(pieces)
