"""What a worker is told about its one provider: the configure frame, checked once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from kruxos.dialects import registry
from kruxos.dialects.base import Dialect
from kruxos.dialects.profiles import Profile
from kruxos.errors import ProviderMisconfiguredError
from kruxos.fields import Fields

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
    """One provider. ``origin`` tags the state that it makes; ``secret`` is its key, or empty.

    ``proxy``: its URL; ``ca_bundle``: PEM, trusted beside the system's certificates.
    """

    provider: str
    profile: Profile
    dialect: Dialect
    origin: str
    base_url: str
    model: str | None
    headers: dict[str, str] = field(default_factory=dict[str, str])
    time_limits: TimeLimits = field(default_factory=TimeLimits)
    proxy: str | None = None
    ca_bundle: bytes | None = None
    secret: str = field(default="", repr=False)

    def auth(self) -> dict[str, str]:
        """The header that proves who pays, as this provider wants it; empty where there is no key."""
        if not self.secret:
            return {}
        if self.profile.auth == "bearer":
            return {"authorization": f"Bearer {self.secret}"}
        return {self.profile.auth: self.secret}


def read_settings(provider: str, settings: dict[str, Any], secret: bytes) -> Settings:
    """The settings as values. Raises ``KruxosError`` for what cannot be right."""
    fields = Fields(settings, provider)
    name = fields.text("profile")
    profile = registry.PROFILES.get(name)
    if profile is None:
        raise ProviderMisconfiguredError(f"{provider}: there is no profile {name}")
    dialect = registry.DIALECTS.get(fields.maybe_text("dialect") or "") or registry.DIALECTS[profile.dialect]
    headers = fields.object("headers")
    return Settings(
        provider=provider,
        profile=profile,
        dialect=dialect,
        origin=fields.text("origin"),
        base_url=fields.text("base_url"),
        model=fields.maybe_text("model"),
        headers={key: Fields(headers, "headers").text(key) for key in headers},
        time_limits=_time_limits(Fields(fields.object("time_limits"), "time_limits")),
        proxy=fields.maybe_text("proxy"),
        ca_bundle=fields.maybe_data("ca_bundle"),
        secret=json.loads(secret)["api_key"] if secret else "",
    )


def _time_limits(fields: Fields) -> TimeLimits:
    return TimeLimits(
        connect_s=fields.maybe_number("connect_s", low=0.1) or CONNECT_S,
        first_event_s=fields.maybe_number("first_event_s", low=0.1) or FIRST_EVENT_S,
        idle_s=fields.maybe_number("idle_s", low=0.1) or IDLE_S,
        call_s=fields.maybe_number("call_s", low=0.1) or CALL_S,
    )
