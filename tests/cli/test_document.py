"""The product document's commands, executed as they are written there, against a gateway that runs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import pytest

from kruxos.config.models_file import default_text
from tests.cli import document
from tests.cli.running import Done, Gateway, Kruxos
from tests.cli.upstream import Upstream
from tests.shared import shared

pytestmark = pytest.mark.real

Serving = Callable[[str], tuple[Kruxos, Gateway]]
KEY = "sk-test-0123456789abcdef"


def typed(kruxos: Kruxos, command: str) -> Done:
    """Runs a line of the document, with a key on standard input."""
    name, *words = shlex.split(command)
    assert name == "kruxos"
    return kruxos(*words, stdin=f"{KEY}\n")


def test_the_commands_here_are_those_of_the_document() -> None:
    text = shared("model-providers.txt").read_text(encoding="utf-8")
    assert document.commands_in(text) == list(document.COMMANDS)
    assert document.DEEPSEEK_BLOCK in text


def test_quick_start(serving: Serving) -> None:
    kruxos, gateway = serving(default_text())
    for command in document.QUICK_START:
        assert typed(kruxos, command).code == 0
    gateway.wait_ready("anthropic", "openai", "deepseek")
    listed = kruxos.well("model", "list")
    assert [line.split()[0] for line in listed.splitlines()[1:]] == ["anthropic", "openai", "deepseek"]
    assert re.search(r"^anthropic +anthropic +claude-sonnet-4-6 +stored +ready +chat$", listed, re.MULTILINE)


def test_adding_by_command(serving: Serving) -> None:
    kruxos, gateway = serving(default_text())
    done = [typed(kruxos, command) for command in document.ADDING]
    assert [each.code for each in done] == [0] * len(done), done
    gateway.wait_ready("anthropic", "openai", "openrouter", "deepseek", "groq")
    assert "It is the default for chat." in done[0].out
    text = (kruxos.root / "models.yaml").read_text()
    assert "    endpoint: http://localhost:11434\n" in text
    assert "    base_url: https://api.groq.com/openai/v1\n" in text
    assert "    default_model: meta-llama/llama-3.3-70b-instruct\n" in text  # the recommended one is retired
    assert "meta-llama/llama-3.1-405b-instruct, which the documentation recommends, is retired" in done[4].err
    assert "deepseek-chat is retired since 2026-07-24: deepseek-flash answers in its place" in done[5].err
    assert KEY not in text


def test_adding_by_hand(serving: Serving) -> None:
    kruxos, gateway = serving(default_text())
    commented = "".join(f"  # {line[2:]}\n" for line in document.DEEPSEEK_BLOCK.splitlines())
    kruxos.write_models(default_text().replace(commented, document.DEEPSEEK_BLOCK))
    (command,) = document.BY_HAND
    assert "Stored the key of deepseek for https://api.deepseek.com:443." in typed(kruxos, command).out
    gateway.wait_ready("deepseek")


MANAGED = """\
providers:
  claude-api:
    type: anthropic
    auth: none
    base_url: {root}
    model: claude-sonnet-4-6
  openai-codex:
    type: openai-codex
    model: gpt-5.4
    auth: oauth
  deepseek:
    type: openai
    base_url: {root}/v1
    model: deepseek-chat
    auth: none
  local-default:
    type: openai
    base_url: {root}/v1
    model: llama3.3:8b
    auth: none
"""


def test_managing_and_agents(serving: Serving, upstream: Upstream) -> None:
    kruxos, gateway = serving(MANAGED.format(root=upstream.root))
    gateway.wait_ready("claude-api", "deepseek", "local-default")
    done = {command: typed(kruxos, command) for command in (*document.MANAGING, *document.AGENTS)}
    assert {command: each.code for command, each in done.items()} == dict.fromkeys(done, 0), done
    assert "claude-api works: claude-sonnet-4-6 answered" in done["kruxos model test claude-api"].out
    assert done["kruxos model remove openai-codex"].out == "Removed openai-codex.\n"
    for name in ("code-bot", "research", "helper"):
        (made,) = [each.out for command, each in done.items() if f"--name {name}" in command]
        assert re.fullmatch(
            rf"Agent created successfully\.\nName:  {name}\nToken: [0-9a-f]{{64}}\n"
            "Save this token — it will not be shown again\\.\n",
            made,
        )
    listed = kruxos.well("model", "list")
    assert re.findall(r"^(\S+).* (chat|autonomous|fallback)$", listed, re.MULTILINE) == [
        ("claude-api", "chat"),
        ("deepseek", "autonomous"),
        ("local-default", "fallback"),
    ]


TROUBLED = """\
providers:
  my-provider:
    type: openai
    model: gpt-5.4
  no-version:
    type: openai
    base_url: {root}
    auth: none
    model: m
  local-default:
    type: openai
    base_url: {root}/v1
    auth: none
    model: m
"""


def test_troubleshooting(serving: Serving, upstream: Upstream) -> None:
    kruxos, gateway = serving(TROUBLED.format(root=upstream.root))
    gateway.wait_log(r"provider my-provider: starting -> failed")
    gateway.wait_ready("no-version")

    assert "no credentials configured" in kruxos.well("model", "list")
    test = kruxos("model", "test", "my-provider")
    assert test.err.startswith("error: my-provider: no credentials configured\n")
    for command in document.TROUBLESHOOTING:
        assert typed(kruxos, command).code == 0
    gateway.wait_ready("my-provider")
    assert "no credentials configured" not in kruxos.well("model", "list")

    assert (
        kruxos.well("model", "default", "fallback", "local-default") == "local-default is the default for fallback.\n"
    )

    test = kruxos("model", "test", "no-version")
    assert (test.code, test.out) == (1, "")
    assert f"fix: check that your base_url includes /v1: {upstream.root}/v1, not {upstream.root}\n" in test.err
