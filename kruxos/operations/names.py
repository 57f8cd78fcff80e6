"""Finding the provider that a person means.

The document names providers in two ways: by the names of its examples (`kruxos model test claude-api`) and by type
(`kruxos model remove openai-codex`). So where no provider has a name, the name of an example or of a type stands for
the only provider of that kind, and the answer says so. What removes something takes exact names only.
"""

from __future__ import annotations

from kruxos.config.model import PROVIDER_NAME, ModelsConfig, Provider
from kruxos.config.pasted import shown
from kruxos.dialects.profiles import choose_profile
from kruxos.errors import RefusedError
from kruxos.operations.base import refused
from kruxos.operations.offers import CANONICAL, OFFERS, Offer


def exact_provider(config: ModelsConfig, name: str) -> Provider:
    """The provider of this very name. Raises ``RefusedError``."""
    provider = config.providers.get(name)
    if provider is None:
        raise unknown_provider(config, name)
    return provider


def meant_provider(config: ModelsConfig, name: str) -> tuple[Provider, list[str]]:
    """The provider that is meant, and what the person should be told. Raises ``RefusedError``."""
    if name in config.providers:
        return config.providers[name], []
    kinds = {_kind_of_offer(offer) for word, offer in OFFERS.items() if name in (word, offer.example)}
    found = [provider for provider in config.providers.values() if _kind_of(provider) in kinds]
    if len(found) != 1:
        raise unknown_provider(config, name)
    return found[0], [f"there is no provider {shown(name)}: {found[0].name} is meant, the only one of this kind"]


def unknown_provider(config: ModelsConfig, name: str) -> RefusedError:
    """The error for a name that no provider has."""
    there = ", ".join(config.providers)
    fix = f"use one of: {there}" if there else "add one: `kruxos model add anthropic --auth api-key`"
    return refused(f"there is no provider {shown(name)}", fix)


def check_name(name: str) -> None:
    """Raises ``RefusedError`` for what cannot be a provider's name."""
    if not PROVIDER_NAME.fullmatch(name) or shown(name) != name:
        message = "this name cannot be used for a provider"
        raise refused(message, "small letters, digits and . _ - only, 63 at most: --name my-provider")


def _kind_of(provider: Provider) -> tuple[str, str]:
    profile = choose_profile(provider.type, provider.base_url, provider.profile)
    return provider.type, "" if profile is None else profile.name


def _kind_of_offer(offer: Offer) -> tuple[str, str]:
    kind = CANONICAL[offer.type]
    profile = choose_profile(kind, offer.base_url or "https://api.openai.com/v1")
    return kind, "" if profile is None else profile.name
