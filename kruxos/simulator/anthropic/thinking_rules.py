"""What Anthropic refuses about thinking, effort and begun answers (Anthropic docs: extended and adaptive thinking)."""

from __future__ import annotations

from typing import Any

from kruxos.simulator.marks import REDACTED
from kruxos.simulator.provider import Question, Refusal, Rule

from .conversation import Place, Turn, turns
from .errors import invalid

_DOCS = "Anthropic docs: extended thinking"
_ADAPTIVE = "Anthropic docs: adaptive thinking"
_EFFORT = "Anthropic docs: effort"
_INTERLEAVED = "interleaved-thinking-2025-05-14"
_THOUGHTS = ("thinking", REDACTED)


def thinking_type(question: Question) -> str | None:
    """``enabled``, ``adaptive``, ``disabled``; None where the request does not say."""
    thinking: dict[str, Any] | None = question.body.get("thinking")
    return thinking["type"] if thinking else None


def thinks(question: Question) -> bool:
    """Whether the model thinks in this answer."""
    told = thinking_type(question)
    ways = question.sold.row.thinking
    return told in ("enabled", "adaptive") if told else bool(ways and ways.default != "none")


def _form_unsupported(question: Question) -> Refusal | None:
    told, ways = thinking_type(question), question.sold.row.thinking
    if ways is None or told is None or told in ways.forms or told == "between_tools":
        return None
    if told == "adaptive":
        return invalid("adaptive thinking is not supported on this model")
    if told == "enabled" and ways.forms:
        words = 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        return invalid(f'"thinking.type.enabled" is not supported for this model. {words}')
    if told == "enabled":
        return invalid("thinking is not supported by this model")
    return invalid('"thinking.type.disabled" is not supported for this model.') if ways.default != "none" else None


def _effort(question: Question) -> str | None:
    output: dict[str, Any] = question.body.get("output_config") or {}
    return output.get("effort")


def _effort_unsupported(question: Question) -> Refusal | None:
    wanted, ways = _effort(question), question.sold.row.thinking
    if wanted is None or ways is None or wanted in ways.efforts:
        return None
    if not ways.efforts:
        return invalid("This model does not support the effort parameter.")
    known = ", ".join(sorted(ways.efforts))
    return invalid(f"This model does not support effort level '{wanted}'. Supported levels: {known}.")


def _disabled_at_high_effort(question: Question) -> Refusal | None:
    is_limited = "disabled_up_to_high" in question.sold.traits and thinking_type(question) == "disabled"
    if is_limited and _effort(question) in ("xhigh", "max"):
        return invalid("output_config.effort: at most high when thinking is disabled")
    return None


def _budget_too_large(question: Question) -> Refusal | None:
    if thinking_type(question) != "enabled":
        return None
    has_interleaved = _INTERLEAVED in question.headers.get("anthropic-beta", "") and question.body.get("tools")
    if has_interleaved or question.body["thinking"]["budget_tokens"] < question.body["max_tokens"]:
        return None
    return invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _forced_tool(question: Question) -> Refusal | None:
    choice: dict[str, Any] = question.body.get("tool_choice") or {}
    if thinking_type(question) == "enabled" and choice.get("type") in ("any", "tool"):
        return invalid("Thinking may not be enabled when tool_choice forces tool use.")
    return None


def _altered(question: Question) -> Refusal | None:
    """Thinking comes back as it was given."""
    if question.signer is None:
        return None
    said = [turn for turn in turns(question.body) if turn.role == "assistant"]
    for turn in said:
        for place in turn.of(*_THOUGHTS):
            if not question.signer.verifies(*_signed(place)):
                return _refuse_altered(place, is_latest=turn is said[-1])
    return None


def _signed(place: Place) -> tuple[str, str]:
    """What was signed, and the signature."""
    if place.type == REDACTED:
        return REDACTED, place.value["data"]
    return place.value["thinking"], place.value["signature"]


def _refuse_altered(place: Place, *, is_latest: bool) -> Refusal:
    if not is_latest:
        return invalid(f"{place.path}: Invalid `signature` in `thinking` block")
    return invalid(
        f"{place.path}: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. "
        "These blocks must remain as they were in the original response."
    )


def _dropped(question: Question) -> Refusal | None:
    """With a budget, the assistant's part of a tool loop begins with its thinking."""
    if thinking_type(question) != "enabled":
        return None
    first = _first_of_loop(turns(question.body))
    if first is None or first.places[0].type in _THOUGHTS:
        return None
    place = first.places[0]
    return invalid(
        f"{place.path}.type: Expected `thinking` or `redacted_thinking`, but found `{place.type}`. When `thinking` is "
        "enabled, a final `assistant` message must start with a thinking block (preceding the lastmost set of "
        "`tool_use` and `tool_result` blocks)."
    )


def _first_of_loop(said: list[Turn]) -> Turn | None:
    """The first assistant turn of the tool loop that the conversation stands in; None where it stands in none."""
    first: Turn | None = None
    if not said or said[-1].role != "user" or not said[-1].of("tool_result"):
        return None
    for turn in reversed(said):
        if turn.role == "assistant":
            first = turn
        elif not turn.of("tool_result"):
            break
    return first


def _thinking_last(question: Question) -> Refusal | None:
    for turn in turns(question.body):
        if turn.role == "assistant" and turn.places[-1].type in _THOUGHTS:
            place = turn.places[-1]
            return invalid(
                f"messages.{place.message}: The final block in an assistant message cannot be `{place.type}`."
            )
    return None


def _prefill(question: Question) -> Refusal | None:
    if not _is_prefilled(question) or question.sold.row.prefill:
        return None
    words = "The conversation must end with a user message."
    return invalid(f"This model does not support assistant message prefill. {words}")


def _prefill_while_thinking(question: Question) -> Refusal | None:
    if _is_prefilled(question) and thinks(question):
        return invalid("When thinking is enabled, the conversation must end with a user message, not a begun answer.")
    return None


def _prefill_spaced(question: Question) -> Refusal | None:
    if not _is_prefilled(question):
        return None
    last = turns(question.body)[-1].places[-1]
    if last.type == "text" and last.value["text"] != last.value["text"].rstrip():
        return invalid("messages: final assistant content cannot end with trailing whitespace")
    return None


def _is_prefilled(question: Question) -> bool:
    said = turns(question.body)
    return bool(said) and said[-1].role == "assistant" and said[-1].places[-1].type == "text"


THINKING_RULES: tuple[Rule, ...] = (
    Rule("thinking_form_unsupported", _ADAPTIVE, _form_unsupported),
    Rule("effort_unsupported", _EFFORT, _effort_unsupported),
    Rule("thinking_disabled_at_high_effort", _EFFORT, _disabled_at_high_effort),
    Rule("thinking_budget_too_large", _DOCS, _budget_too_large),
    Rule("thinking_with_forced_tool", _DOCS, _forced_tool),
    Rule("thinking_altered", _DOCS, _altered),
    Rule("thinking_dropped", _DOCS, _dropped),
    Rule("thinking_last", "Anthropic's answers, as reported by its users", _thinking_last),
    Rule("prefill_unsupported", "Anthropic docs: migration to Claude 4.6", _prefill),
    Rule("prefill_while_thinking", _DOCS, _prefill_while_thinking),
    Rule("prefill_spaced", "Anthropic's answers, as reported by its users", _prefill_spaced),
)
