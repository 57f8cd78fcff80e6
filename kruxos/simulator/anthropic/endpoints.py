"""Anthropic's other endpoints: counting tokens, and which models there are (Anthropic SDK 2.12: model_info)."""

from __future__ import annotations

from typing import Any

from kruxos.dialects.text import body_bytes
from kruxos.simulator.call import Call, Refused
from kruxos.simulator.generation import read_model, read_request
from kruxos.simulator.models import Sold
from kruxos.simulator.provider import Refusal
from kruxos.simulator.steps import Response

from .provider import COUNTING_RULES

_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_FORMS = ("enabled", "adaptive", "disabled")
_SUPPORTED = {"supported": True}
_DATE_CHARS = 8


def count_tokens(call: Call) -> Response:
    """The input tokens that the same request would be charged for an answer."""
    question = call.pass_door()
    read_model(call, question)
    call.strike_early(call.header_directive())
    call.judge(COUNTING_RULES, question)
    read_request(call, question, {"max_tokens": 1})
    return call.answered(body_bytes({"input_tokens": question.input_tokens}))


def list_models(call: Call) -> Response:
    """All models on sale, in one page."""
    call.pass_door()
    call.strike_early(call.header_directive())
    models = [_model(sold) for sold in call.world.shop.on_sale("anthropic", call.now)]
    ends = {"first_id": models[0]["id"], "last_id": models[-1]["id"]} if models else {"first_id": None, "last_id": None}
    return call.answered(body_bytes({"data": models, "has_more": False, **ends}))


def show_model(call: Call) -> Response:
    """One model, by its id or alias."""
    call.pass_door()
    call.strike_early(call.header_directive())
    name = call.values["model"]
    sold = call.find_model(name)
    if not isinstance(sold, Sold):
        raise Refused(Refusal(404, "not_found_error", f"model: {name}"), "model_not_found")
    return call.answered(body_bytes(_model(sold)))


def _model(sold: Sold) -> dict[str, Any]:
    row = sold.row
    forms = row.thinking.forms if row.thinking else ()
    dated = row.id[-_DATE_CHARS:]
    day = f"{dated[:4]}-{dated[4:6]}-{dated[6:]}" if dated.isdecimal() else row.as_of
    return {
        "id": row.id,
        "type": "model",
        "display_name": row.id.removesuffix(f"-{dated}").replace("-", " ").title(),
        "created_at": f"{day}T00:00:00Z",
        "max_input_tokens": row.max_input or row.context,
        "max_tokens": row.max_output,
        "capabilities": {
            "effort": _any(sold.efforts) | _each(_EFFORTS, sold.efforts),
            "thinking": _any(forms) | {"types": _each(_FORMS, forms)},
            "image_input": _SUPPORTED,
            "structured_outputs": _SUPPORTED,
        },
        "lifecycle": "deprecated" if row.retires else "active",
        "deprecated_at": None,
        "retires_at": f"{row.retires}T00:00:00Z" if row.retires else None,
    }


def _any(words: tuple[str, ...]) -> dict[str, Any]:
    return {"supported": bool(words)}


def _each(known: tuple[str, ...], words: tuple[str, ...]) -> dict[str, Any]:
    return {word: {"supported": word in words} for word in known}
