"""What the fields of models.yaml mean together: defaults by type, addresses, and what does not fit.

The table of types is the product's: which dialect a type speaks, where it is, how one signs in there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from kruxos.catalog import moved
from kruxos.config.addresses import parse_address
from kruxos.config.model import (
    MEMORY_MAX_BYTES,
    Alerts,
    Auth,
    Dialect,
    Http,
    Isolation,
    Limits,
    Provider,
    ProviderType,
    RetiredModels,
    TimeLimits,
)
from kruxos.config.report import Report
from kruxos.config.schema import AlertFields, HttpFields, ProviderFields, TopFields
from kruxos.cores.alerting import ALERT_KINDS

REPEAT_MINUTES = 60.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TypeRow:
    """One type of provider. ``auths``: the first is the default. ``dialect_elsewhere``: with a ``base_url``.

    ``issuer`` and ``client_id`` are for logins (``oauth``): who gives the tokens, and as whom we ask.
    """

    dialect: Dialect
    dialect_elsewhere: Dialect
    base_url: str
    auths: tuple[Auth, ...]
    issuer: str | None = None
    client_id: str | None = None


TYPES: Mapping[ProviderType, TypeRow] = {
    "anthropic": TypeRow("anthropic", "anthropic", "https://api.anthropic.com", ("api_key", "none")),
    "openai": TypeRow("openai-responses", "openai-chat", "https://api.openai.com/v1", ("api_key", "none")),
    # The client id is the one that OpenAI's own Codex registers (github.com/openai/codex: login/src/auth/manager.rs);
    # OpenAI gives out no other for device-code logins.
    "openai-codex": TypeRow(
        "openai-responses",
        "openai-responses",
        "https://chatgpt.com/backend-api/codex",
        ("oauth",),
        issuer="https://auth.openai.com",
        client_id="app_EMoamEEZ73f0CkXaXp7hrann",
    ),
    "gemini": TypeRow("gemini", "gemini", "https://generativelanguage.googleapis.com/v1beta", ("api_key", "none")),
    "openrouter": TypeRow("openai-chat", "openai-chat", "https://openrouter.ai/api/v1", ("api_key",)),
    "ollama": TypeRow("ollama", "ollama", "http://localhost:11434", ("none", "api_key")),
}


@dataclass(frozen=True, slots=True)
class Inherited:
    """What stands at the top of the file and holds for every provider that does not say otherwise."""

    proxy: str | None = None
    ca_bundle: str | None = None
    isolation: Isolation = "best_effort"
    retired_models: RetiredModels = "translate"
    memory_max_bytes: int = MEMORY_MAX_BYTES


def provider_of(name: str, fields: ProviderFields, inherited: Inherited, report: Report) -> Provider:
    """The provider that ``fields`` describe. With something reported as wrong it is not to be used."""
    kind: ProviderType = "ollama" if fields.type == "local" else fields.type
    row = TYPES[kind]
    base_url = _base_url(kind, fields, report)
    auth = _auth(fields, row, report)
    proxy = _proxy(fields, base_url, inherited)
    _check_plain_http(auth, base_url, proxy, report)
    return Provider(
        name=name,
        type=kind,
        auth=auth,
        dialect=fields.dialect or (row.dialect_elsewhere if fields.base_url or fields.endpoint else row.dialect),
        base_url=base_url,
        label=fields.label or name,
        model=_one_of(fields.model, fields.default_model, ("model", "default_model"), report),
        profile=fields.profile,
        enabled=fields.enabled is not False,
        limits=Limits(**fields.limits.model_dump()) if fields.limits else Limits(),
        time_limits=TimeLimits(**fields.time_limits.model_dump()) if fields.time_limits else TimeLimits(),
        model_aliases=dict(fields.model_aliases or {}),
        retired_models=fields.retired_models or inherited.retired_models,
        cache=fields.cache or "auto",
        prompt_cache_retention=fields.prompt_cache_retention,
        compaction=fields.compaction.model_dump(exclude_none=True) if fields.compaction else {},
        catalog=_catalog(fields, report),
        headers=dict(fields.headers or {}),
        proxy=proxy,
        ca_bundle=fields.ca_bundle or inherited.ca_bundle,
        memory_max_bytes=memory_max_of(fields, report) or inherited.memory_max_bytes,
        oauth_issuer=_issuer(auth, fields, row, base_url, report),
        oauth_client_id=(fields.oauth_client_id or row.client_id) if auth == "oauth" else None,
        isolation=fields.isolation or inherited.isolation,
    )


def memory_max_of(fields: ProviderFields | TopFields, report: Report) -> int | None:
    """The cap for workers that stands there, in bytes; None: none does."""
    return _one_of(fields.memory_max, fields.memory_max_bytes, ("memory_max", "memory_max_bytes"), report)


def _one_of(first: T | None, second: T | None, names: tuple[str, str], report: Report) -> T | None:
    if first is not None and second is not None and first != second:
        report.wrong(names[1], f"says something else than `{names[0]}`", "keep one of the two")
    return second if first is None else first


def _base_url(kind: ProviderType, fields: ProviderFields, report: Report) -> str:
    given = _one_of(fields.base_url, fields.endpoint, ("base_url", "endpoint"), report)
    if given is None:
        return TYPES[kind].base_url
    field = "base_url" if fields.base_url else "endpoint"
    path = parse_address(given).path
    if path.endswith(("/chat/completions", "/responses", "/messages")):
        report.wrong(field, "must be the address of the API, not of one call", "leave out what comes after the version")
    elif kind == "ollama" and fields.dialect in (None, "ollama") and path.endswith("/v1"):
        report.wrong(
            field, "must be Ollama's root, without /v1", "for another local server use `type: openai` and `base_url`"
        )
    elif kind == "openai" and not path:
        report.hint(field, "has no version path, without which most servers answer 404", "such as https://host/v1")
    if field == "endpoint" and kind != "ollama":
        report.hint(field, "is taken as `base_url`", "write `base_url`; `endpoint` is Ollama's")
    return _today(given.rstrip("/"), field, report)


def _today(address: str, field: str, report: Report) -> str:
    """The address, or the one that the provider has moved to."""
    gone = moved(address)
    if gone is None:
        return address
    report.hint(field, f"answers no more: {gone.address} is asked in its place", f"write {gone.address}")
    return gone.address


def _catalog(fields: ProviderFields, report: Report) -> dict[str, dict[str, Any]]:
    """What is stated of models, without what is not said."""
    stated: dict[str, dict[str, Any]] = {}
    for model, said in (fields.catalog or {}).items():
        stated[model] = {} if said is None else said.model_dump(exclude_none=True)
        efforts, default = stated[model].get("efforts"), stated[model].get("default_effort")
        if default is not None and default not in (efforts or ()):
            report.wrong(("catalog", model, "default_effort"), "is not among the model's `efforts`", "add it there")
    return stated


def _auth(fields: ProviderFields, row: TypeRow, report: Report) -> Auth:
    if fields.auth is None:
        return row.auths[0]
    if fields.auth not in row.auths:
        report.wrong("auth", f"`{fields.type}` does not sign in this way", f"use {' or '.join(row.auths)}")
    return fields.auth


def _issuer(auth: Auth, fields: ProviderFields, row: TypeRow, base_url: str, report: Report) -> str | None:
    """Who gives the tokens of a login. A server that stands in for the provider's own is its own issuer."""
    if auth != "oauth":
        for name in ("oauth_issuer", "oauth_client_id"):
            if getattr(fields, name) is not None:
                report.wrong(name, "is for providers that one signs in to with an account", "remove it")
        return None
    address = parse_address(base_url)
    elsewhere = address.origin != parse_address(row.base_url).origin
    issuer = fields.oauth_issuer or (_root(base_url) if elsewhere else row.issuer) or _root(base_url)
    given = parse_address(issuer)
    if given.scheme != "https" and not given.is_loopback:
        report.wrong("oauth_issuer", "a login would travel in clear text", "use https://")
    return issuer.rstrip("/")


def _root(base_url: str) -> str:
    return base_url.removesuffix(parse_address(base_url).path)


def _proxy(fields: ProviderFields, base_url: str, inherited: Inherited) -> str | None:
    if fields.proxy is not None:
        return None if fields.proxy == "none" else fields.proxy
    # A proxy for everybody is for the way out: what runs on this machine is asked directly.
    return None if parse_address(base_url).is_loopback else inherited.proxy


def _check_plain_http(auth: Auth, base_url: str, proxy: str | None, report: Report) -> None:
    address = parse_address(base_url)
    if auth == "none" or address.scheme == "https":
        return
    if not address.is_loopback:
        report.wrong(
            "base_url", "a key would travel in clear text", "use https://; plain http is for this machine only"
        )
    elif proxy is not None:
        report.wrong("proxy", "a key would travel to the proxy in clear text", "write `proxy: none`")


def alerts_of(fields: AlertFields | None, inherited: Inherited, report: Report) -> Alerts | None:
    """Whom to tell; None: nobody."""
    if fields is None:
        return None
    if fields.command is None and fields.webhook is None:
        report.wrong((), "says neither `command` nor `webhook`", "such as `command: [/usr/local/bin/tell-me]`")
    if fields.command is not None and not fields.command[0].startswith("/"):
        report.wrong("command", "must begin with an absolute path", "such as [/usr/bin/logger, -t, kruxos]")
    webhook = None if fields.webhook is None else parse_address(fields.webhook)
    if webhook is not None and webhook.scheme != "https" and not webhook.is_loopback:
        report.wrong("webhook", "what is told would travel in clear text", "use https://")
    return Alerts(
        command=tuple(fields.command or ()),
        webhook=fields.webhook,
        on=frozenset(ALERT_KINDS if fields.on is None else fields.on),
        repeat_s=60.0 * (fields.repeat_minutes or REPEAT_MINUTES),
        proxy=None if webhook is not None and webhook.is_loopback else inherited.proxy,
        ca_bundle=inherited.ca_bundle,
    )


def http_of(fields: HttpFields | None, report: Report) -> Http:
    """The web process' settings. It listens on this machine alone, unless the file says plainly that it may not."""
    if fields is None:
        return Http()
    given: dict[str, Any] = {"enabled": True, **fields.model_dump(exclude_none=True)}
    given["names"] = tuple(fields.names or ())
    http = Http(**given)
    if not (http.is_loopback or http.remote):
        fix = "127.0.0.1; or `remote: true`, behind something that speaks TLS"
        report.wrong("host", "agents' tokens and prompts would travel in clear text", fix)
    return http
