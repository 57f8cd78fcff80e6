"""A conversation as Anthropic's system blocks and turns.

Rules of the API that this file keeps (Anthropic docs: Messages API, tool use, extended thinking): the first turn is
the user's; turns of one role are one; the results of a turn's tool calls come first in the very next user turn; no
text is empty; thinking goes back with its signature, byte for byte, and only to the model that made it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import dropwhile
from typing import Any, cast

from kruxos.dialects.encoding import Draft
from kruxos.dialects.media import text_of
from kruxos.errors import BadRequestError, UnsupportedError
from kruxos.messages import (
    Document,
    Image,
    Message,
    Part,
    ProviderState,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)

from .state import CITATIONS, SIGNATURE, block_of, json_of

_OPENING = "(The conversation begins with the assistant.)"
_THOUGHTS = ("thinking", "redacted_thinking")

Block = dict[str, Any]


class Turns:
    """The system blocks and messages of one request. Raises ``BadRequestError`` or ``UnsupportedError``."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self.system: list[Block] = []
        self.messages: list[Block] = []
        for index, message in enumerate(draft.request.messages):
            self._add(message, f"messages[{index}]")
        self._drop_loose_thinking()
        self._trim_begun_answer()
        if not self.messages:
            raise BadRequestError("messages has nothing that can be sent", field="messages")
        if self.messages[0]["role"] == "assistant":
            self.messages.insert(0, {"role": "user", "content": [{"type": "text", "text": _OPENING}]})
            draft.tell("message_inserted", "a user turn was put first, as the provider demands")

    def texts(self) -> Iterator[str]:
        """What the instructions and turns say in text."""
        for block in [*self.system, *(block for turn in self.messages for block in turn["content"])]:
            yield block.get("text", "")

    @property
    def ends_in_bare_tool_turn(self) -> bool:
        """Whether the conversation stands in a tool loop whose first turn does not begin with thinking."""
        first: Block | None = None
        for turn in reversed(self.messages):
            if turn["role"] == "assistant":
                first = turn
            elif turn["content"][0]["type"] != "tool_result":
                break
        is_loop = self.messages[-1]["content"][0]["type"] == "tool_result"
        return is_loop and first is not None and first["content"][0]["type"] not in _THOUGHTS

    def check_prefill(self, draft: Draft, *, is_thinking: bool) -> None:
        """Refuses a conversation that ends with the beginning of an answer, where the model can't go on from one."""
        last = self.messages[-1]
        if last["role"] != "assistant" or any(block["type"] not in ("text", *_THOUGHTS) for block in last["content"]):
            return
        path = f"messages[{len(draft.request.messages) - 1}]"
        if draft.row is not None and not draft.row.prefill:
            raise UnsupportedError(f"{path}: {draft.target.model} does not go on from a begun answer", field=path)
        if is_thinking:
            raise UnsupportedError(f"{path}: the model does not go on from a begun answer while it thinks", field=path)

    def _add(self, message: Message, path: str) -> None:
        if message.role == "system":
            self._add_system(message, path)
            return
        role = "assistant" if message.role == "assistant" else "user"
        blocks: list[Block] = []
        for index, part in enumerate(message.parts):
            block = self._block(part, role, f"{path}.parts[{index}]")
            if block is not None:
                blocks.append(block)
        if blocks:
            self._append(role, blocks)

    def _append(self, role: str, blocks: list[Block]) -> None:
        if self.messages and self.messages[-1]["role"] == role:
            blocks = self.messages[-1]["content"] + blocks
            self.messages.pop()
        if role == "user":  # a stable sort: results first, all else in its order
            blocks.sort(key=lambda block: block["type"] != "tool_result")
        self.messages.append({"role": role, "content": blocks})

    def _drop_loose_thinking(self) -> None:
        """No turn of the assistant ends with thinking; one that has nothing else is left out."""
        turns, self.messages = self.messages, []
        for turn in turns:
            blocks: list[Block] = turn["content"]
            if turn["role"] == "assistant" and blocks[-1]["type"] in _THOUGHTS:
                self._draft.tell("state_dropped", "thinking that nothing came of was not sent: the provider refuses it")
                blocks = list(reversed([*dropwhile(lambda block: block["type"] in _THOUGHTS, reversed(blocks))]))
            if blocks:
                self._append(turn["role"], blocks)

    def _trim_begun_answer(self) -> None:
        """A begun answer does not end in white space."""
        if not self.messages or self.messages[-1]["role"] != "assistant":
            return
        block: Block = self.messages[-1]["content"][-1]
        text: str = block["text"] if block["type"] == "text" else ""
        if text != text.rstrip():
            block["text"] = text.rstrip()
            self._draft.tell("message_trimmed", "white space at the end of the begun answer was not sent")

    def _add_system(self, message: Message, path: str) -> None:
        for index, part in enumerate(message.parts):
            if not isinstance(part, Text):
                where = f"{path}.parts[{index}]"
                raise BadRequestError(f"{where}: a system message holds text only", field=where)
            if part.text.strip():
                self.system.append({"type": "text", "text": part.text})
        if self.messages:
            self._draft.tell("message_moved", "a system message within the conversation was moved to its beginning")

    def _block(self, part: Part, role: str, path: str) -> Block | None:
        match part:
            case Text():
                return self._text(part)
            case Thinking():
                return self._thinking(part)
            case ProviderState():
                return block_of(part) if self._draft.is_own(part) else None
            case ToolCall() if role == "assistant":
                return self._tool_use(part)
            case ToolResult() if role == "user":
                return self._tool_result(part, path)
            case Image() if role == "user":
                return self._image(part)
            case Document() if role == "user":
                return _document(part, path)
            case _:
                raise BadRequestError(f"{path} does not belong into a message of this role", field=path)

    def _text(self, part: Text) -> Block | None:
        if not part.text.strip():
            return None
        block: Block = {"type": "text", "text": part.text}
        state = part.state
        if state is not None and state.kind == CITATIONS and self._draft.is_own(state):
            citations = json_of(state, list)
            if citations:
                block["citations"] = citations
        return block

    def _thinking(self, part: Thinking) -> Block | None:
        state = part.state
        if not self._draft.is_own(state) or state is None or state.kind != SIGNATURE:
            return None
        return {"type": "thinking", "thinking": part.text, "signature": state.data.decode("utf-8", "replace")}

    def _tool_use(self, part: ToolCall) -> Block:
        arguments = part.arguments
        if not isinstance(arguments, dict):
            self._draft.tell("arguments_wrapped", "tool arguments that are no object were sent inside one", id=part.id)
            arguments = {"arguments": arguments}
        name = self._draft.names.sent(part.name)
        return {"type": "tool_use", "id": part.id, "name": name, "input": cast("dict[str, Any]", arguments)}

    def _tool_result(self, part: ToolResult, path: str) -> Block:
        block: Block = {"type": "tool_result", "tool_use_id": part.id}
        if isinstance(part.content, str):
            block["content"] = part.content
        else:
            inner = [self._result_block(each, f"{path}.content[{at}]") for at, each in enumerate(part.content)]
            block["content"] = [each for each in inner if each is not None]
        if part.is_error:
            block["is_error"] = True
        return block

    def _result_block(self, part: Part, path: str) -> Block | None:
        if not isinstance(part, (Text, Image, Document)):
            raise BadRequestError(f"{path}: a tool result holds text, images and documents", field=path)
        return self._block(part, "user", path)

    def _image(self, part: Image) -> Block:
        if part.detail is not None:
            self._draft.drop("detail", "anthropic has no such wish for an image")
        if part.url is not None:
            return {"type": "image", "source": _from_url(part.url)}
        return {"type": "image", "source": _base64(part.media_type, part.data)}


def _document(part: Document, path: str) -> Block:
    text = text_of(part)
    if part.url is not None:
        source = _from_url(part.url)
    elif text is not None:
        source = {"type": "text", "media_type": "text/plain", "data": text}
    elif part.media_type == "application/pdf":
        source = _base64(part.media_type, part.data)
    else:
        raise UnsupportedError(f"{path}: anthropic takes documents as PDF or text", field=path)
    return {"type": "document", "source": source} | ({"title": part.name} if part.name else {})


def _from_url(url: str) -> Block:
    """The source of an image or document; a ``data:`` URL is taken apart."""
    head, comma, data = url.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        return {"type": "base64", "media_type": head[len("data:") : -len(";base64")], "data": data}
    return {"type": "url", "url": url}


def _base64(media_type: str | None, data: bytes | None) -> Block:
    return {"type": "base64", "media_type": media_type, "data": base64.b64encode(data or b"").decode()}
