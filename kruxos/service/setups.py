"""From models.yaml to what others need: routing's facts, and what each worker is told."""

from __future__ import annotations

import json
import os
import stat
from typing import Any

from kruxos import catalog
from kruxos.config.addresses import is_ip_address, parse_address
from kruxos.config.model import ROLE_NAMES, ModelsConfig, Provider, destination
from kruxos.config.secret import Secret
from kruxos.cores.routing import ProviderFacts, RoutingFacts
from kruxos.dialects.profiles import choose_profile, origin_of
from kruxos.errors import BadRequestError, NeedsLoginError, NoCredentialsError, ProviderMisconfiguredError
from kruxos.login import read_login
from kruxos.service.providers import Setup
from kruxos.vault.vault import Vault, record_name

CA_BUNDLE_BYTES_MAX = 4 * 1024 * 1024
"""The whole store of a system is a twentieth of it."""


STARTED_AT_ONCE_MAX = 16
"""With more providers than this, those that are no role's default are started when somebody asks for them."""


def started_on_demand(config: ModelsConfig) -> frozenset[str]:
    """The providers that have no process until somebody asks for them."""
    if sum(provider.enabled for provider in config.providers.values()) <= STARTED_AT_ONCE_MAX:
        return frozenset()
    return frozenset(config.providers) - {config.defaults.for_role(role) for role in ROLE_NAMES}


def routing_facts(config: ModelsConfig) -> RoutingFacts:
    """What routing knows of the configuration."""
    chosen: dict[str, str | None] = {role: config.defaults.for_role(role) for role in ROLE_NAMES}
    defaults = {role: name for role, name in chosen.items() if name is not None}
    known = frozenset(name for model in catalog.models() for name in model.names)
    return RoutingFacts({name: _facts(provider) for name, provider in config.providers.items()}, defaults, known)


def _facts(provider: Provider) -> ProviderFacts:
    profile = choose_profile(provider.type, provider.base_url, provider.profile)
    sold = None if profile is None else profile.catalogue or profile.name
    models = [model for model in catalog.models() if model.profile == sold]
    return ProviderFacts(
        provider.name,
        enabled=provider.enabled,
        model=provider.model,
        sells=frozenset(name for model in models for name in model.names) or None,
        aliases=provider.model_aliases,
        local=parse_address(provider.base_url).is_loopback,
        flat_rate=provider.auth == "oauth",
    )


def worker_setup(provider: Provider, vault: Vault) -> Setup:
    """What the provider's worker is told. Raises ``KruxosError`` where it cannot be started as things are."""
    settings = provider.to_settings()
    profile = choose_profile(provider.type, provider.base_url, provider.profile)
    if profile is None:
        raise ProviderMisconfiguredError(f"{provider.name}: there is no profile for type {provider.type}")
    settings |= {"profile": profile.name, "origin": origin_of(profile, provider.base_url)}
    settings["ca_bundle"] = None if provider.ca_bundle is None else _read_bundle(provider)
    reached = _reached(provider)
    return Setup(
        settings,
        _secret(provider, vault),
        isolation=provider.isolation,
        ports=tuple(sorted({port for _, port in reached})),
        names=frozenset((host, port) for host, port in reached if not is_ip_address(host)),
        memory_max_bytes=provider.memory_max_bytes,
    )


def _reached(provider: Provider) -> set[tuple[str, int]]:
    """Hosts and ports that its worker connects to: the provider's and the issuer's of its login, or the proxy's."""
    ways = [provider.proxy] if provider.proxy else [provider.base_url, provider.oauth_issuer or provider.base_url]
    return {(address.host, address.port) for address in map(parse_address, ways)}


def _read_bundle(provider: Provider) -> bytes:
    """The certificates that it trusts beside the system's: a worker cannot open the file."""
    assert provider.ca_bundle is not None
    where = f"{provider.name}: ca_bundle {provider.ca_bundle}"
    try:
        opened = os.open(provider.ca_bundle, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(opened, "rb") as file:  # noqa: PTH123 - by its descriptor
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                raise ProviderMisconfiguredError(f"{where} is not a file")
            data = file.read(CA_BUNDLE_BYTES_MAX + 1)
    except OSError as error:
        raise ProviderMisconfiguredError(f"{where} cannot be read: {(error.strerror or 'failed').lower()}") from None
    if len(data) > CA_BUNDLE_BYTES_MAX:
        raise ProviderMisconfiguredError(f"{where} is larger than {CA_BUNDLE_BYTES_MAX} bytes")
    return data


def _secret(provider: Provider, vault: Vault) -> bytes:
    if provider.auth == "none":
        return b""
    if provider.auth == "oauth":
        return login_of(provider, vault).reveal_bytes()
    secret = vault.get(record_name(provider.name), destination(provider))
    value: dict[str, Any] = {"api_key": secret.reveal()}
    return json.dumps(value).encode()


def login_of(provider: Provider, vault: Vault) -> Secret:
    """The provider's login as it is stored. Raises ``NeedsLoginError`` where there is none or it has ended.

    Raises ``KruxosError`` for whatever else keeps it in the vault.
    """
    try:
        secret = vault.get(record_name(provider.name), destination(provider))
        ended = read_login(secret.reveal_bytes()).ended
    except (NoCredentialsError, BadRequestError):
        ended = "not signed in"
    else:
        if not ended:
            return secret
    message = f"{provider.name} needs a login ({ended}): `kruxos model login {provider.name}`"
    raise NeedsLoginError(message, provider=provider.name)
