"""What Gemini refuses beside a wrong shape: models, thinking, formats, caches (Gemini docs; recorded answers)."""

from __future__ import annotations

from typing import Any

from kruxos.simulator.models import Sold
from kruxos.simulator.provider import Question, Refusal, Rule, shape_rules

from .errors import invalid, say
from .shapes import COUNT, GENERATE
from .tool_rules import TOOL_RULES
from .turn_rules import TURN_RULES

_SHAPE = "Google API definitions: generative_service.proto, content.proto"
_DYNAMIC = -1
_BESIDE_CACHE = ("systemInstruction", "tools", "toolConfig")


def _model_missing(question: Question) -> Refusal | None:
    if isinstance(question.model, Sold):
        return None
    method, version = question.path.rpartition(":")[2], question.path.split("/")[1]
    method = "generateContent" if method == "streamGenerateContent" else method
    return Refusal(
        404,
        "NOT_FOUND",
        f"models/{question.name} is not found for API version {version}, or is not supported for {method}. Call "
        "ListModels to see the list of available models and their supported methods.",
    )


def _config(question: Question) -> dict[str, Any]:
    return question.body.get("generationConfig") or {}


def thinking_config(question: Question) -> dict[str, Any]:
    """What a request says about thinking."""
    return _config(question).get("thinkingConfig") or {}


def thinks(question: Question) -> bool:
    """Whether the model thinks in this answer."""
    ways, budget = question.sold.row.thinking, thinking_config(question).get("thinkingBudget")
    if ways is None or not ways.efforts:
        return False
    if budget is not None:
        return bool(budget != 0)
    return ways.default != "none" or thinking_config(question).get("thinkingLevel") is not None


def _thinking_unsupported(question: Question) -> Refusal | None:
    ways, wish = question.sold.row.thinking, thinking_config(question)
    if ways is None or ways.efforts or not (wish.get("thinkingBudget") or wish.get("thinkingLevel")):
        return None
    return invalid(f"Thinking is not enabled for models/{question.sold.id}")


def _both_ways(question: Question) -> Refusal | None:
    wish = thinking_config(question)
    if wish.get("thinkingBudget") is None or wish.get("thinkingLevel") is None:
        return None
    return invalid("You can only set one of thinking budget and thinking level.")


def _level_unsupported(question: Question) -> Refusal | None:
    wanted, ways = thinking_config(question).get("thinkingLevel"), question.sold.row.thinking
    if wanted is None or ways is None or wanted.lower() == "thinking_level_unspecified":
        return None
    if "level" not in ways.forms:
        return invalid("Thinking level is not supported for this model.")
    if wanted.lower() in ways.efforts:
        return None
    words = "is not supported for this model. Please retry with other thinking level."
    return invalid(f"Thinking level {wanted.upper()[:64]} {words}")


def _budget_invalid(question: Question) -> Refusal | None:
    wanted, ways = thinking_config(question).get("thinkingBudget"), question.sold.row.thinking
    if wanted is None or ways is None or ways.budget is None or wanted == _DYNAMIC:
        return None
    least, most = ways.budget
    if wanted == 0:
        is_refused = "none" not in ways.efforts
        return invalid("Budget 0 is invalid. This model only works in thinking mode.") if is_refused else None
    if least <= wanted <= most:
        return None
    return invalid(f"The thinking budget {wanted} is invalid. Please choose a value between {least} and {most}.")


def _json_with_tools(question: Question) -> Refusal | None:
    """Only newer models give structured output beside tools."""
    ways, has_functions = (
        question.sold.row.thinking,
        any(tool.get("functionDeclarations") for tool in question.body.get("tools") or ()),
    )
    kind = _config(question).get("responseMimeType")
    if kind != "application/json" or not has_functions or ways is None or "level" in ways.forms:
        return None
    return invalid(f"Function calling with a response mime type: '{kind}' is unsupported")


def _schema_without_json(question: Question) -> Refusal | None:
    config = _config(question)
    has_schema = config.get("responseSchema") is not None or config.get("responseJsonSchema") is not None
    if not has_schema or config.get("responseMimeType") in ("application/json", "text/x.enum"):
        return None
    return invalid("A response schema is set: response_mime_type must be application/json or text/x.enum")


def _cache_with_others(question: Question) -> Refusal | None:
    if not question.body.get("cachedContent") or not any(question.body.get(name) for name in _BESIDE_CACHE):
        return None
    words = "setting system_instruction, tools or tool_config."
    return invalid(f"CachedContent can not be used with GenerateContent request {words}")


def _cache_missing(question: Question) -> Refusal | None:
    """None is kept here."""
    if not question.body.get("cachedContent"):
        return None
    return Refusal(403, "PERMISSION_DENIED", "CachedContent not found (or permission denied)")


def _context_exceeded(question: Question) -> Refusal | None:
    row, count = question.sold.row, question.input_tokens
    limit = row.max_input or row.context
    if limit is None or count <= limit:
        return None
    return invalid(f"The input token count ({count}) exceeds the maximum number of tokens allowed ({limit}).")


_MODEL = Rule("model_not_found", "recorded answers", _model_missing)
RULES: tuple[Rule, ...] = (
    *shape_rules(GENERATE, say, _SHAPE),
    _MODEL,
    *TURN_RULES,
    *TOOL_RULES,
    Rule("thinking_unsupported", "Gemini docs: thinking", _thinking_unsupported),
    Rule("thinking_both_ways", "Gemini docs: thinking", _both_ways),
    Rule("thinking_level_unsupported", "RooCodeInc/Roo-Code#10700", _level_unsupported),
    Rule("thinking_budget_invalid", "RooCodeInc/Roo-Code#4399; Google's cookbook: thinking", _budget_invalid),
    Rule("json_with_tools", "Gemini docs: structured outputs", _json_with_tools),
    Rule("schema_without_json", "Gemini docs: structured outputs", _schema_without_json),
    Rule("cache_with_others", "pydantic/pydantic-ai: models/google.py", _cache_with_others),
    Rule("cache_not_found", "Gemini docs: caching", _cache_missing),
)
COUNTING_RULES: tuple[Rule, ...] = (*shape_rules(COUNT, say, _SHAPE), _MODEL)
WINDOW_RULES: tuple[Rule, ...] = (Rule("context_exceeded", "recorded answers", _context_exceeded),)
