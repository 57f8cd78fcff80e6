"""What a request can ask of the simulator, in a few words that fit into a prompt.

    [[simulate 429 retry_after=2]]              in the last message, or in the system prompt
    x-simulate: cut after=10 how=fin            as a header
    claude-sonnet-4-6#overloaded                behind the model's name

The first word names a fault (see ``faults``); ``name=value`` are its options. Beside a fault, or without one, a
directive may wish for an answer: ``tool`` or ``tool=NAME`` (the tool to call), ``calls=N`` (that many at once),
``tokens=N`` (length), ``thinking=N`` (length), ``text="..."`` (these words), ``refuse`` (the model declines),
``redacted`` (its thinking can't be read).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from kruxos.errors import BadRequestError

from .faults import Fault, fault_of

CALLS_MAX = 64
TOKENS_MAX = 1_000_000
_MARKER = re.compile(r"\[\[simulate\b([^\[\]]{0,400})\]\]")
_SIGN = "[[simulate"
_BARE_WISHES = ("tool", "refuse", "redacted")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an answer shall be. ``tool`` is a tool's name; empty: any tool that the request has."""

    tool: str | None = None
    calls: int | None = None
    tokens: int | None = None
    thinking: int | None = None
    text: str | None = None
    refuse: bool = False
    redacted: bool = False

    def __or__(self, other: Wishes) -> Wishes:
        given = {each.name: getattr(other, each.name) for each in fields(other)}
        given = {name: value for name, value in given.items() if value is not None and value is not False}
        return replace(self, **given)


@dataclass(frozen=True, slots=True)
class Directive:
    """A fault, wishes, or both. ``text`` is how it was written."""

    text: str = ""
    fault: Fault | None = None
    wishes: Wishes = Wishes()

    def __or__(self, other: Directive) -> Directive:
        """Both together; where both name a fault, the first one counts."""
        fault, text = (self.fault, self.text) if self.fault else (other.fault, other.text)
        return Directive(text, fault, self.wishes | other.wishes)


NOTHING = Directive()


def parse(text: str) -> Directive:
    """A directive from its words. Raises ``BadRequestError`` that names the word and those that are known."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BadRequestError(f"simulate: {error} in {text!r}") from None
    words = [part for word in words for part in ([word] if " " in word else word.split(",")) if part]
    bare = [word for word in words if "=" not in word]
    options = dict(word.split("=", 1) for word in words if "=" in word)
    wishes = _wishes(bare, options)
    names = [word for word in bare if word not in _BARE_WISHES]
    if len(names) > 1:
        raise BadRequestError(f"simulate: {names[1]!r} is a second fault; one at a time")
    if options and not names:
        raise BadRequestError(f"simulate: {next(iter(options))!r} is an option of a fault, but no fault is named")
    fault = fault_of(names[0], options, text.strip()) if names else None
    return Directive(text.strip(), fault, wishes)


def _wishes(bare: list[str], options: dict[str, str]) -> Wishes:
    """Takes its words out of ``options``."""
    return Wishes(
        tool=options.pop("tool", "" if "tool" in bare else None),
        calls=_number(options, "calls", CALLS_MAX),
        tokens=_number(options, "tokens", TOKENS_MAX),
        thinking=_number(options, "thinking", TOKENS_MAX),
        text=options.pop("text", None),
        refuse="refuse" in bare,
        redacted="redacted" in bare,
    )


def _number(options: dict[str, str], name: str, high: int) -> int | None:
    text = options.pop(name, None)
    if text is None:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= high:
        raise BadRequestError(f"simulate: {name}={text!r} must be a whole number from 1 to {high}")
    return int(text)


def markers(texts: Iterable[str]) -> Directive:
    """All directives that stand as markers in these texts, together. Raises ``BadRequestError``."""
    found = NOTHING
    for text in texts:
        if _SIGN in text:
            for match in _MARKER.finditer(text):
                found |= parse(match[1])
    return found


def without_markers(text: str) -> str:
    """A text without its markers, for answers that speak of it."""
    return _MARKER.sub("", text) if _SIGN in text else text


def from_model(model: str) -> tuple[str, Directive]:
    """The model's own name, and the directive behind it. Raises ``BadRequestError``."""
    name, _, text = model.partition("#")
    return name, parse(text) if text else NOTHING
