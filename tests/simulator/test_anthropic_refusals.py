"""What Anthropic refuses is refused: every rule of the table has a request that it refuses, in Anthropic's words."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import pytest

from kruxos.simulator.anthropic.provider import ANTHROPIC, COUNTING_RULES, RULES
from kruxos.simulator.signing import Signer
from tests.simulator.support import CLAUDE, HAIKU, NOW, Answer, messages, send, world

PATH = "/v1/messages"
SIGNED = Signer(0)
TOOL = {"name": "f", "input_schema": {"type": "object", "properties": {}}}
CALL = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "1"}
TEXT = {"type": "text", "text": "hi"}
BUDGET = {"type": "enabled", "budget_tokens": 1024}
ADAPTIVE = {"type": "adaptive"}
MARK = {"type": "ephemeral"}
LONG_MARK = {"type": "ephemeral", "ttl": "1h"}
CLOSED = {"type": "object", "properties": {}, "additionalProperties": False}


def thought(text: str = "hm", signed: str = "hm") -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": SIGNED.sign(signed, 1).decode()}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def marked(block: dict[str, Any], mark: dict[str, Any]) -> dict[str, Any]:
    return block | {"cache_control": mark}


def talk(*turns: Any, **fields: Any) -> dict[str, Any]:
    return messages(**fields) | {"messages": list(turns)}


def looped(*answer: Any, **fields: Any) -> dict[str, Any]:
    """A tool loop whose assistant turn holds these blocks."""
    return talk(user(TEXT), assistant(*answer), user(RESULT), tools=[TOOL], max_tokens=2000, **fields)


@dataclass(frozen=True)
class With:
    """A request with headers or settings of its own."""

    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


NEW = {"anthropic-version": "2026-10-21"}
IMAGE: dict[str, Any] = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
DOCUMENT = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}
LONG = "word " * 210_000

# By rule: a piece of what it says, and a request that it refuses.
REFUSED: dict[str, list[tuple[str, Any]]] = {
    "key_missing": [
        ("x-api-key header is required", With(messages(), drop=("x-api-key",))),
    ],
    "key_wrong": [
        ("invalid x-api-key", With(messages(), headers={"x-api-key": "bad-key"})),
        ("invalid x-api-key", With(messages(), settings={"key": "the-only"})),
    ],
    "version_missing": [
        ("anthropic-version: header is required", With(messages(), drop=("anthropic-version",))),
    ],
    "version_unknown": [
        ("is not a valid version", With(messages(), headers={"anthropic-version": "2020-01-01"})),
    ],
    "body_too_large": [
        ("maximum size", b" " * (32 * 1024 * 1024 + 1)),
    ],
    "body_not_json": [
        ("not a JSON object", b"{"),
        ("not a JSON object", b"[]"),
    ],
    "field_required": [
        ("max_tokens: Field required", {"model": CLAUDE, "messages": [user(TEXT)]}),
        ("messages: Field required", {"model": CLAUDE, "max_tokens": 1}),
        ("messages.0.content.0.text.text: Field required", talk(user({"type": "text"}))),
        ("thinking.enabled.budget_tokens: Field required", messages(thinking={"type": "enabled"})),
        ("output_format.schema: Field required", messages(output_format={"type": "json_schema"})),
    ],
    "field_unknown": [
        ("seed: Extra inputs are not permitted", messages(seed=1)),
        ("messages.0.name: Extra inputs", talk(user(TEXT) | {"name": "me"})),
    ],
    "type_wrong": [
        ("messages: Input should be a valid list", messages() | {"messages": "hi"}),
        ("max_tokens: Input should be a valid integer", messages(max_tokens="many")),
        ("tool_use.input: Input should be an object", looped(CALL | {"input": "{}"})),
    ],
    "value_not_allowed": [
        ("Input tag 'video'", talk(user({"type": "video"}))),
        ("Input should be 'image/jpeg'", talk(user(IMAGE | {"source": IMAGE["source"] | {"media_type": "image/bmp"}}))),
        ("effort: Input should be 'low'", messages(output_config={"effort": "none"})),
        ("cache_control.ttl: Input should be '5m' or '1h'", talk(user(marked(TEXT, MARK | {"ttl": "2h"})))),
    ],
    "pattern_mismatch": [
        ("tools.0.custom.name: String should match", messages(tools=[TOOL | {"name": "a.b"}])),
        ("tools.0.custom.name: String should match", messages(tools=[TOOL | {"name": "a" * 65}])),
        ("tool_use.id: String should match pattern", looped(CALL | {"id": "a b"})),
    ],
    "out_of_range": [
        ("temperature: Input should be less than or equal to 1", messages(temperature=1.5)),
        (
            "budget_tokens: Input should be greater than or equal to 1024",
            messages(thinking=BUDGET | {"budget_tokens": 1000}),
        ),
    ],
    "model_not_found": [
        ("model: claude-9", messages(model="claude-9")),
        ("model: claude-sonnet-4-20250514", messages(model="claude-sonnet-4-20250514")),
        ("model: claude-sonnet-4-6-20990101", messages(model="claude-sonnet-4-6-20990101")),
    ],
    "max_tokens_over_ceiling": [
        ("max_tokens: 64001 > 64000, which is the maximum", messages(model=HAIKU, max_tokens=64001)),
    ],
    "max_tokens_zero": [
        ("warm the prompt cache", messages(max_tokens=0, stream=True)),
    ],
    "messages_empty": [
        ("at least one message is required", talk()),
    ],
    "role_unknown": [
        (
            "messages.1.role: Input should be 'user' or 'assistant'",
            talk(user(TEXT), {"role": "system", "content": "x"}),
        ),
    ],
    "first_message_not_user": [
        ('first message must use the "user" role', talk(assistant(TEXT), user(TEXT))),
    ],
    "content_empty": [
        ("messages.0: all messages must have non-empty content", talk(user())),
        ("messages.1: all messages must have non-empty content", messages("a", "", "b")),
    ],
    "text_empty": [
        ("messages: text content blocks must be non-empty", talk(user(TEXT, {"type": "text", "text": ""}))),
        ("messages: text content blocks must contain non-whitespace", messages(" \n")),
        ("system: text content blocks must contain non-whitespace", messages(system=" ")),
        (
            "messages: text content blocks must be non-empty",
            looped(CALL)
            | {"messages": [user(TEXT), assistant(CALL), user(RESULT | {"content": [{"type": "text", "text": ""}]})]},
        ),
        (
            "messages.0.content.0.text: cache_control cannot be set for empty text",
            talk(user(marked({"type": "text", "text": ""}, MARK))),
        ),
    ],
    "block_misplaced": [
        ("`tool_use` blocks can only be in `assistant` messages", talk(user(CALL), tools=[TOOL])),
        ("`tool_result` blocks can only be in `user` messages", talk(user(TEXT), assistant(RESULT))),
    ],
    "image_bad": [
        ("Invalid base64 data", talk(user(IMAGE | {"source": IMAGE["source"] | {"data": "???"}}))),
        ("image exceeds 10 MB maximum", talk(user(IMAGE | {"source": IMAGE["source"] | {"data": "A" * 10485764}}))),
    ],
    "tool_use_ids_repeated": [
        (
            "messages.3.content.0: `tool_use` ids must be unique",
            talk(user(TEXT), assistant(CALL), user(RESULT), assistant(CALL), user(RESULT), tools=[TOOL]),
        ),
    ],
    "tool_result_missing": [
        (
            "messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: t1",
            talk(user(TEXT), assistant(CALL), user(TEXT), tools=[TOOL]),
        ),
        ("immediately after: t1", talk(user(TEXT), assistant(CALL), user(TEXT, RESULT), tools=[TOOL])),
        ("immediately after: t1", talk(user(TEXT), assistant(CALL), user(TEXT), user(RESULT), tools=[TOOL])),
        ("immediately after: t2", talk(user(TEXT), assistant(CALL, CALL | {"id": "t2"}), user(RESULT), tools=[TOOL])),
    ],
    "tool_call_left_open": [
        ("immediately after: t1", talk(user(TEXT), assistant(CALL), tools=[TOOL])),
    ],
    "tool_result_unexpected": [
        ("messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t1", talk(user(RESULT))),
        (
            "unexpected `tool_use_id`",
            talk(user(TEXT), assistant(CALL), user(RESULT), assistant(TEXT), user(RESULT), tools=[TOOL]),
        ),
    ],
    "tool_result_repeated": [
        (
            "each tool_use must have a single result",
            talk(user(TEXT), assistant(CALL), user(RESULT, RESULT), tools=[TOOL]),
        ),
    ],
    "assistant_document": [
        (
            "`document` blocks are not allowed in assistant messages",
            With(talk(user(TEXT), assistant(DOCUMENT), user(TEXT)), headers=NEW),
        ),
    ],
    "beta_missing": [
        ("context_management: Extra inputs are not permitted", messages(context_management={"edits": []})),
    ],
    "sampling_gone": [
        ("temperature: Extra inputs are not permitted", With(messages(temperature=1.0), headers=NEW)),
    ],
    "sampling_refused": [
        ("`temperature` is deprecated for this model.", messages(model="claude-opus-4-7", temperature=0.5)),
        ("`top_k` is deprecated", messages(model="claude-opus-5", top_k=5)),
    ],
    "sampling_while_thinking": [
        ("`temperature` may only be set to 1 when thinking", messages(thinking=ADAPTIVE, temperature=0.5)),
        ("`top_p` must be greater than or equal to 0.95", messages(thinking=ADAPTIVE, top_p=0.5)),
        ("`top_k` must be unset", messages(thinking=ADAPTIVE, top_k=5)),
    ],
    "sampling_both": [
        ("`temperature` and `top_p` cannot both be specified", messages(model=HAIKU, temperature=1, top_p=0.9)),
    ],
    "stop_sequence_blank": [
        ("each stop sequence must contain non-whitespace", messages(stop_sequences=["END", "\n"])),
    ],
    "tool_names_repeated": [
        ("tools: Tool names must be unique.", messages(tools=[TOOL, TOOL])),
    ],
    "tool_schema_open": [
        (
            "does not support oneOf, allOf, or anyOf at the top level",
            messages(tools=[TOOL | {"input_schema": {"type": "object", "anyOf": []}}]),
        ),
    ],
    "tool_choice_without_tools": [
        ("may only be specified while providing tools", messages(tool_choice={"type": "any"})),
    ],
    "tool_choice_missing": [
        ("Tool 'g' not found in provided tools", messages(tools=[TOOL], tool_choice={"type": "tool", "name": "g"})),
    ],
    "output_schema_open": [
        (
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be",
            messages(output_config={"format": {"type": "json_schema", "schema": {"type": "object", "properties": {}}}}),
        ),
        (
            "additionalProperties",
            messages(
                output_config={
                    "format": {"type": "json_schema", "schema": CLOSED | {"properties": {"a": {"type": "object"}}}}
                }
            ),
        ),
    ],
    "cache_breakpoints_too_many": [
        (
            "A maximum of 4 blocks with cache_control may be provided. Found 5.",
            talk(user(*[marked(TEXT, MARK)] * 4), tools=[marked(TOOL, MARK)]),
        ),
        ("Found 5.", talk(user(*[marked(TEXT, MARK)] * 4), cache_control=MARK)),
    ],
    "cache_ttl_order": [
        (
            "messages.0.content.0.cache_control.ttl: a ttl='1h' cache_control block must not come after",
            talk(user(marked(TEXT, LONG_MARK)), system=[marked(TEXT, MARK)]),
        ),
    ],
    "cache_automatic_differs": [
        ("already has a cache_control with a different ttl", talk(user(marked(TEXT, LONG_MARK)), cache_control=MARK)),
    ],
    "thinking_form_unsupported": [
        ("adaptive thinking is not supported on this model", messages(model=HAIKU, thinking=ADAPTIVE)),
        (
            '"thinking.type.enabled" is not supported for this model',
            messages(model="claude-opus-4-7", thinking=BUDGET, max_tokens=2000),
        ),
        ('"thinking.type.disabled" is not supported', messages(model="claude-fable-5", thinking={"type": "disabled"})),
    ],
    "effort_unsupported": [
        ("This model does not support the effort parameter.", messages(model=HAIKU, output_config={"effort": "low"})),
        (
            "This model does not support effort level 'xhigh'. Supported levels: high, low, max, medium.",
            messages(output_config={"effort": "xhigh"}),
        ),
    ],
    "thinking_disabled_at_high_effort": [
        (
            "at most high",
            messages(model="claude-opus-5", thinking={"type": "disabled"}, output_config={"effort": "max"}),
        ),
    ],
    "thinking_budget_too_large": [
        ("`max_tokens` must be greater than `thinking.budget_tokens`.", messages(thinking=BUDGET, max_tokens=1024)),
    ],
    "thinking_with_forced_tool": [
        (
            "Thinking may not be enabled when tool_choice forces tool use.",
            messages(thinking=BUDGET, max_tokens=2000, tools=[TOOL], tool_choice={"type": "any"}),
        ),
    ],
    "thinking_altered": [
        ("in the latest assistant message cannot be modified", looped(thought("changed"), CALL)),
        ("cannot be modified", looped(thought() | {"signature": "EqQB"}, CALL)),
        (
            "messages.1.content.0: Invalid `signature` in `thinking` block",
            talk(user(TEXT), assistant(thought("changed"), TEXT), user(TEXT), assistant(TEXT), user(TEXT)),
        ),
    ],
    "thinking_dropped": [
        (
            "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`",
            looped(CALL, thinking=BUDGET),
        ),
    ],
    "thinking_last": [
        (
            "The final block in an assistant message cannot be `thinking`.",
            talk(user(TEXT), assistant(TEXT, thought()), user(TEXT)),
        ),
    ],
    "prefill_unsupported": [
        (
            "This model does not support assistant message prefill. The conversation must end with a user message.",
            messages("a", "b"),
        ),
    ],
    "prefill_while_thinking": [
        ("must end with a user message", messages("a", "b", model=HAIKU, thinking=BUDGET, max_tokens=2000)),
    ],
    "prefill_spaced": [
        ("final assistant content cannot end with trailing whitespace", messages("a", "b ", model=HAIKU)),
    ],
    "prompt_too_long": [
        ("tokens > 200000 maximum", messages(LONG, model=HAIKU)),
    ],
    "window_exceeded": [
        (
            "input length and `max_tokens` exceed context limit",
            messages("word " * 170_000, model="claude-opus-4-1-20250805", max_tokens=32000),
        ),
    ],
    "directive": [
        ("is no fault", messages("[[simulate flood]]")),
        ("is no fault", messages(model="claude-sonnet-4-6#flood")),
    ],
}
WORDS = {
    "key_missing": (401, "authentication_error"),
    "key_wrong": (401, "authentication_error"),
    "body_too_large": (413, "request_too_large"),
    "model_not_found": (404, "not_found_error"),
}
CASES = [(rule, says, body) for rule, rows in REFUSED.items() for says, body in rows]
BEFORE_RETIREMENT = NOW - 120 * 86_400


def answer(rule: str, body: Any) -> Answer:
    case = body if isinstance(body, With) else With(body)
    now = BEFORE_RETIREMENT if rule == "window_exceeded" else NOW
    return send(world(**case.settings), PATH, case.body, now=now, drop=case.drop, headers=case.headers)


@pytest.mark.parametrize(("rule", "says", "body"), CASES, ids=[f"{rule}-{at}" for at, (rule, _, _) in enumerate(CASES)])
def test_it_is_refused_in_anthropics_words(rule: str, says: str, body: Any) -> None:
    refused = answer(rule, body)
    assert refused.rule == rule, refused.body[:500]
    words = (refused.status, refused.json["error"]["type"])
    assert (refused.json["type"], words) == ("error", WORDS.get(rule, (400, "invalid_request_error")))
    assert says in refused.json["error"]["message"]
    assert refused.json["request_id"] == refused.headers["request-id"]
    assert refused.headers["x-should-retry"] == "false"
    assert refused.recorded is not None
    assert (refused.recorded.outcome, refused.recorded.detail) == ("refused", rule)


def test_every_rule_of_the_table_has_a_case_and_a_source() -> None:
    table = (*ANTHROPIC.door, *RULES, *ANTHROPIC.window)
    assert {rule.name for rule in table} <= set(REFUSED)
    assert all(rule.source for rule in table)


ACCEPTED: dict[str, Any] = {
    "a name of 64 characters": messages(tools=[TOOL | {"name": "a" * 64}]),
    "text after the results": talk(user(TEXT), assistant(CALL), user(RESULT, TEXT), tools=[TOOL]),
    "results in two messages": talk(
        user(TEXT),
        assistant(CALL, CALL | {"id": "t2"}),
        user(RESULT),
        user(RESULT | {"tool_use_id": "t2"}),
        tools=[TOOL],
    ),
    "a result without content": talk(
        user(TEXT), assistant(CALL), user({"type": "tool_result", "tool_use_id": "t1"}), tools=[TOOL]
    ),
    "two turns of one role": talk(user(TEXT), user(TEXT)),
    "a system turn where the model knows it": talk(
        user(TEXT), {"role": "system", "content": "x"}, user(TEXT), model="claude-opus-4-8"
    ),
    "thinking as it was given": looped(thought(), CALL, thinking=BUDGET),
    "a forced tool with adaptive thinking": messages(tools=[TOOL], tool_choice={"type": "any"}, thinking=ADAPTIVE),
    "temperature 1 while thinking": messages(thinking=ADAPTIVE, temperature=1, top_p=0.95),
    "both samplings on 4.6": messages(temperature=0.5, top_p=0.5),
    "default sampling on 4.7": messages(model="claude-opus-4-7", temperature=1),
    "a prefill on 4.5": messages("a", "b", model=HAIKU),
    "four breakpoints, the long ones first": talk(user(*[marked(TEXT, MARK)] * 3), system=[marked(TEXT, LONG_MARK)]),
    "a budget above max_tokens, interleaved": messages(model=HAIKU, thinking=BUDGET, max_tokens=1000, tools=[TOOL]),
    "no thinking in a loop without budget": looped(CALL, thinking=ADAPTIVE),
    "an alias without its date": messages(model="claude-haiku-4-5"),
    "an image by URL": talk(user({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}})),
    "a real image": talk(user(IMAGE | {"source": IMAGE["source"] | {"data": base64.b64encode(b"png").decode()}})),
    "a provider's tool": messages(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
    "null for what is not there": messages(temperature=None, tools=None, system=None),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_it_is_accepted(name: str) -> None:
    answer = send(world(), PATH, ACCEPTED[name], anthropic_beta="interleaved-thinking-2025-05-14")
    assert answer.status == 200, answer.json


def test_zero_tokens_warm_the_cache_and_answer_nothing() -> None:
    answer = send(world(), PATH, messages(max_tokens=0))
    assert answer.status == 200
    assert (answer.json["content"], answer.json["stop_reason"]) == ([], "max_tokens")


def test_a_count_refuses_what_an_answer_would_and_has_no_limit_of_output() -> None:
    counted = {name: value for name, value in messages().items() if name != "max_tokens"}
    assert send(world(), "/v1/messages/count_tokens", counted).json["input_tokens"] > 0
    assert send(world(), "/v1/messages/count_tokens", messages()).rule == "field_unknown"
    assert send(world(), "/v1/messages/count_tokens", counted | {"messages": []}).rule == "messages_empty"
    assert "max_tokens_over_ceiling" not in {rule.name for rule in COUNTING_RULES}
