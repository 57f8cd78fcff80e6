"""Ollama's lists of models, and what is told of one (Ollama docs: API)."""

from __future__ import annotations

import hashlib
from typing import Any

from kruxos.dialects.text import body_bytes
from kruxos.simulator.call import Call, Refused
from kruxos.simulator.models import Sold
from kruxos.simulator.steps import Response

from .errors import invalid
from .models import capabilities, context_of, family_of, tagged

VERSION = "0.14.2"
_SIZE_BYTES = 5_200_000_000


def _begin(call: Call) -> None:
    call.pass_door()
    call.strike_early(call.header_directive())


def version(call: Call) -> Response:
    """The server's version."""
    _begin(call)
    return call.answered(body_bytes({"version": VERSION}))


def tags(call: Call) -> Response:
    """All models that were pulled."""
    _begin(call)
    models = [_listed(sold) for sold in call.world.shop.on_sale("ollama", call.now)]
    return call.answered(body_bytes({"models": models}))


def running(call: Call) -> Response:
    """The models that are loaded: none is told."""
    _begin(call)
    return call.answered(body_bytes({"models": []}))


def _details(sold: Sold) -> dict[str, Any]:
    family = family_of(sold.id)
    return {
        "parent_model": "", "format": "gguf", "family": family, "families": [family], "parameter_size": "8.2B",
        "quantization_level": "Q4_K_M",
    }  # fmt: skip


def _listed(sold: Sold) -> dict[str, Any]:
    name = tagged(sold.id)
    return {
        "name": name,
        "model": name,
        "modified_at": f"{sold.row.as_of or '2026-11-22'}T00:00:00Z",
        "size": _SIZE_BYTES,
        "digest": hashlib.sha256(name.encode()).hexdigest(),
        "details": _details(sold),
        "capabilities": capabilities(sold),
    }


def show(call: Call) -> Response:
    """One model: what it can do, and how much it holds."""
    _begin(call)
    body = call.body()
    name = body.get("model") or body.get("name")
    if not isinstance(name, str) or not name:
        raise Refused(invalid("model is required"), "field_required")
    sold = call.find_model(name)
    if not isinstance(sold, Sold):
        raise Refused(invalid(f"model '{name[:256]}' not found", 404), "model_not_found")
    family = family_of(sold.id)
    told = {
        "modelfile": f"FROM {name}\n",
        "parameters": "",
        "template": "{{ .Prompt }}",
        "details": _details(sold),
        "model_info": {"general.architecture": family, f"{family}.context_length": context_of(sold)},
        "capabilities": capabilities(sold),
        "modified_at": "2026-11-22T00:00:00Z",
    }
    return call.answered(body_bytes(told))
