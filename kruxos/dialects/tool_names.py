"""Tool names and call ids that a provider takes, and the way back.

Providers allow letters, digits, ``_`` and ``-``, at most 64 of them; agents name tools ``server.tool`` or in Greek.
Names that are legal stay as they are. Every other one is spelled with ``_`` for what is not allowed; where that is too
long or taken, it is cut and ends in a piece of the name's hash. Nothing depends on chance or on the order of calls, so
a conversation is spelled alike in all of its requests, which prompt caches need.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

from kruxos.messages import Request, ToolCall

NAME_CHARS_MAX = 64
_KEPT_CHARS = 55
_LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BEGINS_WITH_LETTER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_NINE = re.compile(r"[A-Za-z0-9]{9}")
_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]")


class ToolNames:
    """The names of one request: as the agent has them, and as they are sent.

    ``letter_first``: the provider wants a letter or ``_`` at their beginning.
    """

    __slots__ = ("_sent",)

    def __init__(self, names: Iterable[str], *, letter_first: bool = False) -> None:
        wanted = list(dict.fromkeys(names))
        legal = _BEGINS_WITH_LETTER if letter_first else _LEGAL
        self._sent = {name: name for name in wanted if legal.fullmatch(name)}
        taken = set(self._sent)
        for name in wanted:
            if name not in self._sent:
                self._sent[name] = _spelled(name, taken)
                taken.add(self._sent[name])

    @classmethod
    def of(cls, request: Request, *, letter_first: bool = False) -> ToolNames:
        """The names of a request's tools and of the calls in its messages."""
        return cls(_names(request), letter_first=letter_first)

    def sent(self, name: str) -> str:
        """The name as the provider takes it."""
        return self._sent.get(name, name)

    @property
    def changed(self) -> dict[str, str]:
        """Names as sent to names as the agent has them, only where the two differ."""
        return {sent: name for name, sent in self._sent.items() if sent != name}


def _names(request: Request) -> Iterator[str]:
    for tool in request.tools:
        yield tool.name
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                yield part.name


def _spelled(name: str, taken: set[str]) -> str:
    plain = _ILLEGAL.sub("_", name) or "_"
    if not (plain[0].isalpha() or plain[0] == "_"):
        plain = f"_{plain}"
    if len(plain) <= NAME_CHARS_MAX and plain not in taken:
        return plain
    return f"{plain[:_KEPT_CHARS]}_{_digest(name)[:8]}"


def legal_id(call_id: str) -> str:
    """A call's id as most providers take it. Answers never name it, so there is no way back."""
    if _LEGAL.fullmatch(call_id):
        return call_id
    return f"{_ILLEGAL.sub('_', call_id)[:_KEPT_CHARS]}_{_digest(call_id)[:8]}"


def made_up_id(seed: str, index: int | None, name: str) -> str:
    """An id for a call that came without: the same for the same answer, different from one answer to the next."""
    digest = _digest(f"{seed}\n{index}\n{name}")
    return f"call_{digest[:24]}"


def short_id(call_id: str) -> str:
    """A call's id as OpenAI's protocols take it: as it is, unless it is empty or too long."""
    return call_id if 0 < len(call_id) <= NAME_CHARS_MAX else legal_id(call_id)


def nine_characters(call_id: str) -> str:
    """A call's id as Mistral takes it: nine letters and digits; a foreign one becomes its hash."""
    return call_id if _NINE.fullmatch(call_id) else _digest(call_id)[:9]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
