"""What a model on Ollama can do and holds, as its row of the catalogue tells; a tag says its size, not its ways."""

from __future__ import annotations

from kruxos.simulator.models import Sold

CONTEXT_TOKENS = 4_096
"""What a server holds that is told nothing and has little memory (Ollama docs: context length)."""


def family_of(name: str) -> str:
    """``qwen3`` of ``qwen3:8b``."""
    return name.partition(":")[0]


def tagged(name: str) -> str:
    """A name with its tag, as lists have it."""
    return name if ":" in name else f"{name}:latest"


def thinks(sold: Sold) -> bool:
    """Whether the model can think at all; of one that is not known nothing is refused."""
    ways = sold.row.thinking
    return ways is None or bool(ways.efforts)


def has_tools(sold: Sold) -> bool:
    """Whether the model takes tools."""
    return "no_tools" not in sold.traits


def capabilities(sold: Sold) -> list[str]:
    """The words in which the server tells it."""
    has_thinking = sold.row.thinking is not None and bool(sold.row.thinking.efforts)
    given = (("completion", True), ("tools", has_tools(sold)), ("thinking", has_thinking))
    return [name for name, is_so in given if is_so]


def context_of(sold: Sold) -> int:
    """The tokens that the model holds at most."""
    return sold.row.context or 40_960
