"""The commands of the product document, as they are written there, by section."""

from __future__ import annotations

import re

_COMPATIBLE = "kruxos model add openai --auth api-key --name"
_DEEPSEEK = f"{_COMPATIBLE} deepseek --endpoint https://api.deepseek.com/v1 --model deepseek-chat"
_GROQ = f"{_COMPATIBLE} groq --endpoint https://api.groq.com/openai/v1 --model llama-3.3-70b-versatile"

QUICK_START = (
    "kruxos model add anthropic --auth api-key",
    "kruxos model add openai --auth api-key",
    _DEEPSEEK,
)
ADDING = (
    "kruxos model add anthropic --auth api-key",
    "kruxos model add openai --auth api-key",
    "kruxos model add gemini --auth api-key",
    "kruxos model add local --endpoint http://localhost:11434",
    "kruxos model add openrouter --auth api-key",
    _DEEPSEEK,
    _GROQ,
)
BY_HAND = ("kruxos vault add model-provider:deepseek api-key",)
MANAGING = (
    "kruxos model list",
    "kruxos model test claude-api",
    "kruxos model remove openai-codex",
    "kruxos model default chat claude-api",
    "kruxos model default autonomous deepseek",
    "kruxos model default fallback local-default",
)
AGENTS = (
    "kruxos agent create --name code-bot --model claude-api",
    "kruxos agent create --name research --model deepseek",
    "kruxos agent create --name helper --model local-default",
)
TROUBLESHOOTING = (
    "kruxos model remove my-provider",
    "kruxos model add openai --auth api-key --name my-provider",
)
COMMANDS = (*QUICK_START, *ADDING, *BY_HAND, *MANAGING, *AGENTS, *TROUBLESHOOTING)

DEEPSEEK_BLOCK = """\
  deepseek:
    type: openai
    base_url: https://api.deepseek.com/v1
    model: deepseek-chat
    auth: api_key
    label: DeepSeek V3
"""


def commands_in(text: str) -> list[str]:
    """The commands that stand at the beginning of a line, continued lines joined, comments left out."""
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    lines = (line.partition("#")[0].strip() for line in joined.splitlines() if line.startswith("kruxos "))
    return list(lines)
