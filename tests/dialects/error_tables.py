"""The tables of docs/errors.md, which the code and the judged refusals know best.

They stand in the page between two comments, ``<!-- begin NAME -->`` and ``<!-- end NAME -->``. A test compares;
``python -m tests.dialects.error_tables`` writes the page anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from kruxos import errors
from tests.dialects.error_bodies import SAID, Said

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
NAMES = {
    "anthropic": "Anthropic", "openai": "OpenAI", "openai-codex": "OpenAI Codex", "gemini": "Google Gemini",
    "deepseek": "DeepSeek", "glm": "GLM (Z.ai)", "grok": "Grok (xAI)", "mistral": "Mistral", "groq": "Groq",
    "openrouter": "OpenRouter", "ollama": "Ollama", "generic": "Other servers",
}  # fmt: skip
_WHERE = {"stream": "200, in the stream", "body": "200"}
_RETRY = {"none": "", "header": "header", "body": "body", "calendar": "end of the day or month"}


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Rows in Markdown; the same one only once."""
    lines = list(dict.fromkeys("| " + " | ".join(row) + " |" for row in rows))
    names = list(heads)
    return "\n".join([f"| {' | '.join(names)} |", f"| {' | '.join(['---'] * len(names))} |", *lines])


def codes() -> Iterator[tuple[str, str, str, str]]:
    """Every code that a provider's refusal becomes."""
    for code in dict.fromkeys(sorted(said.code for said in SAID)):
        kind = errors.BY_CODE[code]
        moves, again = ("yes" if kind.moves_on else "no"), ("yes" if kind.retryable else "no")
        yield f"`{code}`", (kind.__doc__ or "").strip().replace("``", "`"), moves, again


def refusals(profile: str) -> Iterator[tuple[str, str, str, str]]:
    """What one provider says."""
    for said in SAID:
        if said.profile == profile:
            yield _status(said), said.what, f"`{said.code}`", _RETRY[said.retry]


def _status(said: Said) -> str:
    return _WHERE.get(said.where, str(said.status))


def sections() -> dict[str, str]:
    """The generated parts by name."""
    heads = ("Status", "What it means", "Code", "Try again: told by")
    providers = [f"### {name}\n\n{table(heads, refusals(profile))}" for profile, name in NAMES.items()]
    return {
        "codes": table(("Code", "Meaning", "Moves on", "Later again"), codes()),
        "refusals": "\n\n".join(providers),
    }


def filled_in(page: str) -> str:
    """The page with its generated parts as they should be."""
    for name, content in sections().items():
        marked = re.compile(rf"(?<=<!-- begin {name} -->\n).*?(?=\n<!-- end {name} -->)", re.DOTALL)
        page = marked.sub(content.replace("\\", "\\\\"), page)
    return page


if __name__ == "__main__":
    PAGE.write_text(filled_in(PAGE.read_text()))
