"""A conversation as Gemini's contents.

Rules of the API that this file keeps (Gemini docs: generateContent, function calling, thought signatures; Google's
SDK): there are two roles, the first turn is the user's; the answers to a turn's calls follow it at once, in a content
of their own, in the order of the calls; an answer is an object; a signed part goes back as it came, and where a model
demands a signature that nobody has, Google's documented filler takes its place.
"""

from __future__ import annotations

import base64
from typing import Any

from kruxos.dialects.encoding import Draft
from kruxos.dialects.media import from_data_url, text_of
from kruxos.errors import BadRequestError
from kruxos.messages import Document, Image, Message, Part, ProviderState, Text, Thinking, ToolCall, ToolResult

from .state import SIGNATURE, THOUGHT, part_of
from .thinking import knows_levels

FILLER = "skip_thought_signature_validator"
"""Stands for the signature of a call that another model made (Gemini docs: thought signatures)."""
_OPENING = "(The conversation begins with the assistant.)"
_MEDIA_TYPES = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "heic": "image/heic",
    "pdf": "application/pdf", "txt": "text/plain",
}  # fmt: skip

Wire = dict[str, Any]


class Turns:
    """The system instruction and the contents of one request. Raises ``BadRequestError``."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self.system: list[Wire] = []
        self.contents: list[Wire] = []
        self._names: dict[str, str] = {}
        self._waiting: list[Wire] = []
        for index, message in enumerate(draft.request.messages):
            self._add(message, f"messages[{index}]")
        self._append("user", self._take_waiting())
        if not self.contents:
            raise BadRequestError("messages has nothing that can be sent", field="messages")
        if self.contents[0]["role"] == "model":
            self.contents.insert(0, {"role": "user", "parts": [{"text": _OPENING}]})
            draft.tell("message_inserted", "a user turn was put first, as the provider demands")
        self._order_results()
        if knows_levels(draft):
            self._fill_signatures()

    def _add(self, message: Message, path: str) -> None:
        if message.role == "system":
            self._add_system(message, path)
        elif message.role == "assistant":
            parts = [self._model_part(part, f"{path}.parts[{at}]") for at, part in enumerate(message.parts)]
            self._append("model", [part for part in parts if part is not None])
        else:
            results = [
                self._result(part, f"{path}.parts[{at}]")
                for at, part in enumerate(message.parts)
                if isinstance(part, ToolResult)
            ]
            if results:
                self._append_results(results)
            self._append("user", self._user_parts(message.parts, path))

    def _add_system(self, message: Message, path: str) -> None:
        for index, part in enumerate(message.parts):
            if not isinstance(part, Text):
                where = f"{path}.parts[{index}]"
                raise BadRequestError(f"{where}: a system message holds text only", field=where)
            if part.text.strip():
                self.system.append({"text": part.text})
        if self.contents:
            self._draft.tell("message_moved", "a system message within the conversation was moved to its beginning")

    def _append(self, role: str, parts: list[Wire]) -> None:
        """Adds to the last turn of that role, or begins one; what waited for the end of the results goes first."""
        if not parts:
            return
        waiting = self._take_waiting()
        if waiting:
            self._append("user", waiting)
        last = self.contents[-1] if self.contents else None
        if last is not None and last["role"] == role and not _is_results(last):
            last["parts"] += parts
        else:
            self.contents.append({"role": role, "parts": parts})

    def _take_waiting(self) -> list[Wire]:
        waiting, self._waiting = self._waiting, []
        return waiting

    def _append_results(self, results: list[Wire]) -> None:
        if self.contents and _is_results(self.contents[-1]):
            self.contents[-1]["parts"] += results
        else:
            self.contents.append({"role": "user", "parts": results})

    def _user_parts(self, parts: list[Part], path: str) -> list[Wire]:
        wire: list[Wire] = []
        for index, part in enumerate(parts):
            where = f"{path}.parts[{index}]"
            match part:
                case Text():
                    wire += [{"text": part.text}] if part.text else []
                case Image() | Document():
                    wire.append(self._medium(part, where))
                case ToolResult():
                    pass
                case ProviderState():
                    self._draft.is_own(part)
                case _:
                    raise BadRequestError(f"{where} does not belong into a message of this role", field=where)
        return wire

    def _model_part(self, part: Part, path: str) -> Wire | None:
        match part:
            case Text():
                wire = self._signed({"text": part.text}, part.state)
                return wire if part.text or len(wire) > 1 else None
            case Thinking():
                return self._thought(part)
            case ToolCall():
                return self._call(part)
            case ProviderState():
                return part_of(part) if self._draft.is_own(part) else None
            case _:
                raise BadRequestError(f"{path} does not belong into a message of this role", field=path)

    def _signed(self, wire: Wire, state: ProviderState | None) -> Wire:
        if state is not None and self._draft.is_own(state) and state.kind == SIGNATURE:
            wire["thoughtSignature"] = state.data.decode("utf-8", "replace")
        return wire

    def _thought(self, part: Thinking) -> Wire | None:
        state = part.state
        if not self._draft.is_own(state) or state is None or state.kind not in (SIGNATURE, THOUGHT):
            return None
        wire: Wire = {"text": part.text, "thought": True}
        return wire | ({"thoughtSignature": state.data.decode("utf-8", "replace")} if state.data else {})

    def _call(self, part: ToolCall) -> Wire:
        arguments: Any = part.arguments
        if not isinstance(arguments, dict):
            self._draft.tell("arguments_wrapped", "tool arguments that are no object were sent inside one", id=part.id)
            arguments = {"arguments": arguments}
        name = self._names[part.id] = self._draft.names.sent(part.name)
        return self._signed({"functionCall": {"id": part.id, "name": name, "args": arguments}}, part.state)

    def _result(self, part: ToolResult, path: str) -> Wire:
        """An answer as text, inside an object: a ``$ref`` in an object of the tool's own would be refused."""
        if isinstance(part.content, str):
            text = part.content
        else:
            wire = self._user_parts(part.content, f"{path}.content")
            text = "\n".join(each["text"] for each in wire if "text" in each)
            media = [each for each in wire if "text" not in each]
            if media:
                self._waiting += media
                text = text or "(see the attachments)"
                self._draft.tell("message_moved", "images and documents of tool results were sent after the results")
        response = {"error" if part.is_error else "output": text}
        name = self._names.get(part.id) or self._draft.names.sent(part.name or "tool")
        return {"functionResponse": {"id": part.id, "name": name, "response": response}}

    def _medium(self, part: Image | Document, path: str) -> Wire:
        if isinstance(part, Image) and part.detail is not None:
            self._draft.drop("detail", "gemini has no such wish for an image")
        text = text_of(part) if isinstance(part, Document) else None
        if text is not None:
            return {"text": text}
        media_type, data = (part.media_type, part.data)
        if part.url is not None:
            media_type, data = from_data_url(part.url, f"{path}.url")
        if part.url is not None and data is None:
            ending = part.url.partition("?")[0].rpartition(".")[2].lower()
            kind = part.media_type or _MEDIA_TYPES.get(ending)
            return {"fileData": ({"mimeType": kind} if kind else {}) | {"fileUri": part.url}}
        return {"inlineData": {"mimeType": media_type, "data": base64.b64encode(data or b"").decode()}}

    def _order_results(self) -> None:
        """As many answers as calls, in their order."""
        for before, content in zip(self.contents, self.contents[1:], strict=False):
            if _is_results(content):
                order = [part["functionCall"]["id"] for part in before["parts"] if "functionCall" in part]
                places = {call_id: at for at, call_id in enumerate(order)}
                content["parts"] = sorted(content["parts"], key=lambda part: _place(part, places))

    def _fill_signatures(self) -> None:
        """The first call of a turn needs a signature; parallel ones have none."""
        for content in self.contents:
            first = next((part for part in content["parts"] if "functionCall" in part), None)
            if first is not None and "thoughtSignature" not in first:
                first["thoughtSignature"] = FILLER
                self._draft.tell("signature_filled", "tool calls that the model did not make itself were marked so")


def _place(part: Wire, places: dict[str, int]) -> int:
    return places.get(part["functionResponse"]["id"], len(places))


def _is_results(content: Wire) -> bool:
    return "functionResponse" in content["parts"][0]
