"""Tool calls out of deltas, however a server numbers them.

OpenAI gives id and name in the first delta of an index and counts the index up. Others repeat the id, send it empty
or not at all, leave out the index, use index 0 for all calls, send the name late, or a whole call in one delta. The
order of trust (after the recorded streams): an id that is known is that call; an index that is known is that call,
unless a new id or a new name after complete arguments says otherwise; with neither, the latest call goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from kruxos.dialects.text import Balance, Joiner, as_text, scrub
from kruxos.dialects.tool_names import made_up_id
from kruxos.events import Event, ToolCallBegin, ToolCallDelta, ToolCallEnd
from kruxos.messages import compact_json


@dataclass(slots=True, eq=False)
class Call:
    """One call. ``pieces`` wait for its name; ``unread`` are arguments whose balance was not asked for yet."""

    id: str = ""
    name: str = ""
    index: int | None = None
    joiner: Joiner = field(default_factory=Joiner)
    pieces: list[str] = field(default_factory=list[str])
    unread: list[str] = field(default_factory=list[str])
    balance: Balance = field(default_factory=Balance)

    @property
    def is_complete(self) -> bool:
        """Whether the arguments are a whole JSON object, so that no more can belong to them."""
        self.balance.feed("".join(self.unread))
        self.unread.clear()
        return self.balance.is_whole


class Calls:
    """The calls of one answer. ``new_part`` gives the next part's index, ``hold`` counts what is kept."""

    __slots__ = ("_by_id", "_by_index", "_calls", "_hold", "_names", "_new_part", "seed")

    def __init__(self, names: dict[str, str], new_part: Callable[[], int], hold: Callable[[int], None]) -> None:
        self._names = names
        self._new_part = new_part
        self._hold = hold
        self._calls: list[Call] = []
        self._by_id: dict[str, Call] = {}
        self._by_index: dict[int, Call] = {}
        self.seed = ""

    def __len__(self) -> int:
        return len(self._calls)

    def feed(self, delta: dict[str, Any], out: list[Event]) -> None:
        """Takes one delta in: its events are added to ``out``."""
        function = delta.get("function")
        fields = cast("dict[str, Any]", function) if isinstance(function, dict) else delta
        call_id, name = as_text(delta.get("id")), as_text(fields.get("name"))
        index, arguments = delta.get("index"), fields.get("arguments")
        if not (call_id or name or arguments):
            return
        call = self._find(call_id, index if isinstance(index, int) else None, name)
        self._adopt(call, call_id, name)
        if isinstance(arguments, (dict, list)):
            arguments = compact_json(scrub(arguments))
        piece = call.joiner.feed(arguments) if isinstance(arguments, str) else ""
        if piece:
            self._hold(len(piece))
            call.unread.append(piece)
        if call.index is None:
            call.pieces.append(piece)
            if call.name:
                self._begin(call, out)
        elif piece:
            out.append(ToolCallDelta(call.index, piece))

    def finish(self, out: list[Event]) -> None:
        """The calls are complete."""
        for call in self._calls:
            if call.index is None:
                self._begin(call, out)
            if rest := call.joiner.finish():
                out.append(ToolCallDelta(cast("int", call.index), rest))
        out.extend(ToolCallEnd(index) for index in sorted(cast("int", call.index) for call in self._calls))

    def _find(self, call_id: str, index: int | None, name: str) -> Call:
        if call_id and call_id in self._by_id:
            return self._by_id[call_id]
        latest = self._calls[-1] if self._calls else None
        known = latest if index is None else self._by_index.get(index)
        if known is None or (call_id and known.id) or (name and known.name and known.is_complete):
            known = Call()
            self._calls.append(known)
        if index is not None:
            self._by_index[index] = known
        return known

    def _adopt(self, call: Call, call_id: str, name: str) -> None:
        if call_id and not call.id:
            call.id = call_id
            self._by_id[call_id] = call
        if not call.name:
            call.name = self._names.get(name, name)

    def _begin(self, call: Call, out: list[Event]) -> None:
        call.index = self._new_part()
        out.append(ToolCallBegin(call.index, call.id or made_up_id(self.seed, call.index, call.name), call.name))
        if arguments := "".join(call.pieces):
            out.append(ToolCallDelta(call.index, arguments))
        call.pieces.clear()
