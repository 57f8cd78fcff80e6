"""What the encoders of requests have in common: telling what could not be said, and ranges.

A ``Draft`` is a request on its way to a provider: the agent's words, the target, the model's row where the catalogue
has one, the names of the tools as they are sent, and what has to be told.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, field, replace
from typing import Any, cast

from kruxos import catalog
from kruxos.errors import BadRequestError, UnsupportedError
from kruxos.events import Notice
from kruxos.messages import Native, ProviderState, Request, Tool

from .base import Target
from .call_ids import Spelling, with_own_ids
from .text import body_bytes, parse_json
from .tool_names import ToolNames, short_id

SAMPLING = ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty")
REFUSED_WHILE_THINKING = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
"""What OpenAI's models take only when they do not think."""
OUTPUT_TOKENS_DEFAULT = 32_000
"""Asked for where a protocol wants a number and the agent gave none."""
_ERROR = "Error: "
_FORMAT_NAME = re.compile(r"[^A-Za-z0-9_-]")
_FORMAT_NAME_CHARS_MAX = 64


@dataclass(slots=True)
class Draft:
    """One request being encoded."""

    request: Request
    target: Target
    row: catalog.Model | None
    names: ToolNames
    notices: list[Notice] = field(default_factory=list[Notice])
    dropped_states: dict[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def of(cls, request: Request, target: Target, spell_id: Spelling = short_id) -> Draft:
        """A draft with what the catalogue knows of the model; ``spell_id`` is how the provider takes ids of calls."""
        row = row_of(target, target.model)
        request = replace(request, messages=with_own_ids(request.messages, spell_id))
        names = ToolNames.of(request, letter_first=target.profile.names_begin_with_letter)
        draft = cls(request, target, row, names)
        if draft.names.changed:
            changed = {name: sent for sent, name in draft.names.changed.items()}
            draft.tell("tool_renamed", "tool names were spelled as the provider takes them", names=changed)
        return draft

    @property
    def ceiling(self) -> int | None:
        """The most output tokens that the model gives, where that is known."""
        return self.target.max_output_tokens or (self.row.max_output if self.row else None)

    def tell(self, code: str, message: str, **data: Any) -> None:
        """Adds a notice; the same one only once."""
        notice = Notice(code, message, data)
        if notice not in self.notices:
            self.notices.append(notice)

    def drop(self, parameter: str, why: str) -> None:
        """Tells that a wish is not sent."""
        self.tell("parameter_dropped", f"{parameter} was not sent: {why}", parameter=parameter)

    def unsupported(self, path: str, what: str) -> UnsupportedError:
        """The error for what the provider's protocol has no word for."""
        return UnsupportedError(f"{path}: {self.target.profile.name} takes no {what}", field=path)

    def sampling(self, known: Container[str] = SAMPLING) -> dict[str, Any]:
        """The sampling wishes that the protocol knows and the profile takes, within its ranges; others are told."""
        profile = self.target.profile
        wishes: dict[str, Any] = {}
        for name in SAMPLING:
            value = getattr(self.request, name)
            if value is None:
                continue
            if name not in profile.sampling or name not in known:
                self.drop(name, f"{profile.name} has no such parameter")
            else:
                wishes[name] = self._in_range(name, value)
        return wishes

    def drop_while_thinking(self, wishes: dict[str, Any]) -> None:
        """Takes out what models that think refuse."""
        for name in [name for name in REFUSED_WHILE_THINKING if name in wishes]:
            del wishes[name]
            self.drop(name, "the model thinks, and takes it only when it does not")

    def stops(self, *, blank: bool = True) -> list[str]:
        """The stop sequences, no more than the provider takes. ``blank``: whether one may be white space only."""
        most, wanted = self.target.profile.stops_max, self.request.stop
        stops = [stop for stop in wanted if (stop if blank else stop.strip())]
        if len(stops) < len(wanted):
            self.drop("stop", "a stop sequence needs something to see in it; the others were sent")
        if 0 < most < len(stops):
            message = f"{self.target.profile.name} takes {most} stop sequences: the others were not sent"
            self.tell("parameter_clamped", message, parameter="stop", used=most)
        return stops[: most or None]

    def output_format(self) -> dict[str, Any] | None:
        """The wish for JSON in OpenAI's words, flat: ``type``, and of a schema ``name``, ``schema``, ``strict``."""
        wish = self.request.output_format
        if wish is None:
            return None
        if wish.schema is not None and not self.target.profile.json_schema:
            self.tell("output_format_reduced", "the provider takes no schema: any JSON object was asked for")
        if wish.schema is None or not self.target.profile.json_schema:
            return {"type": "json_object"}
        name = _FORMAT_NAME.sub("_", wish.name)[:_FORMAT_NAME_CHARS_MAX] or "output"
        wire: dict[str, Any] = {"type": "json_schema", "name": name, "schema": wish.schema}
        return wire if wish.strict is None else wire | {"strict": wish.strict}

    def _in_range(self, name: str, value: float) -> float:
        profile = self.target.profile
        ranges = {
            "temperature": (profile.temperature_min, profile.temperature_max),
            "top_p": (profile.top_p_min, profile.top_p_max),
        }
        low, high = ranges.get(name, (value, value))
        clamped = min(max(value, low), high)
        if clamped != value:
            why = f"{profile.name} takes {low:g} to {high:g}"
            self.tell("parameter_clamped", f"{name} {value:g} became {clamped:g}: {why}", parameter=name, used=clamped)
        return clamped

    def max_tokens(self) -> int | None:
        """The wish for output tokens, not above the model's ceiling."""
        wanted, ceiling = self.request.max_output_tokens, self.ceiling
        if wanted is None or ceiling is None or wanted <= ceiling:
            return wanted
        why = f"the model gives at most {ceiling}"
        message = f"max_output_tokens {wanted} became {ceiling}: {why}"
        self.tell("parameter_clamped", message, parameter="max_output_tokens", used=ceiling)
        return ceiling

    def is_own(self, state: ProviderState | None) -> bool:
        """Whether the target made this state. What another one made is counted, to be told."""
        if state is not None and state.origin == self.target.origin and not self._of_other_model(state):
            return True
        origin = state.origin if state is not None else "unknown"
        self.dropped_states[origin] = self.dropped_states.get(origin, 0) + 1
        return False

    def _of_other_model(self, state: ProviderState) -> bool:
        made_by = row_of(self.target, state.model)
        return made_by is not None and self.row is not None and made_by.id != self.row.id

    def tell_dropped_states(self) -> None:
        """One notice for all thinking and state of others that is not sent."""
        if self.dropped_states:
            count = sum(self.dropped_states.values())
            origins = dict(sorted(self.dropped_states.items()))
            message = f"{count} parts hold thinking or state that another provider or model made; they were not sent"
            self.tell("state_dropped", message, origins=origins)


def row_of(target: Target, model: str) -> catalog.Model | None:
    """What the catalogue knows of a model at the target."""
    if target.shelf is not None:
        return target.shelf.lookup(model)
    return catalog.lookup(target.profile.catalogue or target.profile.name, model)


def schema_of(tool: Tool) -> dict[str, Any]:
    """A tool's parameters as providers want them: always an object with properties."""
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    return schema | tool.parameters | {"type": "object"}


def told_as_error(text: str) -> str:
    """The text of a tool's error, for protocols that have no mark for one."""
    return text if text.lower().startswith("error") else f"{_ERROR}{text}"


def request_headers(target: Target) -> dict[str, str]:
    """The headers of a request, its profile's among them."""
    return {
        "content-type": "application/json",
        "accept": "text/event-stream" if target.stream else "application/json",
        **dict(target.profile.headers),
    }


def native_fields(native: Native) -> dict[str, Any]:
    """The fields of a request that came in the protocol itself. Raises ``BadRequestError``."""
    try:
        value = parse_json(native.body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BadRequestError("native.body is not a JSON object", field="native.body")
    return cast("dict[str, Any]", value)


def native_bytes(native: Native, fields: dict[str, Any], changed: dict[str, Any]) -> bytes:
    """The body with its fields changed; byte for byte as it came where nothing is."""
    return native.body if changed == fields else body_bytes(changed)
