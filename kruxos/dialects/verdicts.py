"""What a provider's error means: one of our classes, and when to try again.

Theory of operation. ``kind_of`` asks, in this order: the provider's own numeric codes; words that mean one thing
only; what the message says; the status; words that merely repeat the status. The order matters, for providers use one
status for things that need opposite treatment: 429 is a passing limit, an empty account or a day's quota, and only
the words tell (OpenAI, Groq and Z.ai docs: error codes; Anthropic docs: rate limits).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from kruxos import errors
from kruxos.attempts import Detail
from kruxos.errors import KruxosError

from . import hints
from .base import Target
from .excerpts import excerpt
from .failures import Failure

Kind = type[KruxosError]
Codes = Mapping[str, Kind]

_REQUEST_ID_HEADERS = (
    "request-id", "x-request-id", "x-oai-request-id", "mistral-correlation-id", "x-generation-id", "apim-request-id",
)  # fmt: skip
_WORD = re.compile(r"[\w .:/-]{1,64}")

# Words that mean one thing only, wherever they stand.
_WORDS: dict[str, Kind] = {
    word: kind
    for kind, words in {
        errors.ContextOverflowError: "context_length_exceeded exceed_context_size_error too_many_prompt_tokens",
        errors.ContentFilteredError: (
            "content_filter content_policy_violation responsibleaipolicyviolation invalid_prompt bio_policy "
            "cyber_policy refusal"
        ),
        errors.InsufficientFundsError: (
            "insufficient_quota credit_balance_exhausted billing_error payment_required enforced_spend_limit_reached "
            "billing_not_active billing_hard_limit_reached"
        ),
        errors.QuotaExhaustedError: "usage_limit_reached",
        errors.InvalidCredentialsError: "invalid_api_key api_key_invalid authentication_error",
        errors.PermissionDeniedError: (
            "permission_error unsupported_country_region_territory usage_not_included permission_denied"
        ),
        errors.ModelNotFoundError: "model_not_found invalid_model deploymentnotfound model_decommissioned",
        errors.ProviderOverloadedError: (
            "overloaded_error server_is_overloaded slow_down provider_overloaded capacity_exceeded "
            "service_tier_capacity_exceeded unavailable_error"
        ),
        errors.ProviderTimeoutError: "timeout_error",
        errors.ProviderFailedError: "tool_use_failed json_validate_failed provider_unavailable",
        errors.TooLargeError: "request_too_large",
        errors.UnsupportedError: "unsupported_parameter unsupported_value",
    }.items()
    for word in words.split()
}

# Words that say no more than the status would: they count only where there is no status, inside a stream.
_VAGUE_WORDS: dict[str, Kind] = {
    word: kind
    for kind, words in {
        errors.RateLimitedError: "rate_limit_error rate_limit_exceeded rate_limited",
        errors.BadRequestError: "invalid_request_error invalid_request invalid_value unsupported_parameter",
        errors.ModelNotFoundError: "not_found_error",
        errors.ProviderTimeoutError: "timeout",
    }.items()
    for word in words.split()
}

_REFUSED = {400, 402, 403, 404, 409, 413, 422, 429}
_SAYS: tuple[tuple[re.Pattern[str], set[int], Kind], ...] = (
    (
        re.compile(
            r"prompt is too long|maximum context length|reduce the length of (?:the|your) messages"
            r"|exceeds? (?:the |your |this model's )?(?:available |maximum )?context (?:size|window|length)"
            r"|input token count.{0,60}exceeds|total length of all messages is too long"
        ),
        _REFUSED,
        errors.ContextOverflowError,
    ),
    (
        re.compile(
            r"specified (?:workspace )?api usage limits|credit balance|insufficient (?:balance|credit|fund)"
            r"|(?:used all (?:available|your)|(?:ran|run) out of|doesn't have any) credits"
            r"|reached (?:its|your) monthly (?:spending|spend) limit"
        ),
        {400, 402, 403, 429},
        errors.InsufficientFundsError,
    ),
    (re.compile(r"per[ -]day\b|\bdaily\b|\([tr]pd\)"), {403, 429}, errors.QuotaExhaustedError),
    (
        re.compile(
            r"(?:not supported|not enabled) (?:with|by|for|on) (?:this model|models?/)"
            r"|(?:model|mode|models?/\S{1,128}) (?:\S{1,128} )?(?:does not|doesn't) support (?:\w+ ){0,3}\w+"
            r"|no endpoints found that support|unsupported parameter\b|property '[^']{1,80}' is unsupported"
        ),
        {400, 404, 422},
        errors.UnsupportedError,
    ),
    (
        re.compile(
            r"(?:incorrect|invalid|wrong|missing) (?:\w+ )?api[ _-]?key|api[ _-]?key (?:is )?(?:not valid|inval)"
        ),
        {400, 403},
        errors.InvalidCredentialsError,
    ),
    (
        re.compile(
            r"\bmodel\b.{0,200}(?:does not exist|not found|not exist|has been (?:deprecated|retired|decommissioned)"
            r"|is no longer)|(?:invalid|unknown) model\b|not a valid model|supported api model names|no endpoints found"
        ),
        {400, 403, 404, 422},
        errors.ModelNotFoundError,
    ),
    (re.compile(r"\bmodel\b|\bdeployment\b"), {404}, errors.ModelNotFoundError),
    (
        re.compile(r"content exists risk|flagged|content management policy|violat\w* .{0,60}polic"),
        {400, 403, 422},
        errors.ContentFilteredError,
    ),
    (re.compile(r"service is currently unavailable|overloaded"), {400, 403, 500}, errors.ProviderOverloadedError),
)
_MONEY = re.compile(r"billing|balance|credit|spend(?:ing)? (?:cap|limit)")
_BUDGET = re.compile(r"limit:? (\d{1,15}).{0,40}requested:? (\d{1,15})")
_URL = re.compile(r"https?://\S+")

_BY_STATUS: dict[int, Kind] = {
    401: errors.InvalidCredentialsError,
    402: errors.InsufficientFundsError,
    403: errors.PermissionDeniedError,
    404: errors.ProviderMisconfiguredError,
    405: errors.ProviderMisconfiguredError,
    408: errors.ProviderTimeoutError,
    409: errors.ProviderFailedError,
    413: errors.TooLargeError,
    424: errors.ProviderFailedError,
    429: errors.RateLimitedError,
    434: errors.PermissionDeniedError,
    435: errors.TooLargeError,
    498: errors.ProviderOverloadedError,
    499: errors.ProviderFailedError,
    503: errors.ProviderOverloadedError,
    504: errors.ProviderTimeoutError,
    524: errors.ProviderTimeoutError,
    529: errors.ProviderOverloadedError,
}


def kind_of(failure: Failure, codes: Codes | None = None) -> Kind:
    """The class of error that a failure is. ``codes`` are a provider's own numeric codes."""
    words = [word.lower() for layer in failure.layers() for word in _words(layer)]
    said = " ".join([_URL.sub("", failure.said()).lower(), *words])  # a code may be a sentence (xAI)
    judges: tuple[Callable[[], Kind | None], ...] = (
        lambda: _first(codes or {}, [layer.code for layer in failure.layers()]),
        lambda: _first(_WORDS, words),
        lambda: _by_message(failure.status, said),
        lambda: _by_status(failure.status),
        lambda: _first(_VAGUE_WORDS, words),
    )
    return next((kind for judge in judges if (kind := judge()) is not None), errors.ProviderFailedError)


def _words(layer: Failure) -> Iterator[str]:
    yield layer.code
    yield layer.type
    metadata = layer.fields.get("metadata")
    if isinstance(metadata, dict):
        for name in ("error_type", "provider_code"):
            word = cast("dict[str, Any]", metadata).get(name)
            if isinstance(word, str):
                yield word


def _first(table: Mapping[str, Kind], words: list[str]) -> Kind | None:
    return next((table[word] for word in words if word in table), None)


def _by_message(status: int | None, said: str) -> Kind | None:
    budget = _BUDGET.search(said)
    if budget and int(budget[2]) > int(budget[1]):  # one request over the limit of a whole minute: waiting is no use
        return errors.TooLargeError
    for pattern, statuses, kind in _SAYS:
        if (status is None or status in statuses) and pattern.search(said):
            return kind
    if status == 429 and _MONEY.search(said) and hints.spoken_s(said) is None:
        return errors.InsufficientFundsError
    return None


def _by_status(status: int | None) -> Kind | None:
    if status is None:
        return None
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    if 300 <= status < 400:
        return errors.ProviderMisconfiguredError
    return errors.BadRequestError if 400 <= status < 500 else errors.ProviderFailedError


def error_of(
    kind: Kind,
    failure: Failure,
    target: Target,
    *,
    headers: Mapping[str, str] | None = None,
    sent: bytes = b"",
    billed_maybe: bool = False,
) -> KruxosError:
    """The error for a failure that was judged. ``sent`` is the request's body, of which nothing may be quoted."""
    headers = headers or {}
    word = failure.word if failure.word and _WORD.fullmatch(failure.word) else None
    detail = Detail(
        provider=target.provider,
        model=target.model,
        provider_status=failure.status,
        provider_code=word,
        excerpt=excerpt(failure.said(), sent),
        billed_maybe=billed_maybe,
        request_id=next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), None),
    )
    if kind.retryable:
        detail.retry_at = hints.retry_at(headers, failure.said(), target.now)
    if issubclass(kind, errors.BadRequestError) and failure.param:
        detail.field = failure.param[:256]
    what = " ".join(part for part in (str(failure.status or ""), f"({word})" if word else "") if part)
    return kind(f"{target.provider} answered with an error {what}".rstrip() + f": {kind.recovery}", detail=detail)
