"""When a conversation is compacted, and how: the call's word, else its agent's, else the provider's setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kruxos.errors import BadRequestError
from kruxos.fields import Fields
from kruxos_workers.compaction.templates import GENERAL, TEMPLATES

AT = 0.8
"""The share of a model's window from which on a conversation is compacted."""
AT_MIN, AT_MAX = 0.1, 1.0
AT_TOKENS_MIN = 1000
KNOWN = ("enabled", "at", "at_tokens", "template", "native", "clear_tool_results")


@dataclass(frozen=True, slots=True)
class Wish:
    """``at``: a share of the window; ``at_tokens`` goes before it. ``native``: by the provider itself, where it can.

    ``clear_tool_results``: have the provider clear old results of tools as well, from the same length on.
    """

    enabled: bool = True
    at: float = AT
    at_tokens: int | None = None
    template: str = GENERAL
    native: bool = True
    clear_tool_results: bool = False

    def threshold(self, window: int) -> int:
        """The length in tokens from which on a conversation is compacted, for a window in tokens."""
        return min(window, self.at_tokens or int(self.at * window))


def read_wish(said: Mapping[str, Any], wish: Wish, path: str = "compaction") -> Wish:
    """A wish with what is said about it. Raises ``BadRequestError`` naming the field."""
    if not said:
        return wish
    fields = Fields(said, path)
    given: dict[str, Any] = {
        "enabled": fields.maybe_boolean("enabled"),
        "at": fields.maybe_number("at", low=AT_MIN, high=AT_MAX),
        "at_tokens": fields.maybe_integer("at_tokens", low=AT_TOKENS_MIN),
        "template": fields.maybe_choice("template", tuple(TEMPLATES)),
        "native": fields.maybe_boolean("native"),
        "clear_tool_results": fields.maybe_boolean("clear_tool_results"),
    }
    unknown = fields.unknown()
    if unknown:
        raise BadRequestError(f"{unknown[0]} is not known: {path} takes {', '.join(KNOWN)}", field=unknown[0])
    given = {name: value for name, value in given.items() if value is not None}
    if "at" in given and "at_tokens" not in given:
        given["at_tokens"] = None  # the newer word goes before an older one
    return replace(wish, **given)
