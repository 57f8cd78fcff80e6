"""Gemini's models and its counting of tokens (Google API definitions: model.proto; Gemini API reference)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from kruxos.dialects.text import body_bytes
from kruxos.errors import BadRequestError
from kruxos.simulator import tokens
from kruxos.simulator.call import Call, Refused
from kruxos.simulator.generation import read_model
from kruxos.simulator.models import Sold
from kruxos.simulator.provider import Refusal
from kruxos.simulator.steps import Response

from .errors import invalid
from .rules import COUNTING_RULES

_PAGE = 50
_PAGE_MAX = 1000
_METHODS = ("generateContent", "countTokens", "streamGenerateContent")


def list_models(call: Call) -> Response:
    """A page of the models on sale."""
    call.pass_door()
    call.strike_early(call.header_directive())
    query = parse_qs(urlsplit(call.asked.target).query)
    size, start = _number(query, "pageSize", _PAGE), _number(query, "pageToken", 0)
    models = [_model(sold) for sold in call.world.shop.on_sale("gemini", call.now)]
    end = start + min(max(1, size), _PAGE_MAX)
    more = {"nextPageToken": str(end)} if end < len(models) else {}
    return call.answered(body_bytes({"models": models[start:end], **more}))


def _number(query: dict[str, list[str]], name: str, default: int) -> int:
    text = query.get(name, [""])[0]
    if not text:
        return default
    if not (text.isdecimal() and len(text) < 9):
        raise Refused(invalid(f"Invalid value at '{name}'"), "query")
    return int(text)


def show_model(call: Call) -> Response:
    """One model, by its name."""
    call.pass_door()
    call.strike_early(call.header_directive())
    sold = call.find_model(call.values["model"])
    if not isinstance(sold, Sold):
        version = call.asked.path.split("/")[1]
        words = f"Model is not found: models/{call.values['model'][:256]} for api version {version}"
        raise Refused(Refusal(404, "NOT_FOUND", words), "model_not_found")
    return call.answered(body_bytes(_model(sold)))


def _model(sold: Sold) -> dict[str, Any]:
    row = sold.row
    limits = {"inputTokenLimit": row.max_input or row.context, "outputTokenLimit": row.max_output}
    return {
        "name": f"models/{sold.id}",
        "version": "001",
        "displayName": sold.id,
        **{name: tokens for name, tokens in limits.items() if tokens is not None},
        "supportedGenerationMethods": list(_METHODS),
        "thinking": sold.reasons,
    }


def count_tokens(call: Call) -> Response:
    """The tokens of contents, or of a whole request."""
    question = call.pass_door()
    read_model(call, question)
    call.strike_early(call.header_directive())
    call.judge(COUNTING_RULES, question)
    whole = question.body.get("generateContentRequest") or {"contents": question.body.get("contents")}
    try:
        decoded = call.provider.dialect.decode_request(body_bytes(whole), {})
    except BadRequestError as error:
        raise Refused(invalid(str(error)), "not_understood") from None
    return call.answered(body_bytes({"totalTokens": tokens.count_request(decoded.request)}))
