"""Settings > Model Providers: the list, and one provider with its test, key, models and removal."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from kruxos.config.model import ROLE_NAMES
from kruxos.web.dashboard.desk import Asked, Trouble

TEST_WITHIN_S = 25.0
"""Less than the gateway's answer is waited for."""


async def show_all(asked: Asked) -> Response:
    """The list."""
    found = await asked.operate("model.list")
    vault = await asked.operate("vault.status")
    return asked.show("providers.html", **found, vault=vault, tests=asked.session.tests, roles=ROLE_NAMES)


async def show(asked: Asked) -> Response:
    """One provider."""
    return await _page(asked)


async def _page(asked: Asked, problem: Trouble | None = None) -> Response:
    provider = await asked.operate("model.show", name=asked.name)
    why = await asked.operate("model.why", name=asked.name)
    values: dict[str, Any] = {
        "provider": provider,
        "why": why,
        "roles": ROLE_NAMES,
        "tested": asked.session.tests.get(asked.name),
        "asks_passphrase": await asked.asks_passphrase(),
        "problem": problem,
        "pulled": await _pulled(asked) if provider["type"] == "ollama" else None,
    }
    return asked.show("provider.html", 200 if problem is None else problem.status, **values)


async def _pulled(asked: Asked) -> dict[str, Any]:
    """The models that a local server has; why they cannot be had, where that is so."""
    try:
        return {"models": (await asked.operate("model.remote", name=asked.name))["models"], "trouble": None}
    except Trouble as found:
        return {"models": [], "trouble": found}


async def test(asked: Asked) -> Response:
    """One real call; what came of it stands beside the provider."""
    try:
        done = await asked.operate("model.test", name=asked.name, within_s=TEST_WITHIN_S)
    except Trouble as found:
        asked.session.tests[asked.name] = {"ok": False, "text": found.text, "fix": found.fix}
    else:
        text = f"{done['model']} answered in {done['elapsed_ms']} ms"
        asked.session.tests[asked.name] = {"ok": True, "text": text, "fix": "; ".join(done["told"])}
    back = "" if asked.text("back") == "list" else f"/{asked.name}"
    return asked.go(f"/settings/providers{back}")


async def set_default(asked: Asked) -> Response:
    """The default of a role."""
    done = await asked.operate("model.default", name=asked.name, role=asked.text("role"))
    asked.session.tell(f"{asked.name} answers for {asked.text('role')} from now on.", "; ".join(done["told"]))
    return asked.go(f"/settings/providers/{asked.name}")


async def set_enabled(asked: Asked) -> Response:
    """Into use, or out of use."""
    verb = "enable" if asked.text("enabled") == "yes" else "disable"
    done = await asked.operate(f"model.{verb}", name=asked.name)
    asked.session.tell(f"{asked.name} is {verb}d.", "; ".join(done["told"]))
    return asked.go(f"/settings/providers/{asked.name}")


async def set_model(asked: Asked) -> Response:
    """The model that it is asked for."""
    await asked.operate("model.set_model", name=asked.name, model=asked.text("model"))
    asked.session.tell(f"{asked.name} is asked for {asked.text('model')} from now on.")
    return asked.go(f"/settings/providers/{asked.name}")


async def set_key(asked: Asked) -> Response:
    """A new key in place of the old one."""
    try:
        await asked.operate("vault.add", name=f"model-provider:{asked.name}", secret=asked.text("api_key"))
    except Trouble as found:
        return await _page(asked, found)
    asked.session.tests.pop(asked.name, None)
    asked.session.tell(f"{asked.name} has a new key; calls under way finish with the old one.", "test it")
    return asked.go(f"/settings/providers/{asked.name}")


async def confirm(asked: Asked) -> Response:
    """A new address is right: the key goes there."""
    try:
        done = await asked.operate("model.confirm", name=asked.name)
    except Trouble as found:
        return await _page(asked, found)
    asked.session.tell(f"{asked.name}'s key goes to {done['destination']} from now on.")
    return asked.go(f"/settings/providers/{asked.name}")


async def ask_removal(asked: Asked) -> Response:
    """What removing it takes along."""
    provider = await asked.operate("model.show", name=asked.name)
    return asked.show("remove.html", provider=provider, asks_passphrase=await asked.asks_passphrase(), problem=None)


async def remove(asked: Asked) -> Response:
    """Removes it, with its credentials."""
    try:
        done = await asked.operate("model.remove", name=asked.name)
    except Trouble as found:
        provider = await asked.operate("model.show", name=asked.name)
        return asked.show(
            "remove.html", found.status, provider=provider, asks_passphrase=await asked.asks_passphrase(), problem=found
        )
    asked.session.tests.pop(asked.name, None)
    gone = " and its credentials" if done["had_key"] else ""
    roles = ", ".join(done["was_default_for"])
    fix = "; ".join([*done["told"], *([f"it was the default for {roles}: choose another"] if roles else [])])
    asked.session.tell(f"Removed {asked.name}{gone}.", fix)
    return asked.go("/settings/providers")


PAGES = (
    ("GET", "/settings/providers", show_all),
    ("GET", "/settings/providers/{name}", show),
    ("GET", "/settings/providers/{name}/remove", ask_removal),
    ("POST", "/settings/providers/{name}/remove", remove),
    ("POST", "/settings/providers/{name}/test", test),
    ("POST", "/settings/providers/{name}/default", set_default),
    ("POST", "/settings/providers/{name}/enabled", set_enabled),
    ("POST", "/settings/providers/{name}/model", set_model),
    ("POST", "/settings/providers/{name}/key", set_key),
    ("POST", "/settings/providers/{name}/confirm", confirm),
)
