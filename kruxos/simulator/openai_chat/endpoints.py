"""OpenAI's models (OpenAI API reference: models)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kruxos.dialects.text import body_bytes
from kruxos.simulator.call import Call, Refused
from kruxos.simulator.models import Sold
from kruxos.simulator.provider import Refusal
from kruxos.simulator.steps import Response

from .errors import INVALID


def list_models(call: Call) -> Response:
    """All models on sale."""
    call.pass_door()
    call.strike_early(call.header_directive())
    models = [_model(sold) for sold in call.world.shop.on_sale("openai", call.now)]
    return call.answered(body_bytes({"object": "list", "data": models}))


def show_model(call: Call) -> Response:
    """One model, by its id."""
    call.pass_door()
    call.strike_early(call.header_directive())
    name = call.values["model"]
    sold = call.find_model(name)
    if not isinstance(sold, Sold):
        raise Refused(
            Refusal(404, INVALID, f"The model '{name}' does not exist", "model_not_found", "model"), "model_not_found"
        )
    return call.answered(body_bytes(_model(sold)))


def _model(sold: Sold) -> dict[str, Any]:
    created = datetime.fromisoformat(sold.row.as_of).replace(tzinfo=UTC)
    return {"id": sold.id, "object": "model", "created": int(created.timestamp()), "owned_by": "system"}
