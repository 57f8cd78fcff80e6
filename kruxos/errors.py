"""Every error that a call can end with: one closed set of codes, one class for each.

The tree is split by who has to do something about it:

    KruxosError
    +-- CallerError      the agent's request or its right to make it; another provider would not help
    +-- OperatorError    the provider's set-up on this machine: keys, credit, models, addresses
    +-- ProviderError    the provider, just now: limits, overload, outages, broken answers
    +-- GatewayError     the gateway itself

``moves_on`` says whether the gateway tries the next provider after such a failure. Raise the class; match on the
class or on ``code``. A message never holds a key or a prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from kruxos.attempts import Attempt, Detail

if TYPE_CHECKING:
    from kruxos.events import Reply

EXCERPT_CHARS = 500


class KruxosError(Exception):
    """A call that did not end well.

    ``code`` and ``message`` are always there; ``retryable`` says whether the same call may work later, from
    ``retry_at`` (Unix seconds) on where that is known; ``recovery`` names what to do; ``attempts`` is what was
    tried; ``reply`` is the part of the answer that had come, if any; ``billed_maybe``: it may have cost money.
    """

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    moves_on: ClassVar[bool] = False
    recovery: ClassVar[str] = ""

    def __init__(self, message: str = "", *, detail: Detail | None = None, **details: Any) -> None:
        super().__init__(message or self.recovery or self.code)
        self.message = message or self.recovery or self.code
        self.detail = detail or Detail(**details)
        self.reply: Reply | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.detail))

    @property
    def retry_at(self) -> float | None:
        """Unix seconds from which a retry makes sense, or None where nobody said."""
        return self.detail.retry_at

    @property
    def attempts(self) -> list[Attempt]:
        """What was tried, in order."""
        return self.detail.attempts

    @property
    def billed_maybe(self) -> bool:
        """Whether the provider may have charged for this call."""
        return self.detail.billed_maybe or any(attempt.billed_maybe for attempt in self.detail.attempts)

    def to_wire(self) -> dict[str, Any]:
        """The header of an error frame: a map of plain values; what is unknown is left out."""
        wire: dict[str, Any] = {"code": self.code, "message": self.message, "retryable": self.retryable}
        if self.recovery:
            wire["recovery"] = self.recovery
        for name in _PLAIN:
            value = getattr(self.detail, name)
            if value is not None and value is not False:
                wire[name] = value
        if self.detail.attempts:
            wire["attempts"] = [attempt.to_wire() for attempt in self.detail.attempts]
        return wire


_PLAIN = (
    "retry_at", "provider", "model", "provider_status", "provider_code", "excerpt", "field", "billed_maybe",
    "request_id", "call_id",
)  # fmt: skip


class CallerError(KruxosError):
    """The request, or the agent's right to make it."""


class BadRequestError(CallerError):
    """The request is malformed; ``detail.field`` names where."""

    code = "bad_request"
    recovery = "correct the named field; the same request will be refused again"


class TooLargeError(CallerError):
    """A frame or request is over its cap."""

    code = "too_large"
    recovery = "send less: images and documents count with their bytes"


class ContextOverflowError(CallerError):
    """The conversation does not fit the model's context window."""

    code = "context_overflow"
    recovery = "shorten the conversation, or choose a model with a larger context window"


class ContentFilteredError(CallerError):
    """The provider refuses the content."""

    code = "content_filtered"
    recovery = "the provider's policy refuses this content; the same request will be refused again"


class UnsupportedError(CallerError):
    """No provider that may answer can do what the request needs."""

    code = "unsupported"
    moves_on = True
    recovery = "leave out what the model cannot do, or choose another model"


class BatchUnsupportedError(CallerError):
    """The provider has no batch service."""

    code = "batch_unsupported"
    recovery = "submit the batch to a provider that has one"


class UnauthorizedError(CallerError):
    """The agent token is missing or wrong."""

    code = "unauthorized"
    recovery = "give the token that `kruxos agent create` showed, or make a new one"


class ForbiddenError(CallerError):
    """The agent's policy does not allow this."""

    code = "forbidden"
    recovery = "ask the operator to change the agent's policy"


class BudgetExceededError(CallerError):
    """A budget of the agent, the provider or the gateway is used up."""

    code = "budget_exceeded"
    retryable = True
    recovery = "wait for the budget's reset, or ask the operator to raise it"


class UpgradeRequiredError(CallerError):
    """The client speaks a frame version that this gateway does not."""

    code = "upgrade_required"
    recovery = "install the client of the gateway's version"


class IdempotencyConflictError(CallerError):
    """The same key was used with another request."""

    code = "idempotency_conflict"
    recovery = "use a new key for a new request"


class CancelledError(CallerError):
    """The agent cancelled the call."""

    code = "cancelled"


class DeadlineExceededError(CallerError):
    """The call's own deadline passed."""

    code = "deadline_exceeded"
    retryable = True
    recovery = "allow more time, or ask for less"


class SlowConsumerError(CallerError):
    """The agent did not read its stream."""

    code = "slow_consumer"
    retryable = True
    recovery = "read events as they come; the official client always does"


class OperatorError(KruxosError):
    """A provider's set-up on this machine."""

    moves_on = True


class NoProviderError(OperatorError):
    """No provider is configured, enabled and allowed for this call."""

    code = "no_provider"
    recovery = "no provider available: add one with `kruxos model add`, or set a default with `kruxos model default`"


class NoCredentialsError(OperatorError):
    """The provider has no key in the vault."""

    code = "no_credentials"
    recovery = "no credentials configured: store the key with `kruxos vault add model-provider:NAME api-key`"


class InvalidCredentialsError(OperatorError):
    """The provider refuses the key."""

    code = "invalid_credentials"
    recovery = "store a valid key with `kruxos vault add model-provider:NAME api-key`"


class NeedsLoginError(OperatorError):
    """Nobody has signed in to the subscription, or the login has ended."""

    code = "needs_login"
    recovery = "sign in with `kruxos model login NAME`"


class PermissionDeniedError(OperatorError):
    """The key is valid, but not for this."""

    code = "permission_denied"
    recovery = "check the key's rights and the region at the provider"


class InsufficientFundsError(OperatorError):
    """The account has no credit, or its spending cap is reached."""

    code = "insufficient_funds"
    recovery = "add credit or raise the spending cap at the provider"


class QuotaExhaustedError(OperatorError):
    """A daily limit or a subscription window is used up."""

    code = "quota_exhausted"
    retryable = True
    recovery = "wait for the quota's reset, or use another provider until then"


class ModelNotFoundError(OperatorError):
    """The provider does not have the model, or not for this account."""

    code = "model_not_found"
    recovery = "choose another model: `kruxos model catalog` lists those known here"


class ProviderMisconfiguredError(OperatorError):
    """The provider's address or settings cannot be right."""

    code = "provider_misconfigured"
    recovery = "check base_url in models.yaml: it must include the version path, such as /v1"


class DestinationChangedError(OperatorError):
    """The provider's address changed, so its key is withheld until that is confirmed."""

    code = "destination_changed"
    recovery = "confirm the new address with `kruxos model confirm NAME`"


class RefusedError(OperatorError):
    """An operation cannot be done as it was asked; the message says why and what to do."""

    code = "refused"
    moves_on = False


class VaultLockedError(OperatorError):
    """The provider's key is in a locked vault."""

    code = "vault_locked"
    recovery = "unlock the vault with `kruxos vault unlock`"


class ProviderError(KruxosError):
    """The provider, just now."""

    retryable = True
    moves_on = True


class RateLimitedError(ProviderError):
    """Too many requests or tokens in a short time."""

    code = "rate_limited"
    recovery = "wait until retry_at, or set a fallback: `kruxos model default fallback NAME`"


class ProviderOverloadedError(ProviderError):
    """The provider has no capacity at the moment."""

    code = "provider_overloaded"
    recovery = "try again shortly, or set a fallback: `kruxos model default fallback NAME`"


class ProviderFailedError(ProviderError):
    """The provider answered with an error of its own."""

    code = "provider_error"
    recovery = "try again shortly"


class ProviderUnreachableError(ProviderError):
    """No connection to the provider."""

    code = "provider_unreachable"
    recovery = "check the network and base_url; for a local server, that it runs"


class ProviderTimeoutError(ProviderError):
    """The provider was silent for longer than its time limit."""

    code = "provider_timeout"
    recovery = "try again, or raise the provider's time limits in models.yaml"


class ProviderProtocolError(ProviderError):
    """The provider's answer is not what its protocol says."""

    code = "provider_protocol"
    recovery = "check that base_url is the API's address and the type is right"


class StreamInterruptedError(ProviderError):
    """The answer broke off before its end."""

    code = "interrupted"
    recovery = "ask again; `reply` holds the part that came"


class GatewayError(KruxosError):
    """The gateway itself."""

    retryable = True


class AllProvidersUnavailableError(GatewayError):
    """Every candidate failed; ``attempts`` names each cause."""

    code = "all_providers_unavailable"
    recovery = "see attempts for each provider's cause; add a fallback with `kruxos model default fallback NAME`"


class OverloadedError(GatewayError):
    """The gateway holds as much as it may, for all providers or for one."""

    code = "overloaded"
    moves_on = True
    recovery = "try again at retry_at"


class DrainingError(GatewayError):
    """The gateway is stopping and takes no new calls."""

    code = "draining"
    recovery = "try again when the gateway is back"


class WorkerLostError(GatewayError):
    """The provider's worker process ended while it had the call."""

    code = "worker_lost"
    moves_on = True
    recovery = "ask again; the worker is being restarted"


class OutcomeUnknownError(GatewayError):
    """The call may have been answered and paid for, but the answer is lost; it is not repeated by itself."""

    code = "outcome_unknown"
    retryable = False
    recovery = "check before repeating; a new key, or retry_ambiguous, allows another purchase"


class ConnectionLostError(GatewayError):
    """The connection to the gateway broke while the call was under way."""

    code = "connection_lost"
    recovery = "ask again; with a key the answer is joined, not bought twice"


class GatewayUnreachableError(GatewayError):
    """No gateway answers at the address."""

    code = "gateway_unreachable"
    recovery = "start it with `kruxos serve`"


class InternalError(GatewayError):
    """A fault in the gateway."""

    code = "internal"
    retryable = False
    recovery = "this is a fault of the gateway; its log has more"


def _leaves(root: type[KruxosError]) -> list[type[KruxosError]]:
    below = root.__subclasses__()
    return [leaf for child in below for leaf in _leaves(child)] if below else [root]


BY_CODE: dict[str, type[KruxosError]] = {leaf.code: leaf for leaf in _leaves(KruxosError)}


def _rebuild(cls: type[KruxosError], message: str, detail: Detail) -> KruxosError:
    return cls(message, detail=detail)


def from_wire(header: dict[str, Any]) -> KruxosError:
    """The error that an error frame describes; a code from a newer gateway becomes a plain ``GatewayError``."""
    detail = Detail(attempts=[Attempt.from_wire(value) for value in header.get("attempts", [])])
    for name in _PLAIN:
        if header.get(name) is not None:
            setattr(detail, name, header[name])
    code, message = str(header.get("code", "internal")), str(header.get("message", ""))
    cls = BY_CODE.get(code)
    if cls is None:
        return GatewayError(f"{code}: {message}", detail=detail)
    return cls(message, detail=detail)
