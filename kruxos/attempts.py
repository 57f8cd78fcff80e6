"""What was tried for a call, and what is known about a failure: plain values that travel in frames."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any


@dataclass(slots=True)
class Attempt:
    """One try at answering a call, or the reason why a candidate was passed over.

    ``outcome`` is ``answered``, ``skipped``, or an error code. ``billed_maybe``: the provider may have charged for it.
    """

    provider: str
    model: str | None
    outcome: str
    message: str = ""
    billed_maybe: bool = False
    retry_at: float | None = None
    elapsed_ms: int = 0

    def to_wire(self) -> dict[str, Any]:
        """As a map of plain values; what is empty is left out."""
        wire: dict[str, Any] = {"provider": self.provider, "model": self.model, "outcome": self.outcome}
        wire["elapsed_ms"] = self.elapsed_ms
        if self.message:
            wire["message"] = self.message
        if self.billed_maybe:
            wire["billed_maybe"] = True
        if self.retry_at is not None:
            wire["retry_at"] = self.retry_at
        return wire

    @classmethod
    def from_wire(cls, value: dict[str, Any]) -> Attempt:
        """The other way round. The gateway made it, so it is taken as it is."""
        return cls(
            provider=str(value.get("provider", "")),
            model=value.get("model"),
            outcome=str(value.get("outcome", "")),
            message=str(value.get("message", "")),
            billed_maybe=bool(value.get("billed_maybe", False)),
            retry_at=value.get("retry_at"),
            elapsed_ms=int(value.get("elapsed_ms", 0)),
        )


@dataclass(slots=True)
class Detail:
    """What is known about a failure beside its code and message; times are Unix seconds."""

    retry_at: float | None = None
    provider: str | None = None
    model: str | None = None
    provider_status: int | None = None
    provider_code: str | None = None
    excerpt: str | None = None
    field: str | None = None
    billed_maybe: bool = False
    request_id: str | None = None
    call_id: str | None = None
    attempts: list[Attempt] = dataclass_field(default_factory=list[Attempt])
