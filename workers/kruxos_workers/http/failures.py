"""How an exchange with a provider fails: what is known about the money.

    SendFailure   there is no answer to read
        never_sent   no byte of the request was handed to the kernel: trying elsewhere costs nothing
        refused      the provider answered, and did nothing: it redirects
        ambiguous    a byte went out and no complete answer head came back: maybe done, maybe billed
    BodyFailure   the head came, the body broke off
        truncated    it ended before its end
        reset        the connection was reset
        timeout      a time limit of the caller passed
        protocol     it is not what HTTP or its content coding says
        too_large    it is over the caller's bound

Both carry the typed ``error`` that the call may end with. The caller combines it with what its dialect decoded.
"""

from __future__ import annotations

from typing import Literal

from kruxos.errors import KruxosError

SendKind = Literal["never_sent", "refused", "ambiguous"]
BodyKind = Literal["truncated", "reset", "timeout", "protocol", "too_large"]


class SendFailure(Exception):  # noqa: N818 - a failure class with a kind, not one error
    """No answer. An ``ambiguous`` one marks its error as maybe billed."""

    def __init__(self, kind: SendKind, error: KruxosError) -> None:
        super().__init__(f"{kind}: {error.code}: {error.message}")
        self.kind: SendKind = kind
        self.error = error
        if kind == "ambiguous":
            error.detail.billed_maybe = True


class BodyFailure(Exception):  # noqa: N818 - as above
    """The head of an answer came, the rest did not."""

    def __init__(self, kind: BodyKind, error: KruxosError) -> None:
        super().__init__(f"{kind}: {error.code}: {error.message}")
        self.kind: BodyKind = kind
        self.error = error
