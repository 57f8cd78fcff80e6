"""A conversation as Chat Completions messages.

Results of tools are messages of their own, right after the call's; what they hold beside text has no place there and
follows in a user message. Thinking goes back only where the profile says how (``REASONING``), and only to the server
that made it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from kruxos.dialects.encoding import Draft, told_as_error
from kruxos.dialects.media import data_url, text_of
from kruxos.dialects.text import parse_json
from kruxos.dialects.tool_names import nine_characters, short_id
from kruxos.errors import BadRequestError
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

from .reasoning import CHUNK, DETAILS, FIELDS

_ANSWERED = "OK"
_ATTACHED = "(attached below)"

Wire = dict[str, Any]


def chat_messages(draft: Draft) -> list[Wire]:
    """The messages of one request. Raises ``BadRequestError`` or ``UnsupportedError``."""
    turns = _Turns(draft)
    for index, message in enumerate(draft.request.messages):
        turns.add(message, f"messages[{index}]")
    turns.attach()
    if not turns.messages:
        raise BadRequestError("messages has nothing that can be sent", field="messages")
    last = turns.messages[-1]
    if last["role"] == "assistant" and "tool_calls" not in last:
        last |= BEGUN_ANSWERS[draft.target.profile.begun_answers]
    return turns.messages


def texts_of(messages: list[Wire]) -> Iterator[str]:
    """What messages say in text."""
    for message in messages:
        content: str | list[Wire] = message["content"] or ""
        yield from [content] if isinstance(content, str) else [part.get("text", "") for part in content]


class _Turns:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._profile = draft.target.profile
        self._attachments: list[Wire] = []
        self.messages: list[Wire] = []

    def add(self, message: Message, path: str) -> None:
        if message.role == "assistant":
            self.attach()
            self._assistant(message, path)
        elif message.role == "system":
            self.attach()
            self._content("system", self._user_parts(message.parts, path, texts_only=True))
        else:
            self._user(message, path)

    def attach(self) -> None:
        """What tool results held beside text follows when all results are in."""
        if self._attachments:
            attachments, self._attachments = self._attachments, []
            self._content("user", attachments)

    def _user(self, message: Message, path: str) -> None:
        for index, part in enumerate(message.parts):
            if isinstance(part, ToolResult):
                self._tool_result(part, f"{path}.parts[{index}]")
        others = self._user_parts(message.parts, path)
        if others:
            attachments, self._attachments = self._attachments, []
            self._content("user", attachments + others)

    def _content(self, role: str, parts: list[Wire]) -> None:
        if not parts:
            return
        if role == "user" and not self._profile.user_after_tool and self._last_role() == "tool":
            self.messages.append({"role": "assistant", "content": _ANSWERED})
            self._draft.tell("message_inserted", "an assistant turn was put before the user's, as the provider demands")
        is_one_text = len(parts) == 1 and parts[0]["type"] == "text"
        self.messages.append({"role": role, "content": parts[0]["text"] if is_one_text else parts})

    def _last_role(self) -> str:
        return self.messages[-1]["role"] if self.messages else ""

    def _user_parts(self, parts: Sequence[Part], path: str, *, texts_only: bool = False) -> list[Wire]:
        wire: list[Wire] = []
        for index, part in enumerate(parts):
            where = f"{path}.parts[{index}]"
            match part:
                case Text():
                    wire += [{"type": "text", "text": part.text}] if part.text else []
                case ToolResult() if not texts_only:
                    pass
                case Image() | Document() if not texts_only:
                    wire.append(self._medium(part, where))
                case ProviderState():
                    self._draft.is_own(part)
                case _:
                    raise BadRequestError(f"{where} does not belong into a message of this role", field=where)
        return wire

    def _medium(self, part: Image | Document, path: str) -> Wire:
        if isinstance(part, Image):
            url = part.url if part.url is not None else data_url(part.media_type, part.data)
            return {"type": "image_url", "image_url": {"url": url} | ({"detail": part.detail} if part.detail else {})}
        text = text_of(part)
        if text is not None:
            return {"type": "text", "text": text}
        return DOCUMENTS[self._profile.documents](self._draft, part, path)

    def _tool_result(self, part: ToolResult, path: str) -> None:
        content = part.content
        if isinstance(content, str):
            text = content
        else:
            wire = self._user_parts(content, path)
            attachments = [each for each in wire if each["type"] != "text"]
            text = "\n".join(each["text"] for each in wire if each["type"] == "text") or _ATTACHED * bool(attachments)
            if attachments:
                self._attachments += attachments
                self._draft.tell("message_moved", "images and documents of tool results were sent after the results")
        if part.is_error:
            text = told_as_error(text)
        self.messages.append({"role": "tool", "tool_call_id": part.id, "content": text})

    def _assistant(self, message: Message, path: str) -> None:
        texts: list[str] = []
        calls: list[Wire] = []
        for index, part in enumerate(message.parts):
            match part:
                case Text():
                    texts.append(part.text)
                case ToolCall():
                    calls.append(self._call(part))
                case Thinking() | ProviderState():
                    pass
                case _:
                    where = f"{path}.parts[{index}]"
                    raise BadRequestError(f"{where} does not belong into a message of this role", field=where)
        text = "".join(texts)
        wire: Wire = {"role": "assistant", "content": text or None}
        if calls:
            wire["tool_calls"] = calls
        wire |= REASONING[self._profile.reasoning](self._draft, message, wire)
        if wire["content"] or calls:
            self.messages.append(wire)

    def _call(self, part: ToolCall) -> Wire:
        function = {"name": self._draft.names.sent(part.name), "arguments": part.arguments_json}
        return {"id": part.id, "type": "function", "function": function}


def _no_document(draft: Draft, _part: Document, path: str) -> Wire:
    raise draft.unsupported(path, "documents, except as text")


def _file(draft: Draft, part: Document, path: str) -> Wire:
    if part.data is None:
        raise draft.unsupported(path, "documents by URL")
    return {
        "type": "file",
        "file": {"filename": part.name or "document.pdf", "file_data": data_url(part.media_type, part.data)},
    }


def _document_url(_draft: Draft, part: Document, _path: str) -> Wire:
    url = part.url if part.url is not None else data_url(part.media_type, part.data)
    return {"type": "document_url", "document_url": url}


DOCUMENTS: dict[str, Callable[[Draft, Document, str], Wire]] = {
    "none": _no_document,
    "file": _file,
    "document_url": _document_url,
}


BEGUN_ANSWERS: dict[str, Wire] = {"as_given": {}, "prefix": {"prefix": True}}
"""How a last turn of the assistant's is marked (Mistral's SDK: assistantmessage)."""


TOOL_IDS: dict[str, Callable[[str], str]] = {"as_given": short_id, "nine_characters": nine_characters}


def _own_thoughts(draft: Draft, message: Message) -> list[tuple[str, ProviderState]]:
    """The thoughts of a turn that this server made itself: text and state. Others are counted, to be told."""
    parts = [part for part in message.parts if isinstance(part, (Thinking, ProviderState))]
    states = [part.state if isinstance(part, Thinking) else part for part in parts]
    details = next((state for state in states if state is not None and state.kind == DETAILS), None)
    if details is not None and draft.is_own(details):
        return [("", details)]
    own: list[tuple[str, ProviderState]] = []
    for part, state in zip(parts, states, strict=True):
        if draft.is_own(state) and state is not None:
            own.append((part.text if isinstance(part, Thinking) else "", state))
    return own


def _never(draft: Draft, message: Message, _wire: Wire) -> Wire:
    """The protocol carries no thinking back; its own is left out without a word, that of others is told."""
    _own_thoughts(draft, message)
    return {}


def _as_named(draft: Draft, message: Message, wire: Wire) -> Wire:
    """Under the name by which it came."""
    thoughts = _own_thoughts(draft, message)
    if thoughts and thoughts[0][1].kind == DETAILS:
        return _details_of(thoughts)
    named = [(text, state.kind) for text, state in thoughts if state.kind in FIELDS]
    return (
        {named[0][1]: "".join(text for text, _ in named)} if named and (wire["content"] or "tool_calls" in wire) else {}
    )


def _always(draft: Draft, message: Message, wire: Wire) -> Wire:
    """As ``reasoning_content``, and empty beside tool calls that had none (DeepSeek docs: thinking mode)."""
    thoughts = _own_thoughts(draft, message)
    text = "".join(text for text, _ in thoughts)
    return {"reasoning_content": text} if text or "tool_calls" in wire else {}


def _details(draft: Draft, message: Message, _wire: Wire) -> Wire:
    """As OpenRouter's complete and unchanged list."""
    return _details_of(_own_thoughts(draft, message))


def _details_of(thoughts: list[tuple[str, ProviderState]]) -> Wire:
    for _, state in thoughts:
        if state.kind == DETAILS:
            try:
                return {DETAILS: parse_json(state.data)}
            except ValueError:
                return {}
    return {}


def _chunks(draft: Draft, message: Message, wire: Wire) -> Wire:
    """As Mistral's thinking parts before the text."""
    chunks: list[Wire] = []
    for text, state in _own_thoughts(draft, message):
        if state.kind == CHUNK and text:
            chunk: Wire = {"type": "thinking", "thinking": [{"type": "text", "text": text}]}
            chunks.append(chunk | ({"signature": state.data.decode("utf-8", "replace")} if state.data else {}))
    if not chunks:
        return {}
    answer = cast("str | None", wire["content"])
    return {"content": chunks + ([{"type": "text", "text": answer}] if answer else [])}


REASONING: dict[str, Callable[[Draft, Message, Wire], Wire]] = {
    "never": _never,
    "as_named": _as_named,
    "always": _always,
    "details": _details,
    "chunks": _chunks,
}
