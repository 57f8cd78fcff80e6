"""`kruxos model test`: one real call through a provider's worker, and what is wrong if it fails."""

from __future__ import annotations

import time
from typing import Any

from kruxos.client.options import opening
from kruxos.config.model import Provider
from kruxos.dialects.profiles import choose_profile
from kruxos.errors import BY_CODE, KruxosError, NoProviderError, ProviderMisconfiguredError
from kruxos.fields import Fields
from kruxos.operations.advice import advise
from kruxos.operations.base import Context, Operation
from kruxos.operations.names import meant_provider

PROMPT = "Reply with the one word: ready"
OUTPUT_TOKENS_MAX = 256
"""Room for a model that thinks before its one word; most need three."""
WITHIN_S = 120.0


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
        raise told_error(error, provider) from None
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


def told_error(error: KruxosError, provider: Provider) -> KruxosError:
    """The same failure in plain words. The call could go nowhere else: the provider's own last attempt is the cause."""
    code, said = error.code, error.message
    own = [each for each in error.attempts if each.provider == provider.name and each.outcome != "answered"]
    if own:
        code, said = own[-1].outcome, own[-1].message
    kind = BY_CODE.get(code, type(error))
    advice = advise(code, provider.name, kind=provider.type, base_url=provider.base_url, model=provider.model)
    said = said.removesuffix(kind.recovery).removesuffix(": ").removeprefix("skipped: ")
    detail = "" if said in ("", code, advice.message) else f" ({said})"
    told = kind(f"{provider.name}: {advice.message}{detail}\n  fix: {advice.fix}", detail=error.detail)
    told.detail.provider = provider.name
    return told


OPERATIONS = (Operation("model.test", test, reads=True),)
