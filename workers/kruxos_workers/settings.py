"""What a worker is told about its one provider: the configure frame, checked once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from kruxos.dialects import registry
from kruxos.dialects.base import Dialect
from kruxos.dialects.profiles import Profile
from kruxos.errors import ProviderMisconfiguredError
from kruxos.fields import Fields
from kruxos.login import Login, read_login

CONNECT_S = 10.0
FIRST_EVENT_S = 120.0
IDLE_S = 120.0
CALL_S = 600.0


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds: to connect, from the request to the first event, between events, for a whole answer."""

    connect_s: float = CONNECT_S
    first_event_s: float = FIRST_EVENT_S
    idle_s: float = IDLE_S
    call_s: float = CALL_S


@dataclass(frozen=True, slots=True)
class Settings:
    """One provider. ``origin`` tags the state that it makes; ``secret`` is its key or access token, or empty.

    ``account_id`` names the account that a login is for. ``login`` is there where one signs in with an account:
    ``oauth_issuer`` renews it, for ``oauth_client_id``.
    """

    provider: str
    profile: Profile
    dialect: Dialect
    origin: str
    base_url: str
    model: str | None
    headers: dict[str, str] = field(default_factory=dict[str, str])
    time_limits: TimeLimits = field(default_factory=TimeLimits)
    secret: str = field(default="", repr=False)
    account_id: str = ""
    login: Login | None = None
    oauth_issuer: str = ""
    oauth_client_id: str = ""

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
    dialect = registry.DIALECTS.get(fields.maybe_text("dialect") or "") or registry.DIALECTS[profile.dialect]
    headers = fields.object("headers")
    is_login = fields.maybe_text("auth") == "oauth"
    read = Settings(
        provider=provider,
        profile=profile,
        dialect=dialect,
        origin=fields.text("origin"),
        base_url=fields.text("base_url"),
        model=fields.maybe_text("model"),
        headers={key: Fields(headers, "headers").text(key) for key in headers},
        time_limits=_time_limits(Fields(fields.object("time_limits"), "time_limits")),
        secret="" if is_login or not secret else Fields(json.loads(secret), "secret").text("api_key"),
        oauth_issuer=fields.maybe_text("oauth_issuer") or "",
        oauth_client_id=fields.maybe_text("oauth_client_id") or "",
    )
    return read.signed_in(read_login(secret)) if is_login else read


def _time_limits(fields: Fields) -> TimeLimits:
    return TimeLimits(
        connect_s=fields.maybe_number("connect_s", low=0.1) or CONNECT_S,
        first_event_s=fields.maybe_number("first_event_s", low=0.1) or FIRST_EVENT_S,
        idle_s=fields.maybe_number("idle_s", low=0.1) or IDLE_S,
        call_s=fields.maybe_number("call_s", low=0.1) or CALL_S,
    )
