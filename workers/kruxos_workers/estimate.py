"""How many tokens a request has, roughly, without its tokenizer: at the speed of counting bytes.

A text is what it is made of: words, letters, digits, signs, line ends, bytes beyond ASCII, each at its usual weight.
What a chat's form adds differs by family of models: for each message, for tools (how a template spells their JSON, and
the instructions around them), for the request. These were fitted on recorded requests whose providers told the real
count (``tests/economy/calibration.py``, which also tells how far off they are on requests that were left out).

Pictures and PDF documents count as usual ones: a number for each family, which nothing recorded confirms. What a
provider puts in itself (its own tools, pages that it fetched, hidden instructions) nobody can know before;
``Corrections`` learns it from the answers.
"""

from __future__ import annotations

import marshal
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from kruxos.messages import (
    Document,
    Image,
    Message,
    Part,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    compact_json,
)

TOOLS_KNOWN = 512
TEXTS_KNOWN = 8192
_LONG_CHARS = 256
CORRECTIONS_MAX = 256
_LETTERS = bytes(range(65, 91)) + bytes(range(97, 123))
_DIGITS = b"0123456789"
_SPACES = b" \t\r"
_HIGH = bytes(range(128, 256))
_NEW_WEIGHT = 0.3
LONG_TOKENS = 1000
"""From so many on, what a provider adds of itself weighs little, and a request tells how long others are."""
_LONG = "\n"
MUCH_LONGER = 1.5
CAUTION = 1.25
"""A request so many times as long as any that was learned of may be longer than estimated by so much."""
_RATIO_MAX = 20.0
DOCUMENT_TOKENS = 3000
LARGE_IMAGE_TOKENS = 1600
"""What a picture may count that fills what a provider looks at (Anthropic docs: vision)."""
ERROR_MEDIAN_PERCENT = 16
ERROR_P95_PERCENT = 86
"""Measured on recorded requests that the weights were not fitted on: short ones, of all providers together."""


@dataclass(frozen=True, slots=True)
class Family:
    """What a model's form adds: factors on texts and on tools' JSON, tokens for each message, tool, and so on."""

    text: float = 1.0
    message: float = 4.0
    json: float = 1.2
    tool: float = 10.0
    has_tools: float = 60.0
    request: float = 4.0
    image: int = 1500
    counts_schema: bool = True


FAMILIES: tuple[tuple[str, Family], ...] = (
    ("claude", Family(0.99, 5.65, 1.34, 13.8, 183.0, 3.5)),
    ("gpt-oss", Family(0.98, 10.7, 0.68, 9.8, 61.0, 9.6)),
    (r"^(openai/)?(gpt|o\d|codex)", Family(0.89, 5.45, 0.62, 12.4, 6.4, 1.4, image=765)),
    ("gemini", Family(1.01, 1.03, 0.0, 9.6, 41.0, -2.3, image=258, counts_schema=False)),
    ("^deepseek-v4|^deepseek-flash", Family(1.12, 2.7, 2.24, 13.4, 231.0, 0.7)),
    ("^deepseek-(?!r1-distill)", Family(0.86, 1.9, 2.0, 11.4, 80.0, 1.8)),
    ("glm", Family(0.93, 4.05, 1.21, 12.7, 104.0, 1.6)),
    ("grok-code", Family(1.15, 5.45, 2.17, 12.7, 128.0, 4.7)),
    ("grok-(4|build)", Family(1.28, 6.5, 1.43, 13.6, 184.0, 4.9, image=256)),
    ("grok", Family(0.66, 3.7, 1.27, 9.6, 41.0, 5.0)),
    ("mistral|ministral|codestral|devstral", Family(1.2, 2.6, 1.42, 9.3, 14.0, 0.4)),
    ("qwen", Family(0.47, 5.0, 1.73, 10.1, 64.0, 8.1)),
    ("kimi", Family(0.99, 3.8, 0.66, 9.2, 40.0, 3.9)),
    ("llama|granite|gemma", Family(0.99, 2.9, 1.79, 11.0, 110.0, 7.2)),
)
"""By what a model's id looks like, the first that fits; fitted on 2026-11-22."""
OTHER = Family()


@lru_cache(maxsize=TOOLS_KNOWN)
def family_of(model: str) -> Family:
    """The family of a model."""
    return next((family for pattern, family in FAMILIES if re.search(pattern, model.lower())), OTHER)


def text_tokens(text: str) -> float:
    """A text's tokens, whoever counts them. Long ones come again with each call of a loop, and are looked at once."""
    if len(text) < _LONG_CHARS:
        return _text_tokens(text)
    key = hash(text)
    known = _KNOWN.get(key)
    if known is None:
        known = _KNOWN[key] = _text_tokens(text)
        if len(_KNOWN) > TEXTS_KNOWN:
            _KNOWN.popitem(last=False)
    return known


_KNOWN: OrderedDict[int, float] = OrderedDict()


def _text_tokens(text: str) -> float:
    data = text.encode("utf-8", "surrogatepass")
    size, lines = len(data), data.count(b"\n")
    letters, digits = size - len(data.translate(None, _LETTERS)), size - len(data.translate(None, _DIGITS))
    high = 0 if size == len(text) else size - len(data.translate(None, _HIGH))
    spaces = size - len(data.translate(None, _SPACES))
    signs = size - letters - digits - high - spaces - lines
    return 0.75 * len(data.split()) + 0.08 * letters + 0.5 * digits + 0.45 * signs + 0.3 * lines + 0.35 * high


def tool_tokens(tool: Tool) -> float:
    """A tool's, as JSON; one that was seen before is not looked at again."""
    return _tool_tokens(tool.name, tool.description or "", marshal.dumps(tool.parameters))


@lru_cache(maxsize=TOOLS_KNOWN)
def _tool_tokens(name: str, description: str, parameters: bytes) -> float:
    return text_tokens(f"{name} {description} {compact_json(marshal.loads(parameters))}")  # noqa: S302 - made just above


@dataclass(slots=True)
class _Sum:
    family: Family
    text: float = 0.0
    carriers: int = 0
    apart: int = 0
    images: int = 0

    def add(self, part: Part) -> None:
        match part:
            case Text() | Thinking():
                self.text += text_tokens(part.text)
            case Image():
                self.apart += self.family.image
                self.images += 1
            case Document():
                self.apart += 0 if part.text is not None else DOCUMENT_TOKENS
                self.text += text_tokens(part.text or "")
            case ToolCall():
                self.carriers += 1
                self.text += text_tokens(f"{part.name} {part.arguments_json}")
            case ToolResult():
                self.carriers += 1
                for inner in [Text(part.content)] if isinstance(part.content, str) else part.content:
                    self.add(inner)
            case _:
                pass

    def tokens(self) -> float:
        """All that was added."""
        return self.family.text * self.text + self.family.message * self.carriers + self.apart

    def doubt(self) -> int:
        """How much more it may be where all pictures are large."""
        return self.images * max(0, LARGE_IMAGE_TOKENS - self.family.image)


def message_tokens(message: Message, model: str) -> float:
    """One message's part of a request's estimate, with large pictures."""
    found = _Sum(family_of(model), carriers=1)
    for part in message.parts:
        found.add(part)
    return found.tokens() + found.doubt()


def estimate_tokens(request: Request, model: str = "") -> int:
    """Input tokens of a request to a model."""
    return estimate_range(request, model)[0]


def estimate_range(request: Request, model: str) -> tuple[int, int]:
    """The same, and how many they are where all pictures are large."""
    family = family_of(model)
    found = _Sum(family)
    for message in request.messages:
        found.carriers += 1
        for part in message.parts:
            found.add(part)
    output = request.output_format
    if output is not None and output.schema is not None and family.counts_schema:
        found.text += text_tokens(compact_json(output.schema))
    tools = sum(map(tool_tokens, request.tools)) * family.json + len(request.tools) * family.tool
    tokens = found.tokens() + tools
    estimate = max(1, round(tokens + family.request + (family.has_tools if request.tools else 0.0)))
    return estimate, estimate + found.doubt()


@dataclass(slots=True)
class Corrections:
    """By how much the real count was more than the estimate, for each model and conversation; newer ones for more."""

    _ratios: OrderedDict[tuple[str, str], float] = field(default_factory=OrderedDict[tuple[str, str], float])
    _longest: dict[str, int] = field(default_factory=dict[str, int])

    def corrected(self, model: str, conversation: str, estimate: int) -> int:
        """An estimate set right by what was learned of the conversation, else of the model."""
        return max(1, round(estimate * self.ratio(model, conversation)))

    def ratio(self, model: str, conversation: str) -> float:
        """What was learned of the conversation, else of the model."""
        return self._ratios.get((model, conversation), self._ratios.get((model, ""), 1.0))

    def knows(self, model: str, conversation: str) -> bool:
        """Whether this very conversation has been answered before."""
        return (model, conversation) in self._ratios

    def learn(self, model: str, conversation: str, estimate: int, real: int) -> None:
        """An answer told the real count."""
        if estimate <= 0 or real <= 0:
            return
        ratio = min(_RATIO_MAX, max(1 / _RATIO_MAX, real / estimate))
        for key, weight in (((model, conversation), 1.0), ((model, ""), _NEW_WEIGHT)):
            before = self._ratios.get(key, 1.0)
            self._ratios[key] = before + (ratio - before) * weight
            self._ratios.move_to_end(key)
        if estimate >= LONG_TOKENS:
            self._learn_long(model, ratio, estimate)
        while len(self._ratios) > CORRECTIONS_MAX:
            self._ratios.popitem(last=False)

    def _learn_long(self, model: str, ratio: float, estimate: int) -> None:
        """Up at once, down slowly: what is too long is refused, what is thought too long only shortened early."""
        key = (model, _LONG)
        before = self._ratios.get(key, ratio)
        self._ratios[key] = ratio if ratio > before else before + (ratio - before) * _NEW_WEIGHT
        self._ratios.move_to_end(key)
        self._longest[model] = max(estimate, self._longest.get(model, 0))
        if len(self._longest) > CORRECTIONS_MAX:
            self._longest.clear()

    def too_long(self, model: str, estimate: int, window: int) -> None:
        """The provider says that a request of this estimate is over the window."""
        if estimate > 0:
            self._learn_long(model, min(_RATIO_MAX, max(1 / _RATIO_MAX, window / estimate)), estimate)

    def long_ratio(self, model: str) -> float:
        """By how much long requests to the model are longer than estimated."""
        return self._ratios.get((model, _LONG), 1.0)

    def caution(self, model: str, estimate: int) -> float:
        """By how much more one of this estimate may be longer, where none like it was learned of."""
        return CAUTION if estimate > self._longest.get(model, 0) * MUCH_LONGER else 1.0

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes over what a forerunner learned of long requests; what is no such thing is not believed."""
        for model, ratio in list(state.items())[:CORRECTIONS_MAX]:
            if isinstance(ratio, float) and 1 / _RATIO_MAX <= ratio <= _RATIO_MAX:
                self._ratios[model, _LONG] = ratio

    def long_state(self) -> dict[str, float]:
        """For a successor."""
        return {model: ratio for (model, name), ratio in self._ratios.items() if name == _LONG}

    def state(self) -> Mapping[str, float]:
        """How far off each model's estimates are, for status."""
        return {model: round(ratio, 3) for (model, name), ratio in self._ratios.items() if not name}
