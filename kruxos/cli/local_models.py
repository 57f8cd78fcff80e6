"""A local provider asks for a model that has been pulled; if the recommended one is not, for one that is."""

from __future__ import annotations

from typing import Any

from kruxos.cli import operating

LIST_WITHIN_S = 30.0


def settle_model(added: dict[str, Any]) -> list[str]:
    """Sees to it that a provider that was just added has its model; what the person should know.

    Only where its own list can be had: the gateway runs, and so does Ollama.
    """
    from kruxos.errors import KruxosError  # noqa: PLC0415 - help texts need none of this

    name, wanted = added["name"], added["model"]
    try:
        listed = operating.operate("model.remote", {"name": name}, timeout_s=LIST_WITHIN_S)["models"]
    except KruxosError:
        return [f"Ollama does not answer at {added['base_url'] or 'its usual address'}: ollama serve"]
    pulled = [each["id"] for each in listed]
    if wanted in pulled:
        return []
    if not pulled:
        return [f"no model is pulled yet: ollama pull {wanted}"]
    operating.operate("model.set_model", {"name": name, "model": pulled[0]})
    others = f" of {len(pulled)}" if len(pulled) > 1 else ""
    return [f"{wanted} is not pulled: {name} has {pulled[0]}, the first{others}; another: `model:` in models.yaml"]
