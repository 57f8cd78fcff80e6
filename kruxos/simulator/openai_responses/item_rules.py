"""What OpenAI refuses among the items of a conversation (OpenAI API reference: responses; its users' reports)."""

from __future__ import annotations

from typing import Any, cast

from kruxos.simulator.marks import Thought
from kruxos.simulator.openai_chat.errors import INVALID, invalid
from kruxos.simulator.provider import Question, Refusal, Rule
from kruxos.simulator.signing import Signer

SIGNED = "encrypted reasoning"
"""What the encrypted content of every reasoning item stands for: what is in it nobody outside can read."""
_FOLLOWERS = ("message", "function_call", "custom_tool_call", "reasoning")
_CALLS = ("function_call", "custom_tool_call")

Item = dict[str, Any]


def items(question: Question) -> list[Item]:
    """The items of the input; a text is none."""
    given = question.body.get("input")
    return cast("list[Item]", given) if isinstance(given, list) else []


def kind_of(item: Item) -> str:
    """The type of an item; one without is a message."""
    return item.get("type") or "message"


def encrypted(signer: Signer, thought: Thought) -> str:
    """The encrypted content of a reasoning item."""
    return signer.sign(SIGNED, thought.number).decode()


def _not_kept(question: Question) -> Refusal | None:
    """Nothing is kept here, so an item that stands for one that was is not found."""
    for item in items(question):
        kind, name = kind_of(item), item.get("id")
        is_bare = kind == "reasoning" and name and not item.get("encrypted_content")
        if is_bare or kind == "item_reference":
            words = "Items are not persisted when `store` is set to false."
            wish = "Try again with `store` set to true, or remove this item from your input."
            return Refusal(404, INVALID, f"Item with id '{name}' not found. {words} {wish}", None, "input")
    return None


def _previous_not_kept(question: Question) -> Refusal | None:
    name = question.body.get("previous_response_id")
    if name is None:
        return None
    message = f"Previous response with id '{name}' not found."
    return invalid(message, "previous_response_not_found", "previous_response_id")


def _altered(question: Question) -> Refusal | None:
    if question.signer is None:
        return None
    for item in items(question):
        content = item.get("encrypted_content") if kind_of(item) == "reasoning" else None
        if content is not None and not question.signer.verifies(SIGNED, content):
            shown = f"{content[:4]}...{content[-4:]}" if len(content) > 8 else content
            message = f"The encrypted content {shown} could not be verified."
            return invalid(message, "invalid_encrypted_content")
    return None


def _reasoning_alone(question: Question) -> Refusal | None:
    """Reasoning comes right before what it led to."""
    given = items(question)
    for at, item in enumerate(given):
        follower = given[at + 1] if at + 1 < len(given) else {"role": "user"}
        is_followed = kind_of(follower) in _FOLLOWERS and follower.get("role", "assistant") == "assistant"
        is_its_own = kind_of(follower).endswith("_call") or kind_of(follower) == "compaction"
        if kind_of(item) == "reasoning" and not (is_followed or is_its_own):
            name = f" '{item['id']}'" if item.get("id") else ""
            words = "was provided without its required following item."
            return invalid(f"Item{name} of type 'reasoning' {words}", None, "input")
    return None


def _unpaired(question: Question) -> Refusal | None:
    """Every call has its output somewhere, and every output its call."""
    given = items(question)
    calls = {item["call_id"] for item in given if kind_of(item) in _CALLS}
    outputs = {item["call_id"] for item in given if kind_of(item) in (f"{call}_output" for call in _CALLS)}
    for item in given:
        kind, call_id = kind_of(item), item.get("call_id")
        if kind in _CALLS and call_id not in outputs:
            word = "function call" if kind == "function_call" else "custom tool call"
            return invalid(f"No tool output found for {word} {call_id}.", None, "input")
        if kind.removesuffix("_output") in _CALLS and kind.endswith("_output") and call_id not in calls:
            words = f"No tool call found for function call output with call_id {call_id}."
            return invalid(words, None, "input")
    return None


ITEM_RULES: tuple[Rule, ...] = (
    Rule("item_not_kept", "OpenAI API reference: responses, store; its users' reports", _not_kept),
    Rule("previous_response_not_kept", "OpenAI API reference: responses", _previous_not_kept),
    Rule("reasoning_altered", "openai/codex#8145", _altered),
    Rule("reasoning_alone", "OpenAI docs: reasoning; its users' reports", _reasoning_alone),
    Rule("call_unpaired", "OpenAI docs: function calling; its users' reports", _unpaired),
)
