"""What a call can be told, and the one place where that becomes a frame. Both clients share it."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import msgpack

from kruxos import wire
from kruxos.codec import decode_tool, encode_request, messages_from
from kruxos.errors import BadRequestError, TooLargeError
from kruxos.messages import Message, Native, OutputFormat, Request, ThinkingEffort, Tool

PREFIXES_MAX = 8


class CallOptions(TypedDict, total=False):
    """Keyword options of ``chat``, ``stream`` and ``count_tokens``. All may be left out; None is as good as left out.

    What is asked: ``messages`` (Message values, or maps ``{"role": ..., "content": ...}``) instead of a single prompt,
    ``system`` (put first), ``tools`` (Tool values, or maps with name, description, parameters), ``tool_choice``
    (auto, none, required, or ``tool:NAME``), and the wishes that ``kruxos.messages.Request`` describes.

    Who answers: ``provider``, ``model`` (a model's id, a provider's name, or ``provider/model``), ``role`` (chat or
    autonomous), ``strict_model`` (no other model than this), ``fallback`` (any, local_only, same_billing, none).

    How long: ``deadline_s`` for the whole call, ``timeout_s`` is another name for it; ``wait_s`` is how long the call
    may wait for a rate limit.

    If it breaks: ``key`` makes the call at most once, also when it is asked again; ``at_most_once`` the same without a
    name; ``retry_ambiguous`` allows a second purchase after a lost answer; ``on_interrupt="restart"`` lets another
    provider start over when a stream breaks off. ``conversation`` names the conversation, which then stays where its
    prompt cache is; without a name the gateway knows it by hashes over its messages.
    """

    messages: Sequence[Message | Mapping[str, Any]] | None
    system: str | None
    tools: Sequence[Tool | Mapping[str, Any]] | None
    tool_choice: str | None
    parallel_tool_calls: bool | None
    max_output_tokens: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    seed: int | None
    presence_penalty: float | None
    frequency_penalty: float | None
    stop: Sequence[str] | str | None
    thinking_effort: ThinkingEffort | None
    output_format: OutputFormat | None
    cache: dict[str, Any] | None
    compaction: dict[str, Any] | None
    metadata: dict[str, str] | None
    native: Native | None
    raw_events: bool | None

    provider: str | None
    model: str | None
    role: str | None
    strict_model: bool | None
    fallback: str | None

    deadline_s: float | None
    timeout_s: float | None
    wait_s: float | None

    key: str | None
    at_most_once: bool | None
    retry_ambiguous: bool | None
    on_interrupt: str | None
    conversation: str | None


_AS_THEY_ARE = (
    "tool_choice", "parallel_tool_calls", "max_output_tokens", "temperature", "top_p", "top_k", "seed",
    "presence_penalty", "frequency_penalty", "thinking_effort", "output_format", "cache", "compaction", "metadata",
    "native", "raw_events",
)  # fmt: skip
_HEADER = (
    "provider", "model", "role", "strict_model", "fallback", "deadline_s", "wait_s", "key", "at_most_once",
    "retry_ambiguous", "on_interrupt", "conversation",
)  # fmt: skip


def opening(op: str, prompt: str | None, options: CallOptions, *, stream: bool = False) -> wire.Open:
    """The frame that opens a call; its id is still to be given.

    Raises ``TypeError`` for an option that does not exist, ``BadRequestError`` for a value that cannot be sent,
    ``TooLargeError`` over the cap of a request.
    """
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    unknown = given.keys() - CallOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"{op} has no option {', '.join(sorted(unknown))}")
    if "timeout_s" in given:
        if "deadline_s" in given:
            raise BadRequestError("deadline_s and timeout_s are the same: give one", field="timeout_s")
        given["deadline_s"] = given["timeout_s"]
    header = {name: given[name] for name in (*_HEADER, "max_output_tokens") if name in given}
    request = request_of(prompt, given)
    wire_request = _wire(request)
    body = _body(wire_request)
    if "conversation" not in given:
        header["prefixes"] = _prefixes(wire_request["messages"])
    return wire.Open(op=op, stream=stream, body=body, **header)


def request_of(prompt: str | None, given: dict[str, Any]) -> Request:
    """The request that options make. Raises ``BadRequestError``."""
    if (prompt is None) == ("messages" not in given):
        raise BadRequestError("give either a prompt or messages", field="messages")
    messages = messages_from(given["messages"]) if prompt is None else [Message.of("user", prompt)]
    if "system" in given:
        messages.insert(0, Message.of("system", given["system"]))
    stop = given.get("stop", [])
    return Request(
        messages,
        tools=[_tool(tool, index) for index, tool in enumerate(given.get("tools", ()))],
        stop=[stop] if isinstance(stop, str) else list(stop),
        **{name: given[name] for name in _AS_THEY_ARE if name in given},
    )


def _prefixes(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Hashes over the messages, then over their beginnings where earlier requests may have ended, the longest first.

    They tell the gateway which calls are one conversation, whose body it does not read.
    """
    hasher = hashlib.blake2b(digest_size=12)
    ends: deque[str] = deque(maxlen=PREFIXES_MAX - 1)
    for message in messages:
        if message["role"] == "assistant":
            ends.append(hasher.hexdigest())
        hasher.update(msgpack.packb(message))
    return [hasher.hexdigest(), *reversed(ends)]


def _tool(tool: Tool | Mapping[str, Any], index: int) -> Tool:
    return tool if isinstance(tool, Tool) else decode_tool(tool, f"tools[{index}]")


_UNSENDABLE = (TypeError, ValueError, OverflowError, AttributeError)


def _wire(request: Request) -> dict[str, Any]:
    try:
        return encode_request(request)
    except _UNSENDABLE as error:
        raise _unsendable(error) from None


def _unsendable(error: Exception) -> BadRequestError:
    """Only the kind of error is told: its text may quote the prompt."""
    return BadRequestError(f"the request holds a value that cannot be sent ({type(error).__name__})")


def _body(request: dict[str, Any]) -> bytes:
    try:
        body = msgpack.packb(request)
    except _UNSENDABLE as error:
        raise _unsendable(error) from None
    if len(body) > wire.REQUEST_BYTES_MAX:
        raise TooLargeError(f"the request has {len(body)} bytes, the cap is {wire.REQUEST_BYTES_MAX}")
    return body
