"""Who sells what for how much, by models.yaml and the catalogue."""

from __future__ import annotations

from kruxos.config.addresses import parse_address
from kruxos.config.model import ModelsConfig, Provider
from kruxos.cores.estimates import PriceList, Seller
from kruxos.dialects.profiles import choose_profile
from kruxos.operations.lifetimes import shelf_at


def price_list(config: ModelsConfig) -> PriceList:
    """What each provider sells, and for how much."""
    sellers = {name: _seller(provider) for name, provider in config.providers.items()}
    return PriceList({name: seller for name, seller in sellers.items() if seller is not None})


def _seller(provider: Provider) -> Seller | None:
    profile = choose_profile(provider.type, provider.base_url, provider.profile)
    if profile is None:
        return None
    local = parse_address(provider.base_url).is_loopback
    return Seller(shelf_at(profile, provider.base_url, provider.catalog), provider.model, local)
