"""How long a provider's model has still to live, in words: retired, to be retired, or never there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kruxos import catalog
from kruxos.config.model import ModelsConfig, Provider, RetiredModels
from kruxos.dialects.profiles import Profile, choose_profile, origin_of


def shelf_at(profile: Profile, base_url: str, stated: Mapping[str, Mapping[str, Any]] | None = None) -> catalog.Shelf:
    """What is known of the models that are sold at an address; ``stated`` as in models.yaml."""
    is_own = origin_of(profile, base_url) == profile.name
    return catalog.Shelf(profile.catalogue or profile.name, is_own, stated or {})


def provider_lifetime(provider: Provider, today: str) -> list[str]:
    """What is to be told of the provider's own model on ``today`` (an ISO day)."""
    profile = choose_profile(provider.type, provider.base_url, provider.profile)
    if profile is None or provider.model is None or provider.model in provider.catalog:
        return []
    model = provider.model_aliases.get(provider.model, provider.model)
    return lifetime(shelf_at(profile, provider.base_url), model, today, provider.retired_models)


def lifetimes(config: ModelsConfig, today: str) -> list[str]:
    """What is to be told of all enabled providers, with their names."""
    enabled = [provider for provider in config.providers.values() if provider.enabled]
    return [f"{each.name}: {told}" for each in enabled for told in provider_lifetime(each, today)]


def lifetime(shelf: catalog.Shelf, model: str, today: str, retired_models: RetiredModels = "translate") -> list[str]:
    """What is to be told of a model."""
    instead = shelf.replacement(model, today)
    if instead is not None:
        if retired_models == "refuse":
            return [f"{model} {instead.why}, and `retired_models: refuse` is set: write {instead.new}"]
        thinking = {"none": ", without thinking", None: ""}.get(instead.effort, ", with thinking")
        return [f"{instead.message}{thinking}{_price(shelf.lookup(instead.new))}"]
    row = catalog.ending(shelf.profile, model, today) if shelf.own_host else None
    if row is None:
        return []
    then = f"; {row.successor} answers from then on" if row.successor else ""
    return [f"{model} is to be retired on {row.gone_from}{then}"]


def _price(row: catalog.Model | None) -> str:
    if row is None or row.prices is None:
        return ""
    return f" (${row.prices.input:f} in, ${row.prices.output:f} out for a million tokens)"
