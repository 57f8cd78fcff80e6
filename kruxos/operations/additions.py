"""What a `kruxos model add` means: the entry of models.yaml that it asks for. Pure; the day comes from outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from kruxos import catalog
from kruxos.config.addresses import AddressError, parse_address
from kruxos.config.pasted import shown
from kruxos.config.resolve import TYPES
from kruxos.dialects.profiles import choose_profile
from kruxos.operations.advice import has_version
from kruxos.operations.base import refused
from kruxos.operations.names import check_name
from kruxos.operations.offers import CANONICAL, OFFERS, Offer

SUCCESSORS_MAX = 8


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
    address = _address(wish, offer)
    told: list[str] = []
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
    """The model, and what is to be told of it."""
    kind = CANONICAL[written]
    profile = choose_profile(kind, address or TYPES[kind].base_url)
    at = "openai" if profile is None and kind == "openai-codex" else kind if profile is None else profile.name
    if wish.model is not None:
        return wish.model, list(_lifetime(at, wish.model, today))
    recommended = offer.model
    if written == "openai" and wish.type in ("openai", "local", "ollama") and address is not None:
        if at not in OFFERS:
            message = "which model a server of your own has is not known here"
            raise refused(message, "name it: --model MODEL")
        recommended = OFFERS[at].model
    model, why = _successor(at, recommended, today)
    return model, [*why, *_lifetime(at, model, today)]


def _successor(profile: str, model: str, today: str) -> tuple[str, list[str]]:
    """The model, or the one that took its place; and why."""
    current = model
    for _ in range(SUCCESSORS_MAX):
        row = catalog.lookup(profile, current)
        if row is None or row.successor is None or not _is_retired(row, today):
            break
        current = row.successor
    if current == model:
        return model, []
    return current, [f"{model}, which the documentation recommends, is retired: {current} is taken in its place"]


def _is_retired(row: catalog.Model, today: str) -> bool:
    return any(day is not None and day <= today for day in (row.retired, row.retires))


def _lifetime(profile: str, model: str, today: str) -> Iterator[str]:
    row = catalog.lookup(profile, model)
    if row is None:
        return
    instead = f"; its successor is {row.successor}" if row.successor else ""
    if _is_retired(row, today):
        yield f"{model} was retired on {row.retired or row.retires}{instead}"
    elif row.retires is not None:
        yield f"{model} is to be retired on {row.retires}{instead}"
