"""A conversation as Ollama's messages (Ollama docs: API).

A message has one text, and images beside it as base64. Results of tools are messages of their own; what they show is
sent after them. Thinking goes back to the model that had it.
"""

from __future__ import annotations

import base64
from typing import Any

from kruxos.dialects.encoding import Draft
from kruxos.dialects.media import from_data_url, text_of
from kruxos.errors import BadRequestError
from kruxos.messages import Document, Image, Message, Part, ProviderState, Text, Thinking, ToolCall, ToolResult

from .state import THINKING

_ERROR = "Error: "

Wire = dict[str, Any]


def chat_messages(draft: Draft) -> list[Wire]:
    """The messages of one request. Raises ``BadRequestError`` or ``UnsupportedError``."""
    turns = _Turns(draft)
    for index, message in enumerate(draft.request.messages):
        turns.add(message, f"messages[{index}]")
    turns.flush()
    if not turns.messages:
        raise BadRequestError("messages has nothing that can be sent", field="messages")
    return turns.messages


class _Turns:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self.messages: list[Wire] = []
        self._names: dict[str, str] = {}
        self._waiting: list[str] = []

    def add(self, message: Message, path: str) -> None:
        if message.role == "assistant":
            self._assistant(message, path)
            return
        for index, part in enumerate(message.parts):
            if isinstance(part, ToolResult):
                self._result(part, f"{path}.parts[{index}]")
        others: list[Part] = [part for part in message.parts if not isinstance(part, ToolResult)]
        text, images = self._said(others, path, texts_only=message.role == "system")
        if text or images:
            self.flush()
            role = "system" if message.role == "system" else "user"
            self.messages.append({"role": role, "content": text} | ({"images": images} if images else {}))

    def flush(self) -> None:
        """Images of tool results go after all results of a turn."""
        images, self._waiting = self._waiting, []
        if images:
            self.messages.append({"role": "user", "content": "(from the tools)", "images": images})

    def _said(self, parts: list[Part], path: str, *, texts_only: bool = False) -> tuple[str, list[str]]:
        texts: list[str] = []
        images: list[str] = []
        for index, part in enumerate(parts):
            where = f"{path}.parts[{index}]"
            match part:
                case Text():
                    texts.append(part.text)
                case Image() if not texts_only:
                    images.append(self._image(part, where))
                case Document() if not texts_only:
                    texts.append(self._document(part, where))
                case ProviderState():
                    self._draft.is_own(part)
                case _:
                    raise BadRequestError(f"{where} does not belong into a message of this role", field=where)
        return "\n\n".join(text for text in texts if text), images

    def _assistant(self, message: Message, path: str) -> None:
        self.flush()
        texts: list[str] = []
        thoughts: list[str] = []
        calls: list[Wire] = []
        for index, part in enumerate(message.parts):
            match part:
                case Text():
                    texts.append(part.text)
                case Thinking():
                    if self._draft.is_own(part.state) and part.state is not None and part.state.kind == THINKING:
                        thoughts.append(part.text)
                case ToolCall():
                    calls.append(self._call(part))
                case ProviderState():
                    self._draft.is_own(part)
                case _:
                    where = f"{path}.parts[{index}]"
                    raise BadRequestError(f"{where} does not belong into a message of this role", field=where)
        wire: Wire = {"role": "assistant", "content": "".join(texts)}
        wire |= {"thinking": "".join(thoughts)} if thoughts else {}
        wire |= {"tool_calls": calls} if calls else {}
        if wire["content"] or calls:
            self.messages.append(wire)

    def _call(self, part: ToolCall) -> Wire:
        arguments: Any = part.arguments
        if not isinstance(arguments, dict):
            self._draft.tell("arguments_wrapped", "tool arguments that are no object were sent inside one", id=part.id)
            arguments = {"arguments": arguments}
        name = self._names[part.id] = self._draft.names.sent(part.name)
        return {"id": part.id, "function": {"name": name, "arguments": arguments}}

    def _result(self, part: ToolResult, path: str) -> None:
        if isinstance(part.content, str):
            text = part.content
        else:
            text, images = self._said(part.content, f"{path}.content")
            if images:
                self._waiting += images
                text = text or "(see the attachments)"
                self._draft.tell("message_moved", "images of tool results were sent after the results")
        if part.is_error and not text.lower().startswith("error"):
            text = f"{_ERROR}{text}"
        name = self._names.get(part.id) or self._draft.names.sent(part.name or "tool")
        self.messages.append({"role": "tool", "content": text, "tool_name": name, "tool_call_id": part.id})

    def _image(self, part: Image, path: str) -> str:
        if part.detail is not None:
            self._draft.drop("detail", "ollama has no such wish for an image")
        data = part.data
        if part.url is not None:
            _, data = from_data_url(part.url, f"{path}.url")
            if data is None:
                raise self._draft.unsupported(path, "images by URL")
        return base64.b64encode(data or b"").decode()

    def _document(self, part: Document, path: str) -> str:
        text = text_of(part)
        if text is None:
            raise self._draft.unsupported(path, "documents, except as text")
        return text
