"""The older part of a conversation as one text, for whoever sums it up.

Pictures and documents without text are named and counted, not shown. Thinking and what only its provider understands
is left out. Long texts lose their middle, and the more of it the less room there is; at last the whole one does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from kruxos.messages import Document, Image, Message, Part, Text, ToolCall, ToolResult

RESULT_CHARS = (8_000, 2_000, 500, 120)
TEXT_CHARS = (64_000, 16_000, 4_000, 800)
"""How long a tool's result, and any other text, may be: the first pair that makes the whole fit."""
CHARS_MIN = 1000
"""Where even the whole text loses its middle, so much of it has to stay."""
_CAUTION = 0.85
_LABELS = {"user": "User", "assistant": "Assistant", "tool": "Tools", "system": "System"}


@dataclass(frozen=True, slots=True)
class Transcript:
    """The text, how many pictures and documents it only names, and whether texts lost something."""

    text: str
    images: int
    documents: int
    shortened: bool


@dataclass(slots=True)
class _Writer:
    result_chars: int
    text_chars: int
    images: int = 0
    documents: int = 0
    shortened: bool = False

    def message(self, message: Message) -> str:
        lines = [line for part in message.parts for line in self._lines(part, self.text_chars)]
        return "\n".join([f"## {_LABELS[message.role]}", *lines]) if lines else ""

    def _lines(self, part: Part, chars: int) -> Iterator[str]:
        match part:
            case Text():
                yield self.cut(part.text, chars)
            case Image():
                self.images += 1
                yield f"[picture {self.images} is left out: {part.media_type or part.url or 'image'}]"
            case Document() if part.text is not None:
                yield f"[document {part.name or ''}]\n{self.cut(part.text, chars)}"
            case Document():
                self.documents += 1
                yield f"[document {part.name or part.url or part.media_type or ''} is left out]"
            case ToolCall():
                yield f"[calls {part.name} {self.cut(part.arguments_json, self.result_chars)}]"
            case ToolResult():
                yield from self._result(part)
            case _:
                pass

    def _result(self, part: ToolResult) -> Iterator[str]:
        said = "error" if part.is_error else "result"
        inner: Iterable[Part] = [Text(part.content)] if isinstance(part.content, str) else part.content
        lines = [line for each in inner for line in self._lines(each, self.result_chars)]
        yield f"[{said} of {part.name or part.id}]\n" + "\n".join(lines)

    def cut(self, text: str, chars: int) -> str:
        """The text without its middle, where it is longer."""
        if len(text) <= chars:
            return text
        self.shortened = True
        half = chars // 2
        return f"{text[:half]}\n[{len(text) - 2 * half} characters are left out]\n{text[-half:]}"


def transcript_of(
    messages: Sequence[Message], before: str, tokens_max: float, tokens_of: Callable[[str], float]
) -> Transcript | None:
    """The text of messages, after the summary of what came ``before`` them; None where no shortening makes it fit."""
    text, writer = "", _Writer(0, 0)
    for result_chars, text_chars in zip(RESULT_CHARS, TEXT_CHARS, strict=True):
        writer = _Writer(result_chars, text_chars)
        blocks = [before, *(writer.message(message) for message in messages if message.role != "system")]
        text = "\n\n".join(filter(None, blocks))
        if tokens_of(text) <= tokens_max:
            return Transcript(text, writer.images, writer.documents, writer.shortened)
    chars = int(len(text) * tokens_max / tokens_of(text) * _CAUTION)
    text = writer.cut(text, chars)
    is_short = chars >= CHARS_MIN and tokens_of(text) <= tokens_max
    return Transcript(text, writer.images, writer.documents, shortened=True) if is_short else None
