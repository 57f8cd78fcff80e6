"""All compatible providers, and their doors: what is asked at the real host stands here behind the mount."""

from __future__ import annotations

from datetime import UTC, datetime

from kruxos.dialects.text import body_bytes
from kruxos.simulator.bases import BASE_PATHS
from kruxos.simulator.call import Call
from kruxos.simulator.provider import Provider
from kruxos.simulator.steps import Response

from .deepseek import DEEPSEEK
from .glm import GLM
from .grok import GROK
from .groq import GROQ
from .mistral import MISTRAL
from .openrouter import OPENROUTER

COMPATIBLE: tuple[Provider, ...] = (DEEPSEEK, GLM, GROK, MISTRAL, GROQ, OPENROUTER)
ALIASES: tuple[tuple[Provider, str], ...] = ((DEEPSEEK, "/deepseek/v1"), (GLM, "/z.ai/api/coding/paas/v4"))
"""Further base paths (DeepSeek docs: quick start; Z.ai docs: coding plan)."""


def doors() -> list[tuple[Provider, str]]:
    """Every provider with every base path that it has."""
    return [*((provider, BASE_PATHS[provider.name]) for provider in COMPATIBLE), *ALIASES]


def mounts() -> list[tuple[str, Provider]]:
    """What all paths of a provider begin with."""
    return [("/" + base.split("/")[1] + "/", provider) for provider, base in doors()]


def list_models(call: Call) -> Response:
    """All models on sale."""
    call.pass_door()
    call.strike_early(call.header_directive())
    name = call.provider.name
    models = [
        {"id": sold.id, "object": "model", "created": _created(sold.row.as_of), "owned_by": name}
        for sold in call.world.shop.on_sale(name, call.now)
    ]
    return call.answered(body_bytes({"object": "list", "data": models}))


def _created(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) if day else 0
