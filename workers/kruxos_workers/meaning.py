"""What a request means at this very provider: the model that answers for the named one, and what is left out here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from kruxos import catalog
from kruxos.errors import BadRequestError, ModelNotFoundError, UnsupportedError
from kruxos.events import Notice
from kruxos.messages import THINKING_EFFORTS, Request
from kruxos_workers.failed import FailedExchange
from kruxos_workers.settings import Settings

KEPT_ELSEWHERE = frozenset({"previous_response_id", "conversation", "prompt", "container"})
"""Fields of a protocol that name what its provider has kept: without it the rest of the request means little."""


@dataclass(frozen=True, slots=True)
class Meant:
    """The model that is asked, the request as it means the same there, and what has to be told of it."""

    model: str
    request: Request
    notices: list[Notice] = field(default_factory=list[Notice])


def meant_here(request: Request, named: str | None, settings: Settings, now: float) -> Meant:
    """The request at the model that is named, or at the provider's own. A retired one's successor is told.

    Raises ``FailedExchange``.
    """
    model = named or settings.model
    if not model:
        raise FailedExchange("never_sent", BadRequestError(f"{settings.provider} has no model set: name one"))
    instead = settings.shelf.replacement(model, catalog.day_of(now))
    if instead is None:
        return Meant(model, request)
    if settings.refuses_retired:
        message = f"{model} {instead.why}; use {instead.new} (models.yaml says `retired_models: refuse`)"
        raise FailedExchange("never_sent", ModelNotFoundError(message))
    data = {"old": model, "new": instead.new, "why": instead.why, "since": instead.since}
    if instead.effort in THINKING_EFFORTS and not speaks_of_thinking(request):
        request = replace(request, thinking_effort=instead.effort)
    return Meant(instead.new, request, [Notice("model_replaced", instead.message, data)])


def with_effort(request: Request, effort: str | None) -> Request:
    """The request with its agent's effort, where it says nothing of thinking itself."""
    if effort not in THINKING_EFFORTS or speaks_of_thinking(request):
        return request
    return replace(request, thinking_effort=effort)


def speaks_of_thinking(request: Request) -> bool:
    """Whether the agent itself says how much to think, be it in words that only its provider knows."""
    native = b"" if request.native is None else request.native.body
    return request.thinking_effort is not None or b'"thinking"' in native


def only_elsewhere(request: Request, settings: Settings) -> list[Notice]:
    """What the agent said in the words of another protocol, and is left out. Not left out is what it goes on.

    Raises ``FailedExchange``.
    """
    native = request.native
    if native is None or native.dialect == settings.dialect.name:
        return []
    kept = next((path for path in native.only if path in KEPT_ELSEWHERE), None)
    if kept is not None:
        words = f"{settings.provider} does not have the conversation that it names; send the conversation itself"
        raise FailedExchange("never_sent", UnsupportedError(f"{kept}: {words}", field=kept))
    left_out = f"was not sent: {settings.provider} has no such parameter"
    return [Notice("parameter_dropped", f"{path} {left_out}", {"parameter": path}) for path in native.only]
