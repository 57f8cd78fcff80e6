"""How far off token estimates are, and where their weights come from: recorded requests with their real counts.

``python -m tests.economy.calibration`` prints, for each provider, the error of the weights in use, and the error on
requests that were left out: for each one its family is fitted anew without it and without its twins. What cannot be
known before is left out on both sides: pictures, documents, a provider's own tools, and what it added of itself.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kruxos.dialects.registry import DIALECTS
from kruxos.dialects.text import body_bytes
from kruxos.errors import BadRequestError
from kruxos.messages import Document, Image, Request, Text, Thinking, ToolCall, ToolResult, compact_json
from kruxos_workers.estimate import FAMILIES, estimate_tokens, family_of, text_tokens, tool_tokens
from tests.shared import exchanges

_WIRES = {
    "messages": "anthropic", "chat": "openai-chat", "responses": "openai-responses", "gemini": "gemini",
    "ollama-chat": "ollama",
}  # fmt: skip
_HIDDEN = ("server-tool", "web-search", "code-execution", "mcp", "previous-response", "cached-contents", "compaction")
PRIOR = (1.0, 4.0, 1.0, 10.0, 60.0, 4.0)
_STRENGTH = (0.05, 0.0005, 0.01, 0.0001, 0.000002, 0.0005)
"""How much a family's few requests have to say against what is usual."""
_ROUNDS = 4


@dataclass(frozen=True)
class Sample:
    """A recorded request: its provider, family, real count, and what it is made of."""

    provider: str
    family: int
    model: str
    real: int
    request: Request
    makeup: tuple[float, ...]

    def error(self, weights: Sequence[float]) -> float:
        return abs(sum(a * b for a, b in zip(self.makeup, weights, strict=True)) / self.real - 1)


def samples() -> Iterator[Sample]:
    for raw, meant in exchanges().values():
        tokens, body = meant.get("tokens") or {}, raw["request"]["body"]
        dialect = _WIRES.get(meant["wire"])
        if dialect is None or not isinstance(body, dict) or tokens.get("input_uncached") is None:
            continue
        if any(tag in raw["tags"] for tag in _HIDDEN) or meant.get("server_tools"):
            continue
        try:
            request = DIALECTS[dialect].decode_request(body_bytes(body), {":path": raw["request"]["url"]}).request
        except BadRequestError:
            continue
        parts = [part for message in request.messages for part in message.parts]
        if any(isinstance(part, (Image, Document)) for part in parts):
            continue
        real = sum(tokens[name] or 0 for name in ("input_uncached", "cache_read", "cache_write"))
        provider = raw["provider"].removesuffix("-responses").removesuffix("-chat")
        family = next((at for at, (_, one) in enumerate(FAMILIES) if one is family_of(raw["model"] or "")), -1)
        yield Sample(provider, family, raw["model"] or "", real, request, _makeup(request, raw["model"] or ""))


def _makeup(request: Request, model: str) -> tuple[float, ...]:
    text, carriers = 0.0, 0
    for message in request.messages:
        carriers += 1
        for part in message.parts:
            if isinstance(part, (Text, Thinking)):
                text += text_tokens(part.text)
            elif isinstance(part, ToolCall):
                carriers, text = carriers + 1, text + text_tokens(f"{part.name} {part.arguments_json}")
            elif isinstance(part, ToolResult):
                carriers, text = carriers + 1, text + text_tokens(_content(part))
    output = request.output_format
    if output is not None and output.schema is not None and family_of(model).counts_schema:
        text += text_tokens(compact_json(output.schema))
    tools = request.tools
    return (text, carriers, sum(map(tool_tokens, tools)), len(tools), float(bool(tools)), 1.0)


def _content(part: ToolResult) -> str:
    if isinstance(part.content, str):
        return part.content
    return " ".join(inner.text for inner in part.content if isinstance(inner, Text))


def fitted(family: Sequence[Sample]) -> tuple[float, ...]:
    """The weights with the least errors, outliers counting for less, pulled towards what is usual."""
    weights: tuple[float, ...] = PRIOR
    trust = [1.0] * len(family)
    for _ in range(_ROUNDS):
        size = len(PRIOR)
        left = [[_STRENGTH[i] if i == j else 0.0 for j in range(size)] for i in range(size)]
        right = [_STRENGTH[i] * PRIOR[i] for i in range(size)]
        for sample, share in zip(family, trust, strict=True):
            row = [value / sample.real for value in sample.makeup]
            for i in range(size):
                right[i] += share * row[i]
                for j in range(size):
                    left[i][j] += share * row[i] * row[j]
        weights = _solved(left, right)
        trust = [0.05 / max(0.03, sample.error(weights)) for sample in family]
    return weights


def _solved(left: list[list[float]], right: list[float]) -> tuple[float, ...]:
    """Gauss and Jordan: the equations are few, and positive definite."""
    rows = [[*row, value] for row, value in zip(left, right, strict=True)]
    for i, pivot in enumerate(rows):
        for k, row in enumerate(rows):
            if k != i:
                factor = row[i] / pivot[i]
                rows[k] = [a - factor * b for a, b in zip(row, pivot, strict=True)]
    return tuple(row[-1] / row[i] for i, row in enumerate(rows))


def errors() -> dict[str, tuple[int, float, float, float, float]]:
    """For each provider: requests; median and 95th percentile in use; the same of those left out."""
    every = list(samples())
    families: dict[int, list[Sample]] = defaultdict(list)
    for sample in every:
        families[sample.family].append(sample)
    used: dict[str, list[float]] = defaultdict(list)
    left_out: dict[str, list[float]] = defaultdict(list)
    for sample in every:
        others = [one for one in families[sample.family] if (one.real, one.makeup) != (sample.real, sample.makeup)]
        names = [sample.provider, "all", *(["of 100 and more"] if sample.real >= 100 else [])]
        for name in names:
            used[name].append(abs(estimate_tokens(sample.request, sample.model) / sample.real - 1))
            left_out[name].append(sample.error(fitted(others)))
    return {name: (len(found), *_two(found), *_two(left_out[name])) for name, found in used.items()}


def _two(found: list[float]) -> tuple[float, float]:
    found = sorted(found)
    return statistics.median(found), found[min(len(found) - 1, int(0.95 * len(found)))]


def lines() -> Iterator[str]:
    yield f"{'provider':16}{'requests':>9}{'median':>9}{'p95':>9}{'left out: median':>18}{'p95':>9}"
    for name, (count, *found) in errors().items():
        median, p95, out_median, out_p95 = (f"{100 * value:.0f} %" for value in found)
        yield f"{name:16}{count:>9}{median:>9}{p95:>9}{out_median:>18}{out_p95:>9}"


if __name__ == "__main__":
    print("\n".join(lines()))  # noqa: T201
