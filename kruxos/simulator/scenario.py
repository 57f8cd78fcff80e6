"""Answers that somebody wrote: the first that fits a request and is not used up is given.

A script is a list, in Python or as JSON: ``[{"text": "Hello", "when": "greet", "times": 1}, ...]``. Where none fits,
the simulator makes an answer up. A task with a tool is two answers, the later step first: ``{"after": "42", "text":
"It is 42"}, {"when": "compute", "tool_calls": [{"name": "run", "arguments": {...}}]}``.
"""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from kruxos.errors import BadRequestError
from kruxos.events import Event, FinishReason, Usage
from kruxos.fields import Fields
from kruxos.messages import Part, Text, Thinking, ToolCall

_REASONS = ("stop", "length", "tool_call", "content_filter")


@dataclass(frozen=True, slots=True)
class Scripted:
    """One answer: its ``parts``, or exactly these ``events``.

    ``when`` must stand in the text of the last message; ``after`` in what tools have answered to it, for the next step
    of a task. Calls of tools are made only where the request has these tools. ``times`` is how often the answer may be
    given. ``fault`` is a directive (see ``directives``). What is None is taken from the parts.
    """

    parts: tuple[Part, ...] = ()
    events: tuple[Event, ...] = ()
    when: str | None = None
    after: str | None = None
    times: int | None = None
    finish_reason: FinishReason | None = None
    raw_finish_reason: str | None = None
    stop_detail: Any = None
    usage: Usage | None = None
    fault: str = ""


class Script:
    """The answers of one simulator, and how often each was given."""

    def __init__(self, answers: Sequence[Scripted]) -> None:
        self._answers = answers
        self._given = [0] * len(answers)

    def reset(self) -> None:
        """All answers are unused again."""
        self._given = [0] * len(self._answers)

    def take(self, asked: str, results: str = "", tools: Container[str] | None = None) -> Scripted | None:
        """The answer for a request whose last message says this, whose tools have answered that to it.

        ``tools``: the names of its tools; None: any.
        """
        for index, answer in enumerate(self._answers):
            if _fits(answer, asked, results, tools) and (answer.times is None or self._given[index] < answer.times):
                self._given[index] += 1
                return answer
        return None


def _fits(answer: Scripted, asked: str, results: str, tools: Container[str] | None) -> bool:
    called = [part.name for part in answer.parts if isinstance(part, ToolCall)]
    return (
        (answer.when is None or answer.when in asked)
        and (answer.after is None or answer.after in results)
        and (tools is None or all(name in tools for name in called))
    )


def load_script(path: Path) -> tuple[Scripted, ...]:
    """A script from a JSON file. Raises ``BadRequestError`` naming the field, ``OSError`` for the file."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise BadRequestError(f"{path} is not JSON: {error}") from None
    return tuple(Fields({"script": value}).items("script", _scripted))


def _scripted(value: Any, path: str) -> Scripted:
    if isinstance(value, str):
        return Scripted((Text(value),))
    fields = Fields(value, path)
    thinking, text = fields.maybe_text("thinking"), fields.maybe_text("text")
    calls = fields.items("tool_calls", _call)
    shown: list[Part] = [Thinking(thinking)] if thinking else []
    answer = Scripted(
        parts=(*shown, *([Text(text)] if text else []), *calls),
        when=fields.maybe_text("when"),
        after=fields.maybe_text("after"),
        times=fields.maybe_integer("times", low=1),
        finish_reason=cast("FinishReason | None", fields.maybe_choice("finish_reason", _REASONS)),
        fault=fields.maybe_text("fault") or "",
    )
    if fields.unknown():
        raise BadRequestError(f"{fields.unknown()[0]} is no field of a scripted answer", field=fields.unknown()[0])
    return answer


def _call(value: Any, path: str) -> ToolCall:
    fields = Fields(value, path)
    return ToolCall(fields.maybe_text("id") or "", fields.text("name"), arguments=fields.object("arguments"))
