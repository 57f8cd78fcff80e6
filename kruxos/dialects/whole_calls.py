"""Tool calls for protocols that write each in one piece: they are collected until they end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from kruxos.events import Event, State, ToolCallBegin, ToolCallDelta, ToolCallEnd
from kruxos.messages import parse_arguments


@dataclass(slots=True)
class WholeCall:
    """One call. ``states`` are those that came while it was open."""

    id: str
    name: str
    pieces: list[str] = field(default_factory=list[str])
    states: list[State] = field(default_factory=list[State])

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments as an object; what is none stands inside one."""
        value = parse_arguments("".join(self.pieces))
        return cast("dict[str, Any]", value) if isinstance(value, dict) else {"arguments": value}


class WholeCalls:
    """The calls of one answer that have begun."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[int, WholeCall] = {}

    def feed(self, event: Event) -> WholeCall | None:
        """Takes an event of a call in; gives the call when it is whole."""
        match event:
            case ToolCallBegin():
                self._open[event.index] = WholeCall(event.id, event.name)
            case ToolCallDelta() if event.index in self._open:
                self._open[event.index].pieces.append(event.arguments)
            case ToolCallEnd():
                return self._open.pop(event.index, None)
            case _:
                pass
        return None

    def adopt(self, state: State) -> bool:
        """Whether the state belongs to an open call, which then holds it."""
        call = self._open.get(state.index)
        if call is not None:
            call.states.append(state)
        return call is not None

    def finish(self) -> list[WholeCall]:
        """The calls that nobody ended."""
        calls = [self._open[index] for index in sorted(self._open)]
        self._open.clear()
        return calls
