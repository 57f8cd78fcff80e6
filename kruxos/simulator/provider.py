"""What a simulated provider is: one row of data and functions. A new provider is a new row, and its routes.

The dialect says how answers look; the row says all that is a provider's own beside it: its keys, its refusals, its
headers, its errors, how it counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kruxos.dialects.base import DecodedRequest, Dialect
from kruxos.events import Usage

from . import tokens
from .dressing import Dress, Outgoing, no_opening, undressed
from .limits import Cost, Exceeded, Meters
from .marks import THOUGHTS, Mark, signature
from .models import Gone, Sold
from .shapes import Complaint, Shape, examine
from .signing import Signer
from .steps import Asked, Headers


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error in a provider's words. ``retry_after_s``: what the header says; None: there is none."""

    status: int
    type: str
    message: str
    code: str | None = None
    param: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    retry_after_s: float | None = None


@dataclass(slots=True)
class Question:
    """One request as the rules see it. Before the body is read, ``body`` is empty and ``model`` is None.

    ``key`` is what authenticates it; ``only_key`` the one that is accepted. ``name`` is the model asked for, if one
    is named as text. ``decoded`` is the request in our own
    words, for rules that come when the others have let it pass.
    """

    path: str
    headers: Mapping[str, str]
    body_bytes: int
    now: float
    key: str | None
    only_key: str | None
    signer: Signer | None
    body: dict[str, Any] = field(default_factory=dict[str, Any])
    name: str | None = None
    model: Sold | Gone | None = None
    decoded: DecodedRequest | None = None
    complaints: dict[int, Complaint | None] = field(default_factory=dict[int, Complaint | None])
    _input_tokens: int | None = None

    @property
    def sold(self) -> Sold:
        """The model, for rules that come after the one that it is on sale."""
        assert isinstance(self.model, Sold)
        return self.model

    @property
    def input_tokens(self) -> int:
        """The tokens of the prompt, once it is decoded."""
        if self._input_tokens is None:
            assert self.decoded is not None
            self._input_tokens = tokens.count_request(self.decoded.request)
        return self._input_tokens

    @property
    def is_bad_key(self) -> bool:
        """Whether the key is one that is refused."""
        return self.key != self.only_key if self.only_key is not None else (self.key or "").startswith("bad-")


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that a provider refuses: a name, who says so, and the check. Rules are asked in order."""

    name: str
    source: str
    check: Callable[[Question], Refusal | None]


def first_refusal(rules: tuple[Rule, ...], question: Question) -> tuple[Rule, Refusal] | None:
    """The first rule that refuses, and its words."""
    for rule in rules:
        refusal = rule.check(question)
        if refusal is not None:
            return rule, refusal
    return None


_KINDS_OF_COMPLAINTS = {
    "field_required": ("missing",),
    "field_unknown": ("unknown",),
    "type_wrong": ("type",),
    "value_not_allowed": ("choice", "tag"),
    "pattern_mismatch": ("pattern",),
    "out_of_range": ("low", "high", "short", "long"),
}


def shape_rules(shape: Shape, say: Callable[[Complaint], Refusal], source: str) -> tuple[Rule, ...]:
    """The rules that a shape stands for, in a provider's words; the body is examined once."""

    def rule(name: str, kinds: tuple[str, ...]) -> Rule:
        def check(question: Question) -> Refusal | None:
            complaint = _complaint(question, shape)
            return say(complaint) if complaint is not None and complaint.what in kinds else None

        return Rule(name, source, check)

    return tuple(rule(name, kinds) for name, kinds in _KINDS_OF_COMPLAINTS.items())


def _complaint(question: Question, shape: Shape) -> Complaint | None:
    if id(shape) not in question.complaints:
        question.complaints[id(shape)] = examine(shape, question.body)
    return question.complaints[id(shape)]


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider's ways.

    ``door``: rules that need no body; ``rules``: those of a request for an answer; ``window``: those that need its
    tokens. ``failures`` are the errors that faults ask for, by status or by name. ``error`` makes headers and a body
    of a refusal; ``headers`` is what every answer carries. ``take`` charges the meters. ``thinking``: how thinking is
    told (see ``planning``). ``mark`` makes the state that goes with thinking, ``marks`` says on what it stands (see
    ``planning``). ``first``: puts into the first bytes of a stream what an encoder can't know yet.
    ``dress``, ``opening``, ``fail``: see ``dressing``. ``tidy``: the body as the rules read it. ``plain``: the
    body as the dialect reads it, where the provider has words that the dialect has not. ``encoding`` is for the
    encoder. ``tells_limits_always``: also on errors that are not about limits.
    ``catalogue`` names the provider whose models are sold, where it is another.
    """

    name: str
    dialect: Dialect
    key: Callable[[Mapping[str, str]], str | None]
    body_bytes_max: int
    door: tuple[Rule, ...]
    rules: tuple[Rule, ...]
    window: tuple[Rule, ...]
    failures: Mapping[str, Refusal]
    error: Callable[[Refusal, str], tuple[Headers, bytes]]
    headers: Callable[[str, Meters | None, float], Headers]
    request_id: Callable[[str], str]
    answer_id: Callable[[str], str]
    call_id: Callable[[str], str]
    take: Callable[[Meters, Cost], Exceeded | None]
    limited: Callable[[Exceeded, str], Refusal]
    not_readable: Callable[[str], Refusal]
    no_route: Callable[[Asked], Refusal]
    thinking: Callable[[Question], str | None]
    usage: Callable[[int, int, int | None], Usage]
    first: Callable[[bytes, Usage], bytes] = lambda data, _usage: data
    mark: Callable[[Question], Mark] = lambda _question: signature
    marks: str = THOUGHTS
    dress: Dress = undressed
    opening: Callable[[Outgoing], bytes] = no_opening
    fail: Callable[[Outgoing], bytes] | None = None
    tidy: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: body
    plain: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    encoding: Mapping[str, Any] = field(default_factory=dict[str, Any])
    catalogue: str = ""
    sells_dated: bool = False
    tells_limits_always: bool = False
