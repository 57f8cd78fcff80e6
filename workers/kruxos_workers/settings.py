"""What a worker is told about its one provider: the configure frame, checked once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from kruxos import catalog
from kruxos.dialects import registry
from kruxos.dialects.base import Dialect
from kruxos.dialects.profiles import Profile
from kruxos.errors import ProviderMisconfiguredError
from kruxos.fields import Fields
from kruxos.login import Login, read_login
from kruxos_workers.compaction.wishes import Wish, read_wish
from kruxos_workers.limits import Configured

CONNECT_S = 10.0
FIRST_EVENT_S = 120.0
IDLE_S = 120.0
CALL_S = 600.0


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds: to connect, from the request to the first event, between events, for a whole answer.

    ``first_event_s`` None: the catalogue's for the model, else the profile's.
    """

    connect_s: float = CONNECT_S
    first_event_s: float | None = None
    idle_s: float = IDLE_S
    call_s: float = CALL_S


@dataclass(frozen=True, slots=True)
class Settings:
    """One provider. ``origin`` tags the state that it makes; ``secret`` is its key or access token, or empty.

    ``account_id`` names the account that a login is for. ``login`` is there where one signs in with an account:
    ``oauth_issuer`` renews it, for ``oauth_client_id``. ``proxy``: its URL; ``ca_bundle``: PEM, trusted beside the
    system's certificates. ``stated`` is what the operator says of models (``kruxos.catalog.Shelf``);
    ``refuses_retired``: retired models are errors, not replaced. ``caches_prompts``: prompt caches are looked after
    unless a call says otherwise; ``cache_retention`` is what autonomous calls wish for.
    ``compaction``: when and how long conversations are made shorter.
    """

    provider: str
    profile: Profile
    dialect: Dialect
    origin: str
    base_url: str
    model: str | None
    headers: dict[str, str] = field(default_factory=dict[str, str])
    time_limits: TimeLimits = field(default_factory=TimeLimits)
    limits: Configured = field(default_factory=Configured)
    proxy: str | None = None
    ca_bundle: bytes | None = None
    secret: str = field(default="", repr=False)
    account_id: str = ""
    stated: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    refuses_retired: bool = False
    caches_prompts: bool = True
    cache_retention: str = "extended"
    compaction: Wish = field(default_factory=Wish)
    login: Login | None = None
    oauth_issuer: str = ""
    oauth_client_id: str = ""

    @property
    def shelf(self) -> catalog.Shelf:
        """What is known of the provider's models. At its own host the origin is the bare profile."""
        sold = self.profile.catalogue or self.profile.name
        return catalog.Shelf(sold, self.origin == self.profile.name, self.stated)

    def auth(self) -> dict[str, str]:
        """The headers that prove who pays, as this provider wants them; empty where there is no key."""
        if not self.secret:
            return {}
        if self.profile.auth != "bearer":
            return {self.profile.auth: self.secret}
        account = {"chatgpt-account-id": self.account_id} if self.account_id else {}
        return {"authorization": f"Bearer {self.secret}", **account}

    def signed_in(self, login: Login) -> Settings:
        """The same with another login."""
        return replace(self, login=login, secret=login.access_token, account_id=login.account_id)


def read_settings(provider: str, settings: dict[str, Any], secret: bytes) -> Settings:
    """The settings as values. Raises ``KruxosError`` for what cannot be right."""
    fields = Fields(settings, provider)
    name = fields.text("profile")
    profile = registry.PROFILES.get(name)
    if profile is None:
        raise ProviderMisconfiguredError(f"{provider}: there is no profile {name}")
    headers = fields.object("headers")
    credentials = Fields(json.loads(secret) if secret else {}, "secret")
    return Settings(
        provider=provider,
        profile=profile,
        dialect=_dialect(provider, fields.maybe_text("dialect") or profile.dialect),
        origin=fields.text("origin"),
        base_url=fields.text("base_url"),
        model=fields.maybe_text("model"),
        headers={key: Fields(headers, "headers").text(key) for key in headers},
        time_limits=_time_limits(Fields(fields.object("time_limits"), "time_limits")),
        limits=_limits(Fields(fields.object("limits"), "limits")),
        proxy=fields.maybe_text("proxy"),
        ca_bundle=fields.maybe_data("ca_bundle"),
        secret=credentials.maybe_text("access_token") or credentials.maybe_text("api_key") or "",
        account_id=credentials.maybe_text("account_id") or "",
        stated=fields.object("catalog"),
        refuses_retired=fields.maybe_text("retired_models") == "refuse",
        caches_prompts=fields.maybe_text("cache") != "off",
        cache_retention=fields.maybe_text("prompt_cache_retention") or "extended",
        compaction=read_wish(fields.object("compaction"), Wish()),
        login=read_login(secret) if fields.maybe_text("auth") == "oauth" else None,
        oauth_issuer=fields.maybe_text("oauth_issuer") or "",
        oauth_client_id=fields.maybe_text("oauth_client_id") or "",
    )


def _limits(fields: Fields) -> Configured:
    return Configured(
        requests_per_minute=fields.maybe_integer("requests_per_minute", low=1),
        tokens_per_minute=fields.maybe_integer("tokens_per_minute", low=1),
        concurrency=fields.maybe_integer("concurrency", low=1),
    )


def _dialect(provider: str, name: str) -> Dialect:
    dialect = registry.DIALECTS.get(name)
    if dialect is None:
        raise ProviderMisconfiguredError(f"{provider}: this version does not speak {name}")
    return dialect


def _time_limits(fields: Fields) -> TimeLimits:
    return TimeLimits(
        connect_s=fields.maybe_number("connect_s", low=0.1) or CONNECT_S,
        first_event_s=fields.maybe_number("first_event_s", low=0.1),
        idle_s=fields.maybe_number("idle_s", low=0.1) or IDLE_S,
        call_s=fields.maybe_number("call_s", low=0.1) or CALL_S,
    )
