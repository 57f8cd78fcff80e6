"""Which door leads where: one table for all providers and the operator. The first row that fits is taken.

``{name}`` in a path stands for all until what is written behind it, or until the end. Two providers may share a path:
then a header tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import unquote

from . import admin
from .anthropic import endpoints as anthropic
from .anthropic.provider import ANTHROPIC
from .batches import anthropic as anthropic_batches
from .batches import gemini as gemini_batches
from .batches import openai as openai_batches
from .call import Call
from .codex import issuer
from .codex.backend import CODEX, signed_in
from .compatible.table import doors, list_models, mounts
from .gemini import endpoints as gemini
from .gemini.provider import GEMINI
from .generation import generate
from .ollama import endpoints as ollama
from .ollama.provider import OLLAMA
from .openai_chat import endpoints as openai_chat
from .openai_chat.provider import OPENAI
from .openai_responses.provider import OPENAI_RESPONSES_ROW
from .provider import Provider
from .steps import Asked, Response
from .world import World

Handler: TypeAlias = Callable[[Call], Response]
Operation: TypeAlias = Callable[[World, Asked, float], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """A provider's endpoint. It is taken only where the request has the ``header``, if one is named."""

    method: str
    path: str
    provider: Provider
    handle: Handler
    header: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """A door of the issuer of logins."""

    method: str
    path: str
    answer: Operation


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator's endpoint."""

    method: str
    path: str
    answer: Operation


def _gemini(version: str, header: str = "") -> tuple[Route, ...]:
    """Gemini's endpoints under one version of its API; its lists share the path with others'."""
    models = f"{version}/models"
    return (
        Route("POST", f"{models}/{{model}}:generateContent", GEMINI, generate),
        Route("POST", f"{models}/{{model}}:streamGenerateContent", GEMINI, generate),
        Route("POST", f"{models}/{{model}}:countTokens", GEMINI, gemini.count_tokens),
        Route("GET", models, GEMINI, gemini.list_models, header),
        Route("GET", f"{models}/{{model}}", GEMINI, gemini.show_model, header),
    )


_BATCHES: tuple[Route, ...] = (
    Route("POST", "/v1/messages/batches", anthropic_batches.ANTHROPIC, anthropic_batches.create),
    Route("GET", "/v1/messages/batches", anthropic_batches.ANTHROPIC, anthropic_batches.list_batches),
    Route("GET", "/v1/messages/batches/{id}/results", anthropic_batches.ANTHROPIC, anthropic_batches.told_results),
    Route("GET", "/v1/messages/batches/{id}", anthropic_batches.ANTHROPIC, anthropic_batches.show),
    Route("POST", "/v1/messages/batches/{id}/cancel", anthropic_batches.ANTHROPIC, anthropic_batches.cancel),
    Route("POST", "/v1/files", openai_batches.OPENAI, openai_batches.upload),
    Route("GET", "/v1/files/{id}/content", openai_batches.OPENAI, openai_batches.content),
    Route("POST", "/v1/batches", openai_batches.OPENAI, openai_batches.create),
    Route("GET", "/v1/batches", openai_batches.OPENAI, openai_batches.list_batches),
    Route("GET", "/v1/batches/{id}", openai_batches.OPENAI, openai_batches.show),
    Route("POST", "/v1/batches/{id}/cancel", openai_batches.OPENAI, openai_batches.cancel),
    Route("POST", "/upload/v1beta/files", gemini_batches.GEMINI, gemini_batches.upload),
    Route("POST", "/v1beta/models/{model}:batchGenerateContent", gemini_batches.GEMINI, gemini_batches.create),
    Route("GET", "/v1beta/batches", gemini_batches.GEMINI, gemini_batches.list_batches),
    Route("POST", "/v1beta/batches/{id}:cancel", gemini_batches.GEMINI, gemini_batches.cancel),
    Route("GET", "/v1beta/batches/{id}", gemini_batches.GEMINI, gemini_batches.show),
    Route("GET", "/v1beta/files/{id}:download", gemini_batches.GEMINI, gemini_batches.download),
)

ROUTES: tuple[Route, ...] = (
    *_BATCHES,
    Route("POST", "/v1/messages", ANTHROPIC, generate),
    Route("POST", "/v1/messages/count_tokens", ANTHROPIC, anthropic.count_tokens),
    Route("GET", "/v1/models", ANTHROPIC, anthropic.list_models, "anthropic-version"),
    Route("GET", "/v1/models/{model}", ANTHROPIC, anthropic.show_model, "anthropic-version"),
    Route("POST", "/api/chat", OLLAMA, generate),
    Route("GET", "/api/tags", OLLAMA, ollama.tags),
    Route("GET", "/api/ps", OLLAMA, ollama.running),
    Route("POST", "/api/show", OLLAMA, ollama.show),
    Route("GET", "/api/version", OLLAMA, ollama.version),
    *_gemini("/v1beta"),
    *_gemini("/v1", "x-goog-api-key"),
    Route("POST", "/v1/responses", OPENAI_RESPONSES_ROW, generate),
    Route("POST", "/v1/chat/completions", OPENAI, generate),
    Route("POST", "/backend-api/codex/responses", CODEX, signed_in(generate)),
    Route("GET", "/v1/models", OPENAI, openai_chat.list_models),
    Route("GET", "/v1/models/{model}", OPENAI, openai_chat.show_model),
    *(Route("POST", f"{base}/chat/completions", provider, generate) for provider, base in doors()),
    *(Route("GET", f"{base}/models", provider, list_models) for provider, base in doors()),
)
_PREFIXES: tuple[tuple[str, Provider], ...] = (
    ("/v1beta", GEMINI),
    ("/api/", OLLAMA),
    *mounts(),
)
"""Whose words a path gets that is none."""
LOGINS: tuple[Login, ...] = (
    Login("POST", "/api/accounts/deviceauth/usercode", issuer.begin),
    Login("POST", "/api/accounts/deviceauth/token", issuer.poll),
    Login("POST", "/oauth/token", issuer.tokens),
    Login("POST", "/oauth/revoke", issuer.revoke),
    Login("GET", "/codex/device", issuer.page),
)
OPERATOR_BYTES_MAX = 1024 * 1024
OPERATORS: tuple[Operator, ...] = (
    Operator("GET", "/simulator", admin.show),
    Operator("GET", "/simulator/faults", admin.show_faults),
    Operator("POST", "/simulator/faults", admin.switch_faults),
    Operator("GET", "/simulator/requests", admin.show_requests),
    Operator("GET", "/simulator/logins", admin.show_logins),
    Operator("POST", "/simulator/logins", admin.change_logins),
    Operator("GET", "/simulator/batches", admin.show_batches),
    Operator("POST", "/simulator/batches", admin.change_batches),
    Operator("POST", "/simulator/reset", admin.reset),
)


def find(asked: Asked) -> tuple[Route | Login | Operator | None, dict[str, str]]:
    """The row for a request, and the variable parts of its path."""
    path = asked.path.rstrip("/") or "/"
    rows: tuple[Route | Login | Operator, ...] = (*ROUTES, *LOGINS, *OPERATORS)
    for route in rows:
        if route.method == asked.method and (values := _match(route.path, path)) is not None:
            header = route.header if isinstance(route, Route) else ""
            if not header or header in asked.headers:
                return route, values
    return None, {}


def _match(pattern: str, path: str) -> dict[str, str] | None:
    head, _, rest = pattern.partition("{")
    if not rest:
        return {} if path == pattern else None
    name, _, tail = rest.partition("}")
    if not (path.startswith(head) and path.endswith(tail)):
        return None
    value = path[len(head) : len(path) - len(tail)]
    return {name: unquote(value)} if value else None


def likely(asked: Asked) -> Provider:
    """The provider that a request seems to be for, where no row says so."""
    route, _ = find(asked)
    if isinstance(route, Route):
        return route.provider
    for prefix, provider in _PREFIXES:
        if asked.path.startswith(prefix):
            return provider
    return ANTHROPIC if "anthropic-version" in asked.headers else OPENAI


def body_limit(asked: Asked) -> int:
    """How many bytes of a request's body are read."""
    route, _ = find(asked)
    return OPERATOR_BYTES_MAX if isinstance(route, (Operator, Login)) else likely(asked).body_bytes_max
