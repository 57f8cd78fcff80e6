"""`kruxos model test`: one real call through a provider's worker, and what is wrong if it fails."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from kruxos.client.options import opening
from kruxos.config.model import Provider
from kruxos.dialects.profiles import choose_profile
from kruxos.errors import BY_CODE, KruxosError, NoProviderError, ProviderMisconfiguredError
from kruxos.fields import Fields
from kruxos.operations.advice import advise, distrusted
from kruxos.operations.base import Context, LiveGateway, Operation
from kruxos.operations.names import meant_provider
from kruxos.wire import Open

PROMPT = "Reply with the one word: ready"
OUTPUT_TOKENS_MAX = 256
"""Room for a model that thinks before its one word; most need three."""
WITHIN_S = 120.0
LIST_WITHIN_S = 20.0
NEAR_MAX = 3
DISTRUSTED = "is not trusted"
"""In the words of a worker's TLS about a certificate."""


async def test(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Asks a provider one small question. Raises the error of the failure, with the fix.

    Arguments: name; optional ``within_s``, the seconds that the answer may take.
    """
    fields = Fields(arguments)
    gateway = context.running()
    within_s = fields.maybe_number("within_s", low=0.1, high=3600.0) or WITHIN_S
    provider, told = meant_provider(gateway.config, fields.text("name", limit=2048))
    _check(provider)
    frame = opening(
        "chat",
        PROMPT,
        {
            "provider": provider.name,
            "fallback": "none",
            "max_output_tokens": OUTPUT_TOKENS_MAX,
            "deadline_s": within_s,
        },
    )
    began = time.monotonic()
    try:
        reply = await gateway.ask(frame)
    except KruxosError as error:
        near = await similar_models(gateway, provider) if cause(error, provider)[0] == "model_not_found" else []
        raise told_error(error, provider, near) from None
    told += [str(notice.get("message", "")) for notice in reply.get("notices", [])]
    return {
        "name": provider.name,
        "model": reply["model"],
        "elapsed_ms": round((time.monotonic() - began) * 1000),
        "overhead_us": reply["overhead_us"],
        "usage": reply["usage"],
        "cost": reply["cost"],
        "told": told,
    }


def _check(provider: Provider) -> None:
    if not provider.enabled:
        raise NoProviderError(f"{provider.name} is disabled\n  fix: kruxos model enable {provider.name}")
    if choose_profile(provider.type, provider.base_url, provider.profile) is None:
        raise told_error(ProviderMisconfiguredError(), provider)


def cause(error: KruxosError, provider: Provider) -> tuple[str, str]:
    """Code and words of what failed. The call could go nowhere else: the provider's own last attempt is the cause."""
    own = [each for each in error.attempts if each.provider == provider.name and each.outcome != "answered"]
    return (own[-1].outcome, own[-1].message) if own else (error.code, error.message)


def told_error(error: KruxosError, provider: Provider, near: Sequence[str] = ()) -> KruxosError:
    """The same failure in plain words. ``near``: models with similar names, where it has not the one that is set."""
    code, said = cause(error, provider)
    kind = BY_CODE.get(code, type(error))
    advice = advise(
        code,
        provider.name,
        kind=provider.type,
        base_url=provider.base_url,
        model=provider.model,
        proxy=provider.proxy,
    )
    if code == "provider_misconfigured" and DISTRUSTED in said:
        advice = distrusted(provider.name)
    fix = f"{advice.fix} (it has {', '.join(near)})" if near else advice.fix
    said = said.removesuffix(kind.recovery).removesuffix(": ").removeprefix("skipped: ")
    detail = "" if said in ("", code, advice.message) else f" ({said})"
    told = kind(f"{provider.name}: {advice.message}{detail}\n  fix: {fix}", detail=error.detail)
    told.detail.provider = provider.name
    return told


async def similar_models(gateway: LiveGateway, provider: Provider) -> list[str]:
    """The models of the provider's own list whose names are like the one that is set."""
    frame = Open(op="list_models", provider=provider.name, fallback="none", deadline_s=LIST_WITHIN_S)
    try:
        reply = await gateway.ask(frame)
    except KruxosError:
        return []  # not every server has a list
    names = [str(row["id"]) for row in json.loads(reply["text"] or "[]")]
    return get_close_matches(provider.model or "", names, NEAR_MAX, cutoff=0.5)


OPERATIONS = (Operation("model.test", test, reads=True),)
