"""A batch as its owner sees it: how far it is, how old, what is wrong, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kruxos.cores.batches import WINDOW_S, Part, overall
from kruxos.ledger.batches import Batch


def describe(batch: Batch, parts: Sequence[Part], now: float) -> dict[str, Any]:
    """A map of plain values. Times are Unix seconds; ``age_s`` counts from the submission, against ``window_s``."""
    submitted = [part.submitted_at for part in parts if part.submitted_at is not None]
    expires = [part.expires_at for part in parts if part.expires_at is not None]
    began = min(submitted, default=None)
    ended = batch.over_at
    return {
        "id": batch.id,
        "agent": batch.agent,
        "provider": batch.provider,
        "model": batch.model,
        "state": state_of(batch, parts),
        "requests": batch.requests,
        "succeeded": sum(part.succeeded for part in parts),
        "failed": sum(part.failed for part in parts),
        "created_at": batch.created_at,
        "submitted_at": began,
        "expires_at": min(expires, default=None) or (None if began is None else began + WINDOW_S),
        "ended_at": ended,
        "age_s": None if began is None else round((ended or now) - began, 1),
        "window_s": WINDOW_S,
        "received_bytes": batch.received_bytes,
        "cancel_wanted": batch.cancel_wanted,
        "code": batch.code or next((part.code for part in parts if part.code), ""),
        "problem": batch.problem or next((part.problem for part in parts if part.problem), ""),
        "advice": _advice(batch, parts),
        "labels": batch.labels,
        "parts": [_part(part) for part in parts],
        "results_ready": ready_parts(parts) == len(parts) > 0,
    }


def state_of(batch: Batch, parts: Sequence[Part]) -> str:
    """One word."""
    return overall(parts) if batch.state in ("running", "over") else batch.state


def ready_parts(parts: Sequence[Part]) -> int:
    """How many parts from the first on have results to read, or will never have any."""
    return next((number for number, part in enumerate(parts) if not part.final), len(parts))


def _part(part: Part) -> dict[str, Any]:
    return {
        "number": part.number, "state": part.state, "requests": part.count, "succeeded": part.succeeded,
        "failed": part.failed, "marker": part.marker, "upstream": part.upstream, "problem": part.problem,
        "next_at": None if part.final else part.next_at,
    }  # fmt: skip


def _advice(batch: Batch, parts: Sequence[Part]) -> str:
    """What its owner can do, where there is something."""
    unknown = [part for part in parts if part.state == "outcome_unknown"]
    if unknown:
        names = ", ".join(part.marker for part in unknown)
        return (
            f"the provider was asked, its answer was lost, and its list does not show {names}. It is not sent again by"
            " itself: it could be paid twice. Look in the provider's console for that name. If it is not there, give"
            f" this one up (`kruxos batch cancel {batch.id}`) and submit the file again; until then it is looked for"
            " now and then"
        )
    if any(part.state == "matching" for part in parts):
        return "the answer to its submission was lost: the provider's list is searched for it"
    if batch.state == "receiving":
        return "its lines are not all here: the upload goes on, or the batch is cancelled"
    codes = {part.code for part in parts if not part.final} | {batch.code}
    for code, words in _ADVICE.items():
        if code in codes:
            return words.format(provider=batch.provider)
    return ""


_ADVICE = {
    "vault_locked": "the vault is locked: `kruxos vault unlock`, and it goes on",
    "no_provider": "{provider} is not in models.yaml any more, or is disabled: put it back, and it goes on",
    "invalid_credentials": "{provider} refuses its key: `kruxos vault rotate`, and it goes on",
    "model_not_found": "{provider} does not know it: if its key was replaced by one of another account, put it back",
    "no_credentials": "{provider} has no key: `kruxos model add`, and it goes on",
}
