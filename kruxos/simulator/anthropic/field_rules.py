"""What Anthropic refuses in the fields beside the conversation: limits, sampling, tools, caching, output formats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from kruxos.simulator.provider import Question, Refusal, Rule

from .conversation import blocks, places
from .errors import invalid
from .thinking_rules import thinking_type, thinks

_CACHING = "Anthropic docs: prompt caching"
_SAMPLING = ("temperature", "top_p", "top_k")
_DEFAULT = 1
_TOP_P_THINKING_MIN = 0.95
_BREAKPOINTS_MAX = 4
_NEWER_VERSION = "2026-10-21"
_BETAS = {
    "context_management": ("context-management-", "compact-"),
    "compaction": ("compact-",),
    "output_format": ("structured-outputs-",),
    "mcp_servers": ("mcp-client-",),
}


def _beta_missing(question: Question) -> Refusal | None:
    betas = question.headers.get("anthropic-beta", "")
    for name, marks in _BETAS.items():
        if question.body.get(name) is not None and not any(mark in betas for mark in marks):
            return invalid(f"{name}: Extra inputs are not permitted")
    return None


def _max_tokens_over(question: Question) -> Refusal | None:
    wanted, ceiling = question.body["max_tokens"], question.sold.row.max_output
    if ceiling is None or wanted <= ceiling:
        return None
    words = f"which is the maximum allowed number of output tokens for {question.sold.id}"
    return invalid(f"max_tokens: {wanted} > {ceiling}, {words}")


def _zero_tokens(question: Question) -> Refusal | None:
    """Zero warms the cache, and goes with nothing that needs an answer."""
    body = question.body
    if body["max_tokens"] != 0:
        return None
    choice: dict[str, Any] = body.get("tool_choice") or {}
    output: dict[str, Any] = body.get("output_config") or {}
    needs = body.get("stream") or thinking_type(question) == "enabled" or output.get("format")
    if needs or choice.get("type") in ("any", "tool"):
        return invalid("max_tokens: 0 is only allowed to warm the prompt cache")
    return None


def _sampling_gone(question: Question) -> Refusal | None:
    """A newer version of the API has no such fields at all."""
    if question.headers.get("anthropic-version") != _NEWER_VERSION:
        return None
    given = next((name for name in _SAMPLING if question.body.get(name) is not None), None)
    return invalid(f"{given}: Extra inputs are not permitted") if given else None


def _sampling_refused(question: Question) -> Refusal | None:
    if question.sold.row.sampling != "none":
        return None
    given = next((name for name in _SAMPLING if question.body.get(name) not in (None, _DEFAULT)), None)
    return invalid(f"`{given}` is deprecated for this model.") if given else None


def _sampling_both(question: Question) -> Refusal | None:
    has_both = question.body.get("temperature") is not None and question.body.get("top_p") is not None
    if question.sold.row.sampling != "one" or not has_both:
        return None
    return invalid("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")


def _sampling_while_thinking(question: Question) -> Refusal | None:
    body = question.body
    if not thinks(question):
        return None
    if body.get("temperature") not in (None, _DEFAULT):
        return invalid("`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.")
    if body.get("top_p") is not None and body["top_p"] < _TOP_P_THINKING_MIN:
        return invalid("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.")
    if body.get("top_k") is not None:
        return invalid("`top_k` must be unset when thinking is enabled.")
    return None


def _blank_stop(question: Question) -> Refusal | None:
    if all(stop.strip() for stop in question.body.get("stop_sequences") or ()):
        return None
    return invalid("stop_sequences: each stop sequence must contain non-whitespace")


def _own_tools(body: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    for at, tool in enumerate(body.get("tools") or ()):
        if tool.get("type") in (None, "custom"):
            yield at, tool


def _tool_names_repeated(question: Question) -> Refusal | None:
    names = [tool.get("name") for tool in question.body.get("tools") or ()]
    return invalid("tools: Tool names must be unique.") if len(set(names)) < len(names) else None


def _tool_schema_open(question: Question) -> Refusal | None:
    for at, tool in _own_tools(question.body):
        if any(key in tool["input_schema"] for key in ("oneOf", "allOf", "anyOf")):
            words = "input_schema does not support oneOf, allOf, or anyOf at the top level"
            return invalid(f"tools.{at}.custom.input_schema: {words}")
    return None


def _choice_without_tools(question: Question) -> Refusal | None:
    choice = question.body.get("tool_choice")
    if choice is None or question.body.get("tools") or question.body.get("mcp_servers"):
        return None
    return invalid(f"tool_choice.{choice['type']}: tool_choice may only be specified while providing tools")


def _chosen_tool_missing(question: Question) -> Refusal | None:
    choice: dict[str, Any] = question.body.get("tool_choice") or {}
    names = [tool.get("name") for tool in question.body.get("tools") or ()]
    if choice.get("type") != "tool" or choice["name"] in names:
        return None
    return invalid(f"Tool '{choice['name']}' not found in provided tools")


def _schema_not_closed(question: Question) -> Refusal | None:
    output: dict[str, Any] = question.body.get("output_config") or {}
    given = (("output_config.format", output.get("format")), ("output_format", question.body.get("output_format")))
    for name, wanted in given:
        if wanted is not None and not _is_closed(wanted["schema"]):
            words = "For 'object' type, 'additionalProperties' must be explicitly set to false"
            return invalid(f"{name}.schema: {words}")
    return None


def _is_closed(schema: Any) -> bool:
    if isinstance(schema, list):
        return all(_is_closed(each) for each in cast("list[Any]", schema))
    if not isinstance(schema, dict):
        return True
    fields = cast("dict[str, Any]", schema)
    if fields.get("type") == "object" and fields.get("additionalProperties") is not False:
        return False
    named = [fields.get(key) for key in ("properties", "$defs", "definitions")]
    inner = [each for group in named if isinstance(group, dict) for each in cast("dict[str, Any]", group).values()]
    return _is_closed(inner) and all(_is_closed(fields.get(key)) for key in ("items", "anyOf", "allOf", "oneOf"))


def _breakpoints(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every cache breakpoint in the order of the prefix: tools, system, messages."""
    for at, tool in enumerate(body.get("tools") or ()):
        if tool.get("cache_control"):
            yield f"tools.{at}", tool["cache_control"]
    system = body.get("system")
    for at, block in enumerate(blocks(system) if system else ()):
        if block.get("cache_control"):
            yield f"system.{at}", block["cache_control"]
    for place, _ in places(body):
        if place.value.get("cache_control"):
            yield place.path, place.value["cache_control"]


def _too_many_breakpoints(question: Question) -> Refusal | None:
    found = len(list(_breakpoints(question.body))) + bool(question.body.get("cache_control"))
    if found <= _BREAKPOINTS_MAX:
        return None
    return invalid(f"A maximum of {_BREAKPOINTS_MAX} blocks with cache_control may be provided. Found {found}.")


def _long_after_short(question: Question) -> Refusal | None:
    has_short = False
    for path, mark in _breakpoints(question.body):
        if mark.get("ttl") == "1h" and has_short:
            return invalid(
                f"{path}.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' "
                "cache_control block. Note that blocks are processed in the following order: `tools`, `system`, "
                "`messages`."
            )
        has_short = has_short or mark.get("ttl", "5m") == "5m"
    return None


def _automatic_differs(question: Question) -> Refusal | None:
    """Automatic caching marks the last block; a mark that stands there already must say the same."""
    automatic = question.body.get("cache_control")
    last = [place.value.get("cache_control") for place, _ in places(question.body)][-1:]
    if automatic is None or not last or last[0] is None:
        return None
    if last[0].get("ttl", "5m") == automatic.get("ttl", "5m"):
        return None
    return invalid("cache_control: the last block already has a cache_control with a different ttl")


def _too_long(question: Question) -> Refusal | None:
    limit = question.sold.row.max_input or question.sold.row.context
    if limit is None or question.input_tokens <= limit:
        return None
    return invalid(f"prompt is too long: {question.input_tokens} tokens > {limit} maximum")


def _window_exceeded(question: Question) -> Refusal | None:
    """Older models count what they may answer into the window."""
    window, wanted = question.sold.row.context, question.body.get("max_tokens", 0)
    if "strict_window" not in question.sold.traits or window is None or question.input_tokens + wanted <= window:
        return None
    sum_ = f"{question.input_tokens} + {wanted} > {window}"
    words = "decrease input length or `max_tokens` and try again"
    return invalid(f"input length and `max_tokens` exceed context limit: {sum_}, {words}")


FIELD_RULES: tuple[Rule, ...] = (
    Rule("beta_missing", "Anthropic docs: beta headers, context editing, compaction", _beta_missing),
    Rule("sampling_gone", "Anthropic docs: migration 2026-10-21", _sampling_gone),
    Rule("sampling_refused", "Anthropic docs: migration to Claude 4.7", _sampling_refused),
    Rule("sampling_while_thinking", "Anthropic docs: extended thinking", _sampling_while_thinking),
    Rule("sampling_both", "Anthropic docs: migration to Claude 4.5", _sampling_both),
    Rule("stop_sequence_blank", "BerriAI/litellm#3286", _blank_stop),
    Rule("tool_names_repeated", "tailcallhq/forgecode#892", _tool_names_repeated),
    Rule("tool_schema_open", "Hmbown/Codewhale#4329", _tool_schema_open),
    Rule("tool_choice_without_tools", "Anthropic's answers, as reported by its users", _choice_without_tools),
    Rule("tool_choice_missing", "Anthropic's answers, as reported by its users", _chosen_tool_missing),
    Rule("output_schema_open", "veryfront/veryfront-code#3918; Anthropic docs: structured outputs", _schema_not_closed),
    Rule("cache_breakpoints_too_many", _CACHING, _too_many_breakpoints),
    Rule("cache_ttl_order", _CACHING, _long_after_short),
    Rule("cache_automatic_differs", _CACHING, _automatic_differs),
)
MAX_TOKENS_RULES: tuple[Rule, ...] = (
    Rule("max_tokens_over_ceiling", "Anthropic docs: models overview", _max_tokens_over),
    Rule("max_tokens_zero", _CACHING, _zero_tokens),
)
WINDOW_RULES: tuple[Rule, ...] = (
    Rule("prompt_too_long", "recorded answers; Anthropic docs: context windows", _too_long),
    Rule("window_exceeded", "Anthropic docs: context windows", _window_exceeded),
)
