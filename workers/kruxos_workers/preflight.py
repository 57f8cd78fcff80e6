"""Before a request leaves: what it is, how long it is, and whether it can fit. Nothing is paid for what cannot.

What can be made shorter is so by then (``summarising``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgpack

from kruxos import catalog, wire
from kruxos.checks import check_request
from kruxos.codec import decode_request
from kruxos.errors import BadRequestError, ContextOverflowError
from kruxos.messages import Request
from kruxos_workers.estimate import Corrections, estimate_tokens

CERTAIN = 1.25
"""How far over the window an estimate must be that nothing is known of; what is nearer, the provider judges."""
CERTAIN_ONCE_LEARNED = 1.05


def read_request(frame: wire.Open) -> Request:
    """The request in an open frame, checked. Raises ``CallerError``."""
    try:
        value = msgpack.unpackb(frame.body, max_ext_len=0)
    except (ValueError, msgpack.exceptions.UnpackException):
        raise BadRequestError("the request is not msgpack") from None
    request = decode_request(value)
    check_request(request)
    return request


@dataclass(frozen=True, slots=True)
class Judged:
    """A request's estimated input tokens: as estimated, and as set right by what was learned."""

    estimate: int
    tokens: int


@dataclass(slots=True)
class Preflight:
    """What is known of lengths. ``conversation`` names one of an agent, or is empty."""

    corrections: Corrections = field(default_factory=Corrections)

    def judge(self, estimate: int, row: catalog.Model | None, model: str, conversation: str) -> Judged:
        """How long a request of so many estimated tokens is. Raises ``ContextOverflowError`` where it cannot fit."""
        tokens = self.corrections.corrected(model, conversation, estimate)
        window = None if row is None else row.max_input or row.context
        is_learned = bool(conversation) and self.corrections.knows(model, conversation)
        if window is not None and tokens > window * (CERTAIN_ONCE_LEARNED if is_learned else CERTAIN):
            message = f"the request has about {tokens:,} tokens, and {model} takes {window:,}: it was not sent"
            raise ContextOverflowError(message)
        return Judged(estimate, tokens)

    def estimated(self, request: Request, model: str) -> int:
        """How long a request probably is, whether it fits or not."""
        return self.corrections.corrected(model, "", estimate_tokens(request, model))
