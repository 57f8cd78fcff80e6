"""Every provider that the simulator is, as our dialects aim at it."""

from __future__ import annotations

from dataclasses import replace

from kruxos import catalog
from kruxos.dialects.base import Target
from kruxos.dialects.profiles import PROFILES
from kruxos.dialects.registry import DIALECTS
from kruxos.messages import Request
from kruxos.simulator.bases import BASE_PATHS
from kruxos.simulator.world import World
from tests.simulator.support import NOW, Answer, send

CHAT = "openai-chat"
SPOKEN = {name: profile for name, profile in PROFILES.items() if name in BASE_PATHS} | {
    CHAT: replace(PROFILES["openai"], dialect="openai-chat")
}
"""By name: a profile, in its own protocol; OpenAI's older one is a name of its own."""
BASES = BASE_PATHS | {CHAT: BASE_PATHS["openai"]}


def sold(world: World) -> dict[str, list[str]]:
    """The models of each that the catalogue knows; OpenRouter's are others' models."""
    found: dict[str, list[str]] = {}
    for name, profile in SPOKEN.items():
        every = [each.id for each in world.shop.on_sale(profile.name, NOW)]
        found[name] = [each for each in every if name == "openrouter" or catalog.lookup(profile.name, each)]
    return found


def sent(world: World, request: Request, name: str, model: str, *, stream: bool = False) -> Answer:
    """The request in the profile's dialect, sent to the simulator. Raises what the dialect raises."""
    row = SPOKEN[name]
    target = Target("p", model, row, row.name, stream, now=NOW)
    http = DIALECTS[row.dialect].encode_request(request, target).http
    key = {row.auth: "some-key"} if row.auth != "bearer" else {"authorization": "Bearer some-key"}
    return send(world, BASES[name] + http.path, http.body, headers=http.headers | key)
