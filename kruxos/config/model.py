"""What models.yaml says, as plain frozen values: all that the rest of the program sees of it.

Everything here is decided: defaults are filled in, spellings are one, a provider's proxy and CA file are those it
uses. No pydantic and no file access.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address
from typing import Any, Literal

from kruxos.config.addresses import parse_address
from kruxos.config.problems import Problem
from kruxos.cores.caps import Cap

ProviderType = Literal["anthropic", "openai", "openai-codex", "gemini", "openrouter", "ollama"]
Auth = Literal["api_key", "oauth", "none"]
Dialect = Literal["anthropic", "openai-responses", "openai-chat", "gemini", "ollama"]
Isolation = Literal["required", "best_effort", "off"]
RetiredModels = Literal["translate", "refuse"]
CacheWord = Literal["auto", "off"]
Retention = Literal["extended", "24h", "in_memory"]
RoleName = Literal["chat", "autonomous", "fallback"]

ROLE_NAMES: tuple[RoleName, ...] = ("chat", "autonomous", "fallback")

MEMORY_MAX_BYTES = 1024**3
"""What a worker may hold where models.yaml does not say: all bodies that may be in flight at once, four times."""

PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
"""Names of providers. Lower case only: they are file names too, on disks that do not tell case apart."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator allows; None: what the provider's answers say."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds; None: the catalogue's for the model, else the gateway's."""

    connect_s: float | None = None
    first_event_s: float | None = None
    idle_s: float | None = None
    call_s: float | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. ``base_url`` has no last slash; ``model`` None: the catalogue's for the type.

    ``profile`` None: chosen by the dialect from the address. ``proxy`` None: no proxy. ``ca_bundle`` is an absolute
    path, None the system's. ``memory_max_bytes`` is the cap of its worker. ``isolation``: what its worker
    does where this system cannot put the whole cage on. ``oauth_issuer`` is who gives and renews the tokens of a login,
    ``oauth_client_id`` as whom we ask there; None where one signs in otherwise. ``catalog`` is what the operator states
    of models, by id: fields as ``kruxos.catalog.Shelf`` takes them. ``cache``: whether prompt caches are looked after;
    ``prompt_cache_retention``: what autonomous calls wish for, None: ``extended``. ``compaction``: what is said of when
    and how long conversations are made shorter; empty: the gateway's ways.
    """

    name: str
    type: ProviderType
    auth: Auth
    dialect: Dialect
    base_url: str
    label: str
    model: str | None = None
    profile: str | None = None
    enabled: bool = True
    limits: Limits = Limits()
    time_limits: TimeLimits = TimeLimits()
    model_aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    retired_models: RetiredModels = "translate"
    cache: CacheWord = "auto"
    prompt_cache_retention: Retention | None = None
    compaction: Mapping[str, Any] = field(default_factory=dict[str, Any])
    catalog: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    proxy: str | None = None
    ca_bundle: str | None = None
    memory_max_bytes: int = MEMORY_MAX_BYTES
    oauth_issuer: str | None = None
    oauth_client_id: str | None = None
    isolation: Isolation = "best_effort"

    def to_settings(self) -> dict[str, Any]:
        """As a map of plain values, for the frame that configures the provider's worker."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Defaults:
    """Which provider answers for a role where the agent has none of its own; None: not set."""

    chat: str | None = None
    autonomous: str | None = None
    fallback: str | None = None

    def for_role(self, role: RoleName) -> str | None:
        """The provider's name, or None."""
        name: str | None = getattr(self, role)
        return name


@dataclass(frozen=True, slots=True)
class Http:
    """The web process: HTTP doors and dashboard. ``remote``: ``host`` may be an address of the network.

    ``names``: the names under which others reach it, beside its address; what is asked of other names is refused.
    """

    enabled: bool = False
    host: str = "127.0.0.1"
    port: int = 7800
    remote: bool = False
    names: tuple[str, ...] = ()

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect there."""
        return ip_address(self.host).is_loopback


@dataclass(frozen=True, slots=True)
class Budgets:
    """What the gateway as a whole may use, and each provider by name."""

    gateway: tuple[Cap, ...] = ()
    providers: Mapping[str, tuple[Cap, ...]] = field(default_factory=dict[str, tuple[Cap, ...]])


@dataclass(frozen=True, slots=True)
class Alerts:
    """Whom to tell when an operator should look: a ``command`` (its words), a ``webhook`` (a URL), or both.

    ``on`` are the kinds that are told; the same is told again after ``repeat_s``. ``proxy`` and ``ca_bundle`` as for
    providers: the way to the webhook.
    """

    command: tuple[str, ...] = ()
    webhook: str | None = None
    on: frozenset[str] = frozenset()
    repeat_s: float = 3600.0
    proxy: str | None = None
    ca_bundle: str | None = None


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What operators' own tools are given. ``otlp``: the address of a collector, such as ``http://127.0.0.1:4318``."""

    prometheus: bool = False
    otlp: str | None = None


@dataclass(frozen=True, slots=True)
class ModelsConfig:
    """All of models.yaml. ``operators`` and ``agents`` are uids or user names. ``hints`` are not errors."""

    providers: Mapping[str, Provider] = field(default_factory=dict[str, Provider])
    defaults: Defaults = Defaults()
    isolation: Isolation = "best_effort"
    operators: tuple[int | str, ...] = ()
    agents: tuple[int | str, ...] = ()
    agents_group: int | str | None = None
    http: Http = Http()
    budgets: Budgets = Budgets()
    alerts: Alerts | None = None
    telemetry: Telemetry = Telemetry()
    hints: tuple[Problem, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a provider's key may go: the origin ``https://host:port``, by which proxy, trusting which CA file.

    A login goes to two origins, the provider's and its issuer's, and is bound to both.

    The CA file counts by its path: what it holds is renewed now and then, by whoever may write it.
    """

    origin: str
    proxy: str | None = None
    ca_bundle: str | None = None

    def __str__(self) -> str:
        proxy = f" through {self.proxy}" if self.proxy else ""
        return f"{self.origin}{proxy}" + (f" trusting {self.ca_bundle}" if self.ca_bundle else "")


def destination(provider: Provider) -> Destination:
    """What the provider's vault record is bound to."""
    origin = parse_address(provider.base_url).origin
    issuer = origin if provider.oauth_issuer is None else parse_address(provider.oauth_issuer).origin
    both = origin if issuer == origin else f"{origin} and {issuer}"
    return Destination(both, provider.proxy, provider.ca_bundle)
