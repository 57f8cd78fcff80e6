"""What each provider answers when it refuses, and what that is to us: the table that tests and docs/errors.md read.

Bodies are those of the providers' documentation and of answers that their users reported; the traffic's are judged in
the tests. ``where`` is ``answer`` for an answer of that status, ``stream`` for an event in a stream of status 200,
``body`` for a whole answer of status 200. ``retry`` says where the time to try again comes from, ``after_s`` how far
away it is: ``header``, ``body``, ``calendar`` (the end of a day or month) or ``none``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.dialects.support import NOW

NEXT_MONTH_S = 1_801_440_000.0 - NOW
"""To the first of February 2027, 00:00 UTC."""
NEXT_DAY_S = 86_400.0
"""To the next midnight in California: the tests' clock stands at one."""


@dataclass(frozen=True)
class Said:
    """One refusal."""

    profile: str
    what: str
    status: int
    body: Any
    code: str
    retry: str = "none"
    after_s: float | None = None
    headers: dict[str, str] = field(default_factory=dict)
    where: str = "answer"


def _anthropic(status: int, word: str, what: str, code: str, message: str = "m", **more: Any) -> Said:
    details = more.pop("details", None)
    error = {"type": word, "message": message} | ({"details": details} if details else {})
    return Said("anthropic", what, status, {"type": "error", "error": error, "request_id": "req_1"}, code, **more)


def _openai(
    status: int, what: str, code: str, word: str, kind: str, message: str = "m", *, profile: str = "openai", **more: Any
) -> Said:
    error = {"message": message, "type": kind, "param": None, "code": word}
    return Said(profile, what, status, {"error": error}, code, **more)


def _gemini(status: int, word: str, what: str, code: str, message: str = "m", *details: Any, **more: Any) -> Said:
    error: dict[str, Any] = {"code": status, "message": message, "status": word}
    if details:
        error["details"] = [{**each, "@type": f"type.googleapis.com/google.rpc.{each['@type']}"} for each in details]
    return Said("gemini", what, more.pop("http", status), {"error": error}, code, **more)


def _quota(name: str) -> dict[str, Any]:
    return {"@type": "QuotaFailure", "violations": [{"quotaId": name}]}


def _glm(number: str, what: str, code: str, status: int = 429) -> Said:
    return Said("glm", what, status, {"error": {"code": number, "message": "m"}}, code)


def _router(status: int, what: str, code: str, message: str = "m", **more: Any) -> Said:
    error: dict[str, Any] = {"code": status, "message": message}
    metadata = more.pop("metadata", None)
    if metadata:
        error["metadata"] = metadata
    return Said("openrouter", what, more.pop("http", status), {"error": error}, code, **more)


def _mistral(status: int, number: str, what: str, code: str, message: Any = "m", **more: Any) -> Said:
    body = {
        "object": "error",
        "message": message,
        "type": "t",
        "param": None,
        "code": number,
        "raw_status_code": status,
    }
    return Said("mistral", what, status, body, code, **more)


TEAM = "Your team 0-0 has either used all available credits or reached its monthly spending limit."
CODEX_LIMIT = {"type": "usage_limit_reached", "message": "The usage limit has been reached", "plan_type": "plus"}
RATE = "Rate limit reached for gpt-5.4 on tokens per min (TPM): Limit 30000, Used 22999, Requested 12528."
FULL = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "7.66s"}

ANTHROPIC = (
    _anthropic(400, "invalid_request_error", "the request is malformed", "bad_request"),
    _anthropic(400, "invalid_request_error", "the prompt is too long", "context_overflow",
               "prompt is too long: 3333404 tokens > 200000 maximum"),
    _anthropic(400, "invalid_request_error", "a spending limit that the customer set", "insufficient_funds",
               "You have reached your specified API usage limits. You will regain access on 2027-02-01 at 00:00 UTC.",
               retry="body", after_s=NEXT_MONTH_S),
    _anthropic(400, "invalid_request_error", "a spending limit of the workspace", "insufficient_funds",
               "You have reached your specified workspace API usage limits."),
    _anthropic(400, "invalid_request_error", "no credit", "insufficient_funds",
               "Your credit balance is too low to access the Anthropic API."),
    _anthropic(400, "invalid_request_error", "the model can't do this", "unsupported",
               "This model does not support assistant message prefill."),
    _anthropic(401, "authentication_error", "a wrong key", "invalid_credentials"),
    _anthropic(402, "billing_error", "no means of payment", "insufficient_funds"),
    _anthropic(403, "permission_error", "no right to it", "permission_denied"),
    _anthropic(404, "not_found_error", "an unknown or retired model", "model_not_found", "model: claude-x"),
    _anthropic(413, "request_too_large", "more than 32 MB", "too_large"),
    Said("anthropic", "more than 32 MB, said by the edge", 413, "<html>413 Request Entity Too Large</html>",
         "too_large"),
    _anthropic(429, "rate_limit_error", "a passing limit", "rate_limited", retry="header", after_s=7.0,
               headers={"retry-after": "7"}),
    _anthropic(429, "rate_limit_error", "the monthly spending cap", "insufficient_funds", retry="calendar",
               after_s=NEXT_MONTH_S, details={"error_code": "enforced_spend_limit_reached"}),
    _anthropic(500, "api_error", "a failure of its own", "provider_error"),
    _anthropic(504, "timeout_error", "it took too long", "provider_timeout"),
    _anthropic(529, "overloaded_error", "no capacity", "provider_overloaded"),
    _anthropic(200, "overloaded_error", "no capacity", "provider_overloaded", where="stream"),
    _anthropic(200, "rate_limit_error", "a passing limit", "rate_limited", where="stream"),
    _anthropic(200, "invalid_request_error", "the request is malformed", "bad_request", where="stream"),
)  # fmt: skip
OPENAI = (
    _openai(400, "the request is malformed", "bad_request", "invalid_value", "invalid_request_error"),
    _openai(400, "the model can't do this", "unsupported", "unsupported_parameter", "invalid_request_error"),
    _openai(400, "the prompt is too long", "context_overflow", "context_length_exceeded", "invalid_request_error"),
    _openai(400, "content that its policy refuses", "content_filtered", "invalid_prompt", "invalid_request_error"),
    _openai(401, "a wrong key", "invalid_credentials", "invalid_api_key", "invalid_request_error"),
    _openai(403, "a region that is not served", "permission_denied", "unsupported_country_region_territory",
            "request_forbidden"),
    _openai(404, "an unknown or retired model", "model_not_found", "model_not_found", "invalid_request_error"),
    _openai(429, "a passing limit", "rate_limited", "rate_limit_exceeded", "tokens",
            f"{RATE} Please try again in 11.054s.", retry="body", after_s=11.054),
    _openai(429, "a passing limit, told by a header", "rate_limited", "rate_limit_exceeded", "requests", RATE,
            retry="header", after_s=1.5, headers={"retry-after-ms": "1500", "retry-after": "9"}),
    _openai(429, "a passing limit, told by its bucket", "rate_limited", "rate_limit_exceeded", "tokens", RATE,
            retry="header", after_s=7.66, headers=FULL),
    _openai(429, "one request above a whole minute's limit", "too_large", "rate_limit_exceeded", "tokens",
            "Request too large for gpt-5.4 on tokens per min (TPM): Limit 30000, Requested 40000."),
    _openai(429, "no credit", "insufficient_funds", "insufficient_quota", "insufficient_quota",
            "You exceeded your current quota, please check your plan and billing details."),
    Said("openai", "no credit, told by the type alone", 429,
         {"error": {"message": "m", "type": "insufficient_quota", "param": None, "code": None}}, "insufficient_funds"),
    _openai(429, "no credit, newer code", "insufficient_funds", "credit_balance_exhausted", "requests"),
    _openai(500, "a failure of its own", "provider_error", "server_error", "server_error"),
    _openai(503, "no capacity", "provider_overloaded", "server_is_overloaded", "server_error"),
    _openai(503, "no capacity", "provider_overloaded", "slow_down", "server_error"),
    Said("openai", "a passing limit", 200,
         {"type": "response.failed", "response": {"id": "r", "status": "failed", "error": {
             "code": "rate_limit_exceeded", "message": f"{RATE} Please try again in 11.054s."}}},
         "rate_limited", "body", 11.054, where="stream"),
    Said("openai", "no credit", 200, {"type": "error", "error": {
        "type": "insufficient_quota", "code": "insufficient_quota", "message": "m", "param": None}},
        "insufficient_funds", where="stream"),
    Said("openai", "the prompt is too long", 200,
         {"type": "error", "code": "context_length_exceeded", "message": "m", "param": "input"},
         "context_overflow", where="stream"),
)  # fmt: skip
CODEX = (
    Said("openai-codex", "the subscription's window is used up", 429,
         {"error": CODEX_LIMIT | {"resets_at": NOW + 13_872, "resets_in_seconds": 13_872}},
         "quota_exhausted", "body", 13_872.0),
    Said("openai-codex", "the same, told by headers", 429, {"error": CODEX_LIMIT}, "quota_exhausted", "header", 600.0,
         {"x-codex-primary-used-percent": "100", "x-codex-primary-reset-at": str(int(NOW) + 600)}),
    _openai(429, "the plan has no Codex", "permission_denied", "", "usage_not_included", profile="openai-codex"),
    _openai(429, "a passing limit", "rate_limited", "rate_limit_exceeded", "requests", profile="openai-codex"),
    Said("openai-codex", "the login has ended", 401, {"detail": "Unauthorized"}, "needs_login"),
    Said("openai-codex", "a field that it does not take", 400, {"detail": "Unsupported parameter: temperature"},
         "unsupported"),
    Said("openai-codex", "a model that the plan does not have", 400,
         {"detail": "The 'gpt-x' model is not supported when using Codex with a ChatGPT account."}, "model_not_found"),
    Said("openai-codex", "blocked by the edge", 403, "<html>Cloudflare: you have been blocked</html>",
         "permission_denied"),
    _openai(503, "no capacity", "provider_overloaded", "slow_down", "server_error", profile="openai-codex"),
)  # fmt: skip
GEMINI = (
    _gemini(400, "INVALID_ARGUMENT", "the request is malformed", "bad_request"),
    _gemini(400, "INVALID_ARGUMENT", "a wrong key", "invalid_credentials", "API key not valid.",
            {"@type": "ErrorInfo", "reason": "API_KEY_INVALID"}),
    _gemini(400, "INVALID_ARGUMENT", "the prompt is too long", "context_overflow",
            "The input token count (1250074) exceeds the maximum number of tokens allowed (1048576)."),
    _gemini(400, "FAILED_PRECONDITION", "a region that is not served", "permission_denied",
            "User location is not supported for the API use."),
    _gemini(400, "FAILED_PRECONDITION", "billing is off", "insufficient_funds",
            "Please enable billing on your project."),
    _gemini(402, "RESOURCE_EXHAUSTED", "prepaid credit is used up", "insufficient_funds"),
    _gemini(403, "PERMISSION_DENIED", "no right to it", "permission_denied"),
    _gemini(404, "NOT_FOUND", "an unknown or retired model", "model_not_found", "models/gemini-x is not found"),
    _gemini(429, "RESOURCE_EXHAUSTED", "a limit of the minute", "rate_limited", "m",
            _quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"),
            {"@type": "RetryInfo", "retryDelay": "34.4s"}, retry="body", after_s=34.4),
    _gemini(429, "RESOURCE_EXHAUSTED", "the day's quota", "quota_exhausted", "m",
            _quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
            {"@type": "RetryInfo", "retryDelay": "34.4s"}, retry="calendar", after_s=NEXT_DAY_S),
    _gemini(429, "RESOURCE_EXHAUSTED", "a model that the plan does not have", "insufficient_funds",
            "Quota exceeded for metric: x, limit: 0, model: gemini-2.5-pro"),
    _gemini(500, "INTERNAL", "a failure of its own", "provider_error"),
    _gemini(503, "UNAVAILABLE", "no capacity", "provider_overloaded", "The model is overloaded."),
    _gemini(504, "DEADLINE_EXCEEDED", "it took too long", "provider_timeout"),
    _gemini(503, "UNAVAILABLE", "no capacity", "provider_overloaded", http=200, where="stream"),
)  # fmt: skip
DEEPSEEK = (
    _openai(400, "the request is malformed", "bad_request", "invalid_request_error", "invalid_request_error",
            profile="deepseek"),
    _openai(400, "it can't do this while it thinks", "unsupported", "invalid_request_error", "invalid_request_error",
            "Thinking mode does not support this tool_choice", profile="deepseek"),
    _openai(400, "content that its policy refuses", "content_filtered", "invalid_request_error",
            "invalid_request_error", "Content Exists Risk", profile="deepseek"),
    _openai(401, "a wrong key", "invalid_credentials", "invalid_request_error", "authentication_error",
            "Authentication Fails", profile="deepseek"),
    _openai(402, "no credit", "insufficient_funds", "invalid_request_error", "unknown_error", "Insufficient Balance",
            profile="deepseek"),
    _openai(422, "a wrong parameter", "bad_request", "invalid_request_error", "invalid_request_error",
            profile="deepseek"),
    _openai(429, "too many at once", "rate_limited", "", "", profile="deepseek"),
    _openai(500, "a failure of its own", "provider_error", "", "", profile="deepseek"),
    _openai(503, "no capacity", "provider_overloaded", "", "", profile="deepseek"),
)  # fmt: skip
GLM = (
    _glm("1001", "a wrong key", "invalid_credentials", 401),
    _glm("1111", "the account is not active", "permission_denied", 401),
    _glm("1113", "no balance", "insufficient_funds"),
    _glm("1120", "the account can't be reached just now", "provider_error", 500),
    _glm("1210", "a wrong parameter", "bad_request", 400),
    _glm("1211", "an unknown model", "model_not_found", 400),
    _glm("1220", "no right to it", "permission_denied", 403),
    _glm("1234", "a failure of its own", "provider_error", 500),
    _glm("1301", "content that its policy refuses", "content_filtered", 400),
    _glm("1302", "too many at once", "rate_limited"),
    _glm("1303", "too many in a short time", "rate_limited"),
    _glm("1305", "no capacity", "provider_overloaded"),
    _glm("1308", "the window's quota", "quota_exhausted"),
    _glm("1309", "the plan has ended", "quota_exhausted"),
    _glm("1310", "the week's or month's quota", "quota_exhausted"),
    _glm("1316", "a quota of the plan", "quota_exhausted"),
    Said("glm", "no capacity, said without its frame", 429, {"code": "1305", "message": "m"}, "provider_overloaded"),
)
GROK = (
    Said("grok", "the model can't do this", 400, {"code": "Client specified an invalid argument",
         "error": "Model grok-x does not support parameter reasoningEffort."}, "unsupported"),
    Said("grok", "a wrong key", 400, {"code": "Client specified an invalid argument",
         "error": "Incorrect API key provided: xa***1. You can obtain an API key from https://console.x.ai."},
         "invalid_credentials"),
    Said("grok", "an unknown model", 404, {"code": "not-found", "error": "The model grok-x does not exist"},
         "model_not_found"),
    Said("grok", "no credit, or the monthly limit", 429, {"code": "Some resource has been exhausted", "error": TEAM},
         "insufficient_funds"),
    Said("grok", "no credit, or the monthly limit", 403, {"code": "permission-denied", "error": TEAM},
         "insufficient_funds"),
    Said("grok", "no credit", 403, {"code": "x", "error": "You have run out of credits or need a Grok subscription."},
         "insufficient_funds"),
    Said("grok", "a passing limit", 429, {"code": "Some resource has been exhausted", "error": "Too many requests"},
         "rate_limited"),
    Said("grok", "no capacity", 200, {"code": "The service is currently unavailable", "error": "m"},
         "provider_overloaded", where="body"),
    Said("grok", "no capacity", 503, {"error": "The service is currently unavailable"}, "provider_overloaded"),
)  # fmt: skip
MISTRAL = (
    Said("mistral", "a wrong key", 401, {"detail": "Unauthorized"}, "invalid_credentials"),
    Said("mistral", "a wrong key", 401, {"message": "Unauthorized", "request_id": "r"}, "invalid_credentials"),
    _mistral(400, "1500", "an unknown model", "model_not_found"),
    _mistral(400, "3051", "the prompt is too long", "context_overflow",
             "Prompt contains 300000 tokens, too large for model with 262144 maximum context length"),
    _mistral(400, "3280", "an id that is not its own form", "bad_request"),
    _mistral(422, "", "an unknown field", "bad_request",
             {"detail": [{"type": "extra_forbidden", "loc": ["body", "x"], "msg": "Extra inputs are not permitted"}]}),
    _mistral(402, "", "no credit", "insufficient_funds"),
    _mistral(429, "1300", "a passing limit", "rate_limited", retry="header", after_s=3.0, headers={"retry-after": "3"}),
    _mistral(429, "3505", "no capacity for this model", "provider_overloaded"),
    Said("mistral", "the plan has no access", 429, {"message": "m"}, "permission_denied",
         headers={"x-ratelimit-limit-req-minute": "0"}),
    _mistral(503, "", "no capacity", "provider_overloaded"),
)  # fmt: skip
GROQ = (
    _openai(400, "a field that it does not take", "unsupported", "", "invalid_request_error",
            "property 'x' is unsupported", profile="groq"),
    _openai(400, "the model's call of a tool is broken", "provider_error", "tool_use_failed", "invalid_request_error",
            profile="groq"),
    _openai(400, "the model can't do this", "unsupported", "", "invalid_request_error",
            "`tool calling` is not supported with this model", profile="groq"),
    _openai(401, "a wrong key", "invalid_credentials", "invalid_api_key", "invalid_request_error", profile="groq"),
    _openai(404, "an unknown or retired model", "model_not_found", "model_not_found", "invalid_request_error",
            profile="groq"),
    _openai(400, "a retired model", "model_not_found", "model_decommissioned", "invalid_request_error", profile="groq"),
    _openai(413, "one request above a whole minute's limit", "too_large", "rate_limit_exceeded", "tokens",
            "Request too large for model x on tokens per minute (TPM): Limit 8000, Requested 11881", profile="groq"),
    _openai(429, "a limit of the minute", "rate_limited", "rate_limit_exceeded", "requests",
            "Rate limit reached for model x on requests per minute (RPM): Limit 30, Used 30, Requested 1. Please try "
            "again in 1.5s.", profile="groq", retry="header", after_s=2.0, headers={"retry-after": "2"}),
    _openai(429, "the day's quota", "quota_exhausted", "rate_limit_exceeded", "tokens",
            "Rate limit reached for model x on tokens per day (TPD): Limit 200000, Used 199000, Requested 4000. Please "
            "try again in 9m52.272s.", profile="groq", retry="body", after_s=592.272),
    _openai(498, "the flex tier is full", "provider_overloaded", "capacity_exceeded", "invalid_request_error",
            profile="groq"),
    _openai(424, "something that it needs has failed", "provider_error", "", "", profile="groq"),
    _openai(503, "no capacity", "provider_overloaded", "", "", profile="groq"),
    _openai(200, "the model's call of a tool is broken", "provider_error", "tool_use_failed", "invalid_request_error",
            profile="groq", where="stream"),
)  # fmt: skip
OPENROUTER = (
    _router(400, "the request is malformed", "bad_request"),
    _router(400, "the upstream can't do this", "unsupported", "Provider returned error", metadata={
        "raw": '{"error":{"message":"Developer instruction is not enabled for models/gemma-3n"}}'}),
    _router(400, "the prompt is too long", "context_overflow", metadata={"error_type": "context_length_exceeded"}),
    _router(401, "a wrong key", "invalid_credentials"),
    _router(402, "no credit", "insufficient_funds", "This request requires more credits, or fewer max_tokens. You "
            "requested up to 64000 tokens, but can only afford 2666.", metadata={"limit_source": "openrouter_credits"}),
    _router(402, "credit that running requests hold", "rate_limited", retry="header", after_s=5.0,
            headers={"retry-after": "5"}, metadata={"limit_source": "openrouter_in_flight_budget"}),
    _router(403, "no right to it", "permission_denied"),
    _router(403, "content that was flagged", "content_filtered", metadata={"reasons": ["x"], "flagged_input": "y"}),
    _router(404, "an unknown model", "model_not_found", "No endpoints found for a/b."),
    _router(404, "no provider of the model can do this", "unsupported", "No endpoints found that support tool use."),
    _router(408, "it took too long", "provider_timeout"),
    _router(413, "too large", "too_large"),
    _router(429, "a passing limit", "rate_limited", "Rate limit exceeded: free-models-per-min.", retry="body",
            after_s=30.0, metadata={"headers": {"X-RateLimit-Remaining": "0",
                                                "X-RateLimit-Reset": f"{int(NOW) + 30}000"}}),
    _router(429, "the day's free requests", "quota_exhausted", "Rate limit exceeded: free-models-per-day. Add 10 "
            "credits to unlock 1000 free model requests per day", retry="body", after_s=7200.0,
            metadata={"headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{int(NOW) + 7200}000"}}),
    _router(502, "the upstream has failed", "provider_error"),
    _router(503, "nobody has capacity", "provider_overloaded", retry="header", after_s=4.0,
            headers={"retry-after": "4"}),
    _router(502, "the upstream has failed", "provider_error", http=200, where="stream"),
    _router(429, "a passing limit", "rate_limited", http=200, where="stream"),
    _router(402, "no credit", "insufficient_funds", http=200, where="body"),
)  # fmt: skip
OLLAMA = (
    Said("ollama", "the model is not pulled", 404, {"error": "model 'x' not found"}, "model_not_found"),
    Said("ollama", "the model can't do this", 400, {"error": '"x" does not support tools'}, "unsupported"),
    Said("ollama", "the prompt is too long", 400, {"error": "prompt too long; exceeded max context length"},
         "context_overflow"),
    Said("ollama", "not enough memory", 500, {"error": "model requires more system memory (8 GiB) than is available"},
         "provider_misconfigured"),
    Said("ollama", "too many at once", 503,
         {"error": "server busy, please try again.  maximum pending requests exceeded"}, "provider_overloaded"),
    Said("ollama", "a cloud model without a login", 401, {"error": "unauthorized", "signin_url": "u"},
         "invalid_credentials"),
    Said("ollama", "a failure of its own", 500, {"error": "llama runner process has terminated"}, "provider_error"),
    Said("ollama", "a failure of its own", 200, {"error": "an error was encountered"}, "provider_error",
         where="stream"),
)  # fmt: skip
GENERIC = (
    Said("generic", "the prompt is too long (llama.cpp)", 400, {"error": {
        "code": 400, "message": "request (9 tokens) exceeds the available context size (8 tokens)",
        "type": "exceed_context_size_error"}}, "context_overflow"),
    Said("generic", "the model is being loaded (llama.cpp)", 503, {"error": {
        "code": 503, "message": "Loading model", "type": "unavailable_error"}}, "provider_overloaded"),
    Said("generic", "a wrong field (FastAPI)", 422, {"detail": [{"loc": ["body", "x"], "msg": "no", "type": "t"}]},
         "bad_request"),
    Said("generic", "an error as text", 400, {"error": "bad thing"}, "bad_request"),
    Said("generic", "an error in a list", 429, [{"error": {"code": 429, "message": "m"}}], "rate_limited"),
    Said("generic", "no credit, in the words of a 429", 429, {"error": {"message": "check your billing"}},
         "insufficient_funds"),
    Said("generic", "a page of a proxy", 502, "<html><h1>502 Bad Gateway</h1></html>", "provider_error"),
    Said("generic", "a wrong path (LM Studio)", 200, {"error": "Unexpected endpoint or method. (GET /models)"},
         "provider_error", where="body"),
    Said("generic", "an address without its version", 404, "404 page not found", "provider_misconfigured"),
)  # fmt: skip

SAID: tuple[Said, ...] = (
    *ANTHROPIC, *OPENAI, *CODEX, *GEMINI, *DEEPSEEK, *GLM, *GROK, *MISTRAL, *GROQ, *OPENROUTER, *OLLAMA, *GENERIC,
)  # fmt: skip
