"""Settings > Model Providers > Add Provider: a type, then what that type asks for, by how one signs in to it."""

from __future__ import annotations

import secrets
from collections import defaultdict
from typing import Any

from starlette.responses import Response

from kruxos.cli.login import TERMS
from kruxos.client import ControlClient
from kruxos.dialects.profiles import PROFILES
from kruxos.operations.issuing import Issuer
from kruxos.operations.offers import CANONICAL, OFFERS, Offer
from kruxos.paths import control_socket
from kruxos.web.dashboard.desk import Asked, Trouble
from kruxos.web.dashboard.signing_in import Login

TITLES = {
    "anthropic": ("Anthropic", "Claude models"),
    "openai": ("OpenAI", "GPT models, or any server with OpenAI's API by its base URL"),
    "openai-codex": ("OpenAI Codex", "by a ChatGPT subscription"),
    "gemini": ("Google Gemini", "Gemini models"),
    "deepseek": ("DeepSeek", "OpenAI-compatible"),
    "glm": ("GLM (Z.ai)", "OpenAI-compatible"),
    "grok": ("Grok (xAI)", "OpenAI-compatible"),
    "mistral": ("Mistral", "OpenAI-compatible"),
    "groq": ("Groq", "OpenAI-compatible, fast"),
    "openrouter": ("OpenRouter", "many models behind one key"),
    "local": ("Ollama (local)", "models on this machine; no key"),
}
_WORDS = ("name", "model", "label")
_LOGINS_KEPT = 8


async def choose(asked: Asked) -> Response:
    """The types; with ``?type=``, what one asks for."""
    kind = asked.request.query_params.get("type")
    if kind is None:
        return asked.show("add_type.html", titles=TITLES)
    return await _form(asked, kind, {})


async def _form(asked: Asked, kind: str, given: dict[str, str], problem: Trouble | None = None) -> Response:
    from kruxos.config.resolve import TYPES  # noqa: PLC0415 - it loads what reads models.yaml: only for this form

    offer = OFFERS.get(kind) if kind in TITLES else None
    if offer is None:
        raise Trouble("There is no provider type of this name.", "choose one under Add Provider", 404)
    vault = await asked.operate("vault.status")
    values: dict[str, Any] = {
        "kind": kind,
        "title": TITLES[kind][0],
        "offer": offer,
        "auth": TYPES[CANONICAL[offer.type]].auths[0],
        "addressed": CANONICAL[offer.type] in ("openai", "ollama", "openrouter"),
        "address": offer.base_url or TYPES[CANONICAL[offer.type]].base_url,
        "models": await _known_models(asked, kind, offer),
        "given": defaultdict(str, given),
        "terms": TERMS,
        "vault": vault,
        "asks_passphrase": await asked.asks_passphrase(),
        "problem": problem,
    }
    return asked.show("add.html", 200 if problem is None else problem.status, **values)


async def _known_models(asked: Asked, kind: str, offer: Offer) -> list[str]:
    profile = PROFILES.get(kind)
    if profile is None or offer.type in ("local", "openrouter"):
        return []
    try:
        found = await asked.operate("model.catalog", profile=profile.catalogue or profile.name)
    except Trouble:
        return []
    return [each["id"] for each in found["models"]]


async def add(asked: Asked) -> Response:
    """Adds it, or begins the login that it wants. What was typed is there again, but for the key, if it cannot be."""
    kind = asked.text("type")
    given = {name: asked.text(name) for name in (*_WORDS, "base_url")}
    try:
        wish = _wish(asked, kind)
        planned = await asked.operate("model.plan", **wish)
        if planned["issuer"] is not None or planned["renews"] is not None:
            return await _begin_login(asked, planned, wish)
        key = asked.text("api_key") or None
        done = await asked.operate("model.add", **wish, api_key=key)
    except Trouble as found:
        return await _form(asked, kind, given, found)
    roles = f" It is the default for {', '.join(done['default_for'])}." if done["default_for"] else ""
    asked.session.tell(
        f"Added {done['name']} with {done['model']}.{roles}", "; ".join([*done["told"], "test it below"])
    )
    return asked.go(f"/settings/providers/{done['name']}")


def _wish(asked: Asked, kind: str) -> dict[str, str]:
    wish = {name: value for name in _WORDS if (value := asked.text(name))}
    if address := asked.text("base_url"):
        wish["endpoint"] = address
    return {"type": kind} | wish


async def _begin_login(asked: Asked, planned: dict[str, Any], wish: dict[str, str]) -> Response:
    if asked.text("agreed") != "yes":
        raise Trouble("You have not agreed to the terms.", "nothing was sent: agree, or leave it", 409, "agreed")
    if planned["renews"] is not None:
        planned = await asked.operate("model.plan_login", name=planned["renews"])
        return await _login(asked, planned["issuer"], "model.login", {"name": planned["name"]})
    return await _login(asked, planned["issuer"], "model.add", wish)


async def _login(asked: Asked, issuer: dict[str, Any], op: str, arguments: dict[str, str]) -> Response:
    await asked.prove()
    control = ControlClient(address=control_socket(asked.site.settings.data))
    login = Login(Issuer(**issuer), lambda record: control.call(op, {**arguments, "login": record}))
    if not login.begin():
        raise Trouble("Too many logins wait for their codes.", "finish one of them, or give it up", 409)
    number = secrets.token_urlsafe(9)
    logins = asked.session.logins
    logins[number] = login
    while len(logins) > _LOGINS_KEPT:
        logins.pop(next(iter(logins))).give_up()
    return asked.go(f"/settings/logins/{number}")


async def renew(asked: Asked) -> Response:
    """A new login for a provider that is there."""
    planned = await asked.operate("model.plan_login", name=asked.name)
    return await _begin_login(asked, planned | {"renews": planned["name"]}, {})


def _login_of(asked: Asked) -> Login:
    found = asked.session.logins.get(str(asked.request.path_params["number"]))
    if not isinstance(found, Login):
        raise Trouble("There is no such login in this session.", "begin again under Add Provider", 404)
    return found


async def show_login(asked: Asked) -> Response:
    """How a login stands."""
    return asked.show("login.html", login=_login_of(asked))


async def give_up_login(asked: Asked) -> Response:
    """Nobody waits for it any more."""
    _login_of(asked).give_up()
    return asked.go(f"/settings/logins/{asked.request.path_params['number']}")


PAGES = (
    ("GET", "/settings/add-provider", choose),
    ("POST", "/settings/add-provider", add),
    ("POST", "/settings/providers/{name}/login", renew),
    ("GET", "/settings/logins/{number}", show_login),
    ("POST", "/settings/logins/{number}/give-up", give_up_login),
)
