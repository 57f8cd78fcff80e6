"""`kruxos verify --providers`: whether each provider can be reached, and whether it takes its key.

A finding is a map: ``name``, ``state`` (pass, warn or fail), ``detail``, ``fix``.
"""

from __future__ import annotations

from kruxos.config.model import ModelsConfig, Provider
from kruxos.errors import KruxosError
from kruxos.operations.base import Context
from kruxos.operations.reaching import unreachable
from kruxos.operations.remote import list_remote

KEY_REFUSED = ("invalid_credentials", "insufficient_funds", "permission_denied", "needs_login")
"""What an operator has to do something about; a server of one's own may well have no list of models."""

Finding = dict[str, str]


def finding(name: str, state: str, detail: str, fix: str = "") -> Finding:
    """One line of the answer."""
    return {"name": name, "state": state, "detail": detail, "fix": fix}


async def prove(context: Context, config: ModelsConfig) -> list[Finding]:
    """Each provider's address, and, where workers run, its own list of models: that proves the key, and is free."""
    enabled = [each for each in config.providers.values() if each.enabled]
    found = [_reached(name, problem) for name, problem in (await context.aside(lambda: unreachable(enabled))).items()]
    if context.gateway is None:
        return found
    import trio  # noqa: PLC0415 - the command line does without it

    reached = {each["name"] for each in found if each["state"] == "pass"}
    async with trio.open_nursery() as nursery:
        for provider in enabled:
            if _network(provider.name) in reached:
                nursery.start_soon(_list_models, context, provider, found)
    return sorted(found, key=lambda each: each["name"])


def _network(name: str) -> str:
    return f"{name} (network)"


def _reached(name: str, problem: str) -> Finding:
    fix = "check the network and base_url; for a local server, that it runs" if problem else ""
    return finding(_network(name), "fail" if problem else "pass", problem or "takes connections", fix)


async def _list_models(context: Context, provider: Provider, found: list[Finding]) -> None:
    name = f"{provider.name} (models)"
    try:
        listed = await list_remote(context, {"name": provider.name})
    except KruxosError as error:
        message, _, fix = error.message.partition("\n  fix: ")
        state = "fail" if error.code in KEY_REFUSED else "warn"  # many servers of one's own have no list
        found.append(finding(name, state, message, fix))
    else:
        found.append(finding(name, "pass", f"its own list has {len(listed['models'])} models"))
