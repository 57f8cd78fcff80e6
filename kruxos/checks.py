"""What every provider demands of a conversation, checked before anything is sent or paid for."""

from __future__ import annotations

from kruxos.errors import BadRequestError
from kruxos.messages import Message, Request, ToolCall, ToolResult


def check_request(request: Request) -> None:
    """What every provider demands of a conversation. Raises ``BadRequestError``.

    There is a message; tool results answer calls that were made just before; no call stays unanswered when the
    conversation goes on; a forced tool exists; names of tools are different.
    """
    if not request.messages and request.native is None:
        raise BadRequestError("messages is empty: at least one message is needed", field="messages")
    names = [tool.name for tool in request.tools]
    if len(set(names)) != len(names):
        raise BadRequestError("tools has two tools of one name", field="tools")
    choice = request.tool_choice
    forced = [f"tool:{name}" for name in names]
    if choice is not None and choice not in ("auto", "none", "required", *forced):
        raise BadRequestError(
            "tool_choice must be auto, none, required or tool:NAME of a given tool", field="tool_choice"
        )
    if choice == "required" and not names:
        raise BadRequestError("tool_choice is required, but there are no tools", field="tool_choice")
    _check_tool_pairs(request.messages)


def _check_tool_pairs(messages: list[Message]) -> None:
    open_calls: dict[str, list[str]] = {}
    for index, message in enumerate(messages):
        path = f"messages[{index}]"
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        for result in results:
            waiting = open_calls.get(result.id)
            if not waiting:
                raise BadRequestError(f"{path} has a tool result for a call that was not made just before", field=path)
            waiting.pop()
            if not waiting:
                del open_calls[result.id]
        if open_calls and not (results and message.role in ("tool", "user")):
            where = next(iter(open_calls.values()))[0]
            raise BadRequestError(f"{where} has a tool call without a result in the messages after it", field=where)
        if message.role == "assistant":
            for part in message.parts:
                if isinstance(part, ToolCall):
                    open_calls.setdefault(part.id, []).append(path)
        elif open_calls and any(not isinstance(part, ToolResult) for part in message.parts):
            where = next(iter(open_calls.values()))[0]
            raise BadRequestError(f"{where} has a tool call without a result in the messages after it", field=where)
