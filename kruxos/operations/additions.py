"""What a `kruxos model add` means: the entry of models.yaml that it asks for. Pure; the day comes from outside."""

from __future__ import annotations

from dataclasses import dataclass, field

from kruxos.catalog import moved
from kruxos.config.addresses import AddressError, parse_address
from kruxos.config.pasted import shown
from kruxos.config.resolve import TYPES
from kruxos.dialects.profiles import PROFILES, choose_profile
from kruxos.operations.advice import has_version
from kruxos.operations.base import refused
from kruxos.operations.lifetimes import lifetime, shelf_at
from kruxos.operations.names import check_name
from kruxos.operations.offers import CANONICAL, OFFERS, Offer


@dataclass(frozen=True, slots=True)
class Wish:
    """The command's words. None: not given."""

    type: str
    name: str | None = None
    auth: str | None = None
    endpoint: str | None = None
    base_url: str | None = None
    model: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Addition:
    """The entry: its name, its fields in the order in which they are written, and what the person should be told."""

    name: str
    fields: dict[str, str]
    told: list[str] = field(default_factory=list[str])

    @property
    def auth(self) -> str:
        """How the provider is signed in to: api_key, oauth or none."""
        return self.fields["auth"]


def plan_addition(wish: Wish, *, today: str) -> Addition:
    """The entry that is asked for; ``today`` is an ISO day. Raises ``RefusedError`` for what makes none."""
    offer = OFFERS.get(wish.type)
    if offer is None:
        fix = f"one of {', '.join(OFFERS)}; any other server with OpenAI's API is `openai` with an --endpoint"
        raise refused(f"there is no provider type {shown(wish.type)}", fix)
    name = wish.name or offer.name
    check_name(name)
    address, told = _address_today(wish, offer)
    written = offer.type
    if CANONICAL[offer.type] == "ollama" and address is not None and has_version(address):
        written = "openai"
        told.append(f"an address with a version path speaks OpenAI's API: {name} is written with `type: openai`")
    auth = _auth(wish, written, local=written != offer.type)
    model, replaced = _model(wish, offer, written, address, today)
    told += replaced
    fields = {"type": written, "auth": auth}
    if address is not None:
        fields["endpoint" if CANONICAL[written] == "ollama" else "base_url"] = address
    fields["default_model" if written == "openrouter" else "model"] = model
    label = wish.label or (offer.label if model == offer.model and written == offer.type else None)
    return Addition(name, fields | ({"label": label} if label else {}), told)


def _address_today(wish: Wish, offer: Offer) -> tuple[str | None, list[str]]:
    """The address, as it is today, and what is to be told of it."""
    address = _address(wish, offer)
    gone = None if address is None else moved(address)
    if gone is None:
        return address, []
    return gone.address, [f"{address} answers no more: {gone.address} is written in its place"]


def _address(wish: Wish, offer: Offer) -> str | None:
    given = [each.rstrip("/") for each in (wish.base_url, wish.endpoint) if each is not None]
    if len(set(given)) > 1:
        raise refused("--endpoint and --base-url say different things", "give one of the two")
    if not given:
        return offer.base_url
    try:
        parse_address(given[0])
    except AddressError as error:
        raise refused(f"the address {error}", "such as --endpoint https://api.deepseek.com/v1") from None
    return given[0]


def _auth(wish: Wish, written: str, *, local: bool) -> str:
    allowed = TYPES[CANONICAL[written]].auths
    if wish.auth is None:
        return "none" if local else allowed[0]
    asked = wish.auth.replace("-", "_")
    if asked not in allowed:
        ways = " or ".join(f"--auth {each.replace('_', '-')}" for each in allowed)
        raise refused(f"a provider of type {written} does not sign in this way", ways)
    return asked


def _model(wish: Wish, offer: Offer, written: str, address: str | None, today: str) -> tuple[str, list[str]]:
    """The model, and what is to be told of it. What a person names is written; the worker sends its successor."""
    kind = CANONICAL[written]
    base_url = address or TYPES[kind].base_url
    profile = choose_profile(kind, base_url) or PROFILES["generic"]
    shelf = shelf_at(profile, base_url)
    if wish.model is not None:
        return wish.model, lifetime(shelf, wish.model, today)
    recommended = offer.model
    if written == "openai" and wish.type in ("openai", "local", "ollama") and address is not None:
        if profile.name not in OFFERS:
            message = "which model a server of your own has is not known here"
            raise refused(message, "name it: --model MODEL")
        recommended = OFFERS[profile.name].model
    instead = shelf.replacement(recommended, today)
    if instead is None:
        return recommended, lifetime(shelf, recommended, today)
    told = f"{recommended}, which the documentation recommends, {instead.why}: {instead.new} is taken in its place"
    return instead.new, [told, *lifetime(shelf, instead.new, today)]
