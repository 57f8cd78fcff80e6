"""Whether a body is one that a provider's own library lets its users send.

Where a provider has no library here, OpenAI's types count, with what that provider adds and without what it refuses;
both stand in tables with their source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, Union, get_args, get_origin, is_typeddict

import pytest

from kruxos.dialects.base import Target

anthropic_params: Any = pytest.importorskip("anthropic.types.message_create_params")
responses_params: Any = pytest.importorskip("openai.types.responses.response_create_params")
chat_params: Any = pytest.importorskip("openai.types.chat.completion_create_params")
google: Any = pytest.importorskip("google.genai.types")
ollama: Any = pytest.importorskip("ollama._types")
typing_extensions: Any = pytest.importorskip("typing_extensions")

Body = dict[str, Any]

LEFT_OUT = {"id", "status"}
"""What OpenAI's types demand of items that come back, and the service does not: Codex sends neither."""
SAMPLING_OF_2023 = {"temperature", "top_p", "top_k"}
"""What Anthropic's library no longer has, and the version of the API that is spoken here does (its library 0.121)."""
OLLAMAS_NEWER = {"truncate", "shift"}
"""Fields that the server knows and its Python library does not (ollama: api/types.go)."""


def faults(body: Body, target: Target, path: str) -> list[str]:
    """What is wrong with a body, by the types of the provider's library and its own rules; empty where nothing is."""
    return CHECKS[target.profile.dialect](body, target, path)


def _anthropic(body: Body, target: Target, _path: str) -> list[str]:
    kind = "Streaming" if target.stream else "NonStreaming"
    plain = {name: value for name, value in body.items() if name not in SAMPLING_OF_2023}
    return misfits(plain, getattr(anthropic_params, f"MessageCreateParams{kind}")) + _illegal(
        [tool["name"] for tool in body.get("tools", ())], _calls(body), NAME, "^[a-zA-Z0-9_-]+$"
    )


def _calls(body: Body) -> list[tuple[str, str]]:
    blocks = [block for message in body["messages"] for block in message["content"]]
    return [(block["id"], block["name"]) for block in blocks if block["type"] == "tool_use"]


NAME = "^[a-zA-Z0-9_-]{1,64}$"


def _illegal(tools: list[str], calls: list[tuple[str, str]], name: str, call_id: str) -> list[str]:
    """Names and ids that do not have the provider's form, and ids that come again."""
    odd = [each for each in (*tools, *(called for _, called in calls)) if not re.search(name, each)]
    ids = [each for each, _ in calls]
    again = [each for each in ids if ids.count(each) > 1]
    return [*(f"name {each}" for each in odd), *(f"id {each}" for each in ids if not re.search(call_id, each)), *again]


def _responses(body: Body, target: Target, _path: str) -> list[str]:
    kind = "Streaming" if body.get("stream") else "NonStreaming"
    calls = [(item["call_id"], item["name"]) for item in body["input"] if item["type"] == "function_call"]
    refused = [f"{name} is refused" for name in target.profile.refused_fields if name in body]
    return [
        *misfits(body, getattr(responses_params, f"ResponseCreateParams{kind}")),
        *_illegal([tool["name"] for tool in body.get("tools", ())], calls, NAME, "(?s)^.{1,64}$"),
        *refused,
    ]


def _gemini(body: Body, _target: Target, path: str) -> list[str]:
    known: dict[str, Any] = {
        "systemInstruction": google.Content,
        "generationConfig": google.GenerationConfig,
        "toolConfig": google.ToolConfig,
    }
    wrong = [f"{name} is unknown" for name in set(body) - {*known, "contents", "tools"}]
    given = [(kind, body[name]) for name, kind in known.items() if name in body]
    given += [(google.Content, content) for content in body["contents"]]
    given += [(google.Tool, tool) for tool in body.get("tools", ())]
    for kind, value in given:
        try:
            kind.model_validate(value)
        except ValueError as error:
            wrong.append(str(error)[:300])
    parts = [part for content in body["contents"] for part in content["parts"]]
    calls = [(part["functionCall"]["id"], part["functionCall"]["name"]) for part in parts if "functionCall" in part]
    tools = [each["name"] for tool in body.get("tools", ()) for each in tool["functionDeclarations"]]
    right = re.fullmatch(r"/models/[^:]+:(generateContent|streamGenerateContent\?alt=sse)", path)
    return [
        *wrong, *([] if right else [path]), *_illegal(tools, calls, "^[A-Za-z_][A-Za-z0-9_-]{0,63}$", "(?s)^.+$"),
        *_unlike_calls(body["contents"]),
    ]  # fmt: skip


def _unlike_calls(contents: list[Body]) -> list[str]:
    """Contents whose answers are not those of the calls before, one by one; answers stand alone."""
    wrong: list[str] = []
    for at, content in enumerate(contents):
        answers = [part["functionResponse"]["id"] for part in content["parts"] if "functionResponse" in part]
        before = contents[at - 1]["parts"] if at else []
        calls = [part["functionCall"]["id"] for part in before if "functionCall" in part]
        if answers != calls or (answers and len(answers) != len(content["parts"])):
            wrong.append(f"contents[{at}] answers {answers}, not {calls}")
    return wrong


def _ollama(body: Body, _target: Target, _path: str) -> list[str]:
    wrong = [f"{name} is unknown" for name in set(body) - set(ollama.ChatRequest.model_fields) - OLLAMAS_NEWER]
    wrong += [f"option {name} is unknown" for name in set(body["options"]) - set(ollama.Options.model_fields)]
    names = {*ollama.Message.model_fields, "tool_call_id"}
    wrong += [f"{name} of a message" for message in body["messages"] for name in set(message) - names]
    try:
        ollama.ChatRequest.model_validate(body)
    except ValueError as error:
        wrong.append(str(error)[:300])
    return wrong


@dataclass(frozen=True)
class Row:
    """How a provider of Chat Completions differs from OpenAI (its reference, or answers that its users saw).

    ``adds`` are fields of the body, ``says`` fields of a message. ``known``: it refuses all others.
    """

    adds: frozenset[str] = frozenset()
    says: frozenset[str] = frozenset()
    refuses: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    strict: bool = True
    name: str = NAME
    call_id: str = "(?s)^.{1,64}$"
    more: Callable[[Body], list[str]] = field(default=lambda _body: [])


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _mistrals_order(body: Body) -> list[str]:
    """No user right after a tool, no turn of the assistant without anything (pydantic-ai: models/mistral.py).

    The last turn is not the assistant's, or marked as begun (Mistral's SDK: assistantmessage).
    """
    messages = body["messages"]
    wrong = ["user after tool" for one, two in pairwise(messages) if (one["role"], two["role"]) == ("tool", "user")]
    turns = [each for each in messages if each["role"] == "assistant"]
    wrong += ["nothing said" for each in turns if not each.get("content") and not each.get("tool_calls")]
    return wrong + (["not begun"] if messages[-1]["role"] == "assistant" and not messages[-1].get("prefix") else [])


def _deepseeks_thoughts(body: Body) -> list[str]:
    """Every turn with calls has its thinking, if only an empty one; no schema; no tool is forced while it thinks."""
    wrong = [
        "reasoning_content is missing"
        for each in body["messages"]
        if each.get("tool_calls") and "reasoning_content" not in each
    ]
    format_ = body.get("response_format", {}).get("type")
    is_forced = body.get("tool_choice", "auto") not in ("auto", "none")
    thinks = body.get("thinking", {}).get("type") != "disabled"
    return [
        *wrong,
        *(["json_schema"] if format_ == "json_schema" else []),
        *(["forced"] if is_forced and thinks else []),
    ]


ROWS: dict[str, Row] = {
    "openai": Row(),
    "generic": Row(adds=_words("top_k"), says=_words("reasoning_content reasoning reasoning_details")),
    "deepseek": Row(
        adds=_words("thinking"), says=_words("reasoning_content"), more=_deepseeks_thoughts,
        refuses=_words("seed parallel_tool_calls max_completion_tokens top_k"),
    ),
    "glm": Row(
        adds=_words("thinking"), says=_words("reasoning_content"), strict=False,
        refuses=_words("parallel_tool_calls presence_penalty frequency_penalty top_k"),
    ),
    "grok": Row(refuses=_words("presence_penalty frequency_penalty stop top_k"), strict=False),
    "mistral": Row(
        adds=_words("top_k random_seed"), says=_words("prefix"), strict=False,
        call_id="^[A-Za-z0-9]{9}$", more=_mistrals_order,
        known=_words(
            "model messages temperature top_p max_tokens stream stop random_seed metadata response_format tools "
            "tool_choice presence_penalty frequency_penalty n prediction parallel_tool_calls reasoning_effort "
            "prompt_mode prompt_cache_key service_tier safe_prompt guardrails min_tokens repetition_penalty top_k "
            "logprobs top_logprobs"
        ),
    ),
    "groq": Row(refuses=_words("presence_penalty frequency_penalty top_k logprobs")),
    "openrouter": Row(
        adds=_words("top_k reasoning"), says=_words("reasoning_details"), name="^[A-Za-z_][A-Za-z0-9_-]{0,63}$"
    ),
}  # fmt: skip


def _chat(body: Body, target: Target, _path: str) -> list[str]:
    row = ROWS[target.profile.name]
    messages = [_like_openais(message, row) for message in body["messages"]]
    plain = {name: value for name, value in body.items() if name not in row.adds} | {"messages": messages}
    kind = "Streaming" if target.stream else "NonStreaming"
    calls = [call for message in body["messages"] for call in message.get("tool_calls", ())]
    tools = [tool["function"] for tool in body.get("tools", ())]
    refused = [name for name in body if name in row.refuses or (row.known and name not in row.known)]
    refused += [] if row.strict else ["strict" for tool in tools if "strict" in tool]
    return [
        *misfits(plain, getattr(chat_params, f"CompletionCreateParams{kind}")),
        *_illegal([tool["name"] for tool in tools], [(call["id"], call["function"]["name"]) for call in calls],
                  row.name, row.call_id),
        *(f"{name} is refused" for name in refused),
        *_unanswered(body["messages"]),
        *row.more(body),
    ]  # fmt: skip


def _like_openais(message: Body, row: Row) -> Body:
    """A message without what the provider adds to OpenAI's, whose form is looked at here."""
    plain = {name: value for name, value in message.items() if name not in row.says}
    if row is ROWS["mistral"] and isinstance(message.get("content"), list):
        kept = [part for part in message["content"] if not _is_mistrals(part)]
        plain["content"] = kept or None if message["role"] == "assistant" else [*kept, {"type": "text", "text": ""}]
    return plain


def _is_mistrals(part: Body) -> bool:
    if part["type"] == "document_url":
        return isinstance(part["document_url"], str) and set(part) == {"type", "document_url"}
    return part["type"] == "thinking" and [each["type"] for each in part["thinking"]] == ["text"]


def _unanswered(messages: list[Body]) -> list[str]:
    """Calls without results right after them, and results without calls (OpenAI docs: function calling)."""
    wrong: list[str] = []
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            wrong += [] if message["tool_call_id"] in waiting else ["a result without a call"]
            waiting = [call_id for call_id in waiting if call_id != message["tool_call_id"]]
        else:
            wrong += [f"{call_id} has no result" for call_id in waiting]
            waiting = [call["id"] for call in message.get("tool_calls", ())]
    return wrong


CHECKS: dict[str, Callable[[Body, Target, str], list[str]]] = {
    "anthropic": _anthropic,
    "openai-responses": _responses,
    "openai-chat": _chat,
    "gemini": _gemini,
    "ollama": _ollama,
}


def misfits(value: Any, kind: Any, path: str = "body") -> list[str]:
    """Where a value is not of a type that the library declares; unknown keys count, which pydantic lets pass."""
    origin, inner = get_origin(kind), get_args(kind)
    if is_typeddict(kind) or typing_extensions.is_typeddict(kind):
        return _misfits_of_map(value, kind, path)
    if origin in (typing_extensions.Required, typing_extensions.NotRequired, typing_extensions.Annotated):
        return misfits(value, inner[0], path)
    if _is_union(origin):
        tries = [misfits(value, each, path) for each in inner]
        return min(tries, key=len)
    if origin is Literal:
        return [] if value in inner else [path]
    if origin in (list, Iterable) or getattr(origin, "__name__", "") in ("Iterable", "Sequence"):
        return _misfits_of_list(value, inner[0], path)
    if origin is dict or getattr(origin, "__name__", "") == "Mapping":
        return [] if isinstance(value, Mapping) else [path]
    return [] if kind in (object, Any) or _is_plain(value, kind) else [path]


def _is_union(origin: Any) -> bool:
    return origin is Union or getattr(origin, "__name__", "") in ("Union", "UnionType")


def _is_plain(value: Any, kind: Any) -> bool:
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(kind, type) and isinstance(value, kind)


def _misfits_of_list(value: Any, kind: Any, path: str) -> list[str]:
    if not isinstance(value, list):
        return [path]
    return [found for at, each in enumerate(value) for found in misfits(each, kind, f"{path}[{at}]")]


def _misfits_of_map(value: Any, kind: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [path]
    known = typing_extensions.get_type_hints(kind, include_extras=True)
    required = {name for name, each in known.items() if get_origin(each) is typing_extensions.Required}
    missing = [f"{path}.{name} is missing" for name in required - set(value) - LEFT_OUT]
    unknown = [f"{path}.{name} is unknown" for name in set(value) - set(known)]
    inside = [found for name in value if name in known for found in misfits(value[name], known[name], f"{path}.{name}")]
    return missing + unknown + inside
