"""Agents that others wrote, each doing a task with a tool through the doors, with the simulator behind.

The task: read a file by a tool, and say what stands in it. What they need from npm stands in a directory that is given;
which of them are there is found out, and whoever is missing is named.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.service.running import Simulator
from tests.web.running import Web, serving

SECRET_WORD = "heliotrope-lantern"
ASKED = "Read the file note.txt with a tool and tell me what stands in it."
WITHIN_S = 120.0
MODELS = """\
providers:
  claude:
    type: anthropic
    base_url: {root}
    model: claude-sonnet-4-6
  gpt:
    type: openai
    profile: openai
    dialect: openai-responses
    base_url: {root}/v1
    model: gpt-5.4
defaults:
  chat: claude
"""
PROVIDERS = ("claude", "gpt")
_CALLS = (
    ("Bash", {"command": "cat note.txt", "description": "Read the note"}),
    ("exec_command", {"cmd": "cat note.txt"}),
    ("shell_command", {"command": "cat note.txt"}),
    ("shell", {"command": ["cat", "note.txt"]}),
    ("read_file", {"path": "note.txt"}),
)
SCRIPT = [
    {"after": SECRET_WORD, "text": f"The file says: {SECRET_WORD}."},
    *({"when": "note.txt", "tool_calls": [{"name": name, "arguments": given}]} for name, given in _CALLS),
]


@dataclass(frozen=True)
class Outcome:
    """What came of one agent's task at one provider."""

    agent: str
    provider: str
    passed: bool
    steps: list[str]
    transcript: str


@dataclass(frozen=True)
class Place:
    """Where an agent works: the doors, its own empty home, and the directory with the file."""

    web: Web
    modules: Path
    home: Path
    work: Path

    def run(self, words: list[str], **environment: str) -> str:
        """A command's whole output; an exit code other than 0 is told at its end."""
        around = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", **environment}
        done = subprocess.run(
            words, cwd=self.work, env=around, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=WITHIN_S, check=False,
        )  # fmt: skip
        return done.stdout + (f"\nexit code {done.returncode}" if done.returncode else "")


def claude_code(place: Place, provider: str) -> str:
    """Claude Code, not interactive. What it sends depends on the model's name: Anthropic's is asked by its own."""
    model = "claude-sonnet-4-6" if provider == "claude" else provider
    return place.run(
        [str(place.modules / ".bin/claude"), "-p", ASKED, "--allowedTools", "Bash(cat:*)", "--verbose",
         "--output-format", "stream-json"],
        ANTHROPIC_BASE_URL=place.web.address, ANTHROPIC_AUTH_TOKEN=place.web.token, ANTHROPIC_MODEL=model,
        ANTHROPIC_SMALL_FAST_MODEL=model, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
    )  # fmt: skip


def codex(place: Place, provider: str) -> str:
    """Codex CLI, not interactive."""
    home = place.home / ".codex"
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(
        f'model = "{provider}"\nmodel_provider = "kruxos"\n[model_providers.kruxos]\nname = "KruxOS"\n'
        f'base_url = "{place.web.address}/v1"\nenv_key = "KRUXOS_AGENT_TOKEN"\nwire_api = "responses"\n'
    )
    return place.run(
        [str(place.modules / ".bin/codex"), "exec", "--skip-git-repo-check", "--json", "-s", "danger-full-access",
         ASKED],
        CODEX_HOME=str(home), KRUXOS_AGENT_TOKEN=place.web.token,
    )  # fmt: skip


_TOOL_SCHEMA = '{ type: "object", properties: { path: { type: "string" } }, required: ["path"] }'

_OPENAI_JS = """\
import OpenAI from "openai";
import { readFileSync } from "node:fs";
const client = new OpenAI({ maxRetries: 0 });
const model = process.argv[2], ask = process.argv[3];
const tools = [{ type: "function", function: { name: "read_file", parameters: SCHEMA } }];
const messages = [{ role: "user", content: ask }];
for (let turn = 0; turn < 4; turn++) {
  const stream = client.chat.completions.stream({ model, messages, tools });
  const message = (await stream.finalChatCompletion()).choices[0].message;
  console.log(JSON.stringify(message));
  messages.push(message);
  if (!message.tool_calls?.length) break;
  for (const call of message.tool_calls)
    messages.push({ role: "tool", tool_call_id: call.id,
                    content: readFileSync(JSON.parse(call.function.arguments).path, "utf8") });
}
const list = [{ role: "user", content: ask }];
const functions = [{ type: "function", name: "read_file", parameters: SCHEMA, strict: false }];
for (let turn = 0; turn < 4; turn++) {
  const response = await client.responses.create({ model, input: list, tools: functions, store: false });
  console.log(JSON.stringify(response.output));
  list.push(...response.output);
  const calls = response.output.filter((item) => item.type === "function_call");
  if (!calls.length) break;
  for (const call of calls)
    list.push({ type: "function_call_output", call_id: call.call_id,
                output: readFileSync(JSON.parse(call.arguments).path, "utf8") });
}
"""

_ANTHROPIC_JS = """\
import Anthropic from "@anthropic-ai/sdk";
import { readFileSync } from "node:fs";
const client = new Anthropic({ maxRetries: 0 });
const model = process.argv[2], ask = process.argv[3];
const tools = [{ name: "read_file", input_schema: SCHEMA }];
const messages = [{ role: "user", content: ask }];
for (let turn = 0; turn < 4; turn++) {
  const asked = { model, max_tokens: 4000, messages, tools };
  const message = turn % 2 ? await client.messages.create(asked) : await client.messages.stream(asked).finalMessage();
  console.log(JSON.stringify(message.content));
  messages.push({ role: "assistant", content: message.content });
  const calls = message.content.filter((block) => block.type === "tool_use");
  if (!calls.length) break;
  messages.push({ role: "user", content: calls.map((call) => ({
    type: "tool_result", tool_use_id: call.id, content: readFileSync(call.input.path, "utf8") })) });
}
"""


def openai_js(place: Place, provider: str) -> str:
    """The official OpenAI library for JavaScript: Chat Completions streamed, then Responses whole."""
    return _node(place, _OPENAI_JS, provider, OPENAI_BASE_URL=f"{place.web.address}/v1", OPENAI_API_KEY=place.web.token)


def anthropic_js(place: Place, provider: str) -> str:
    """The official Anthropic library for JavaScript, streamed and whole."""
    return _node(
        place, _ANTHROPIC_JS, provider, ANTHROPIC_BASE_URL=place.web.address, ANTHROPIC_API_KEY=place.web.token
    )


def _node(place: Place, script: str, provider: str, **environment: str) -> str:
    path = place.work / "task.mjs"
    path.write_text(script.replace("SCHEMA", _TOOL_SCHEMA))
    link = place.work / "node_modules"
    if not link.exists():
        link.symlink_to(place.modules)
    return place.run(["node", str(path), provider, ASKED], **environment)


@dataclass(frozen=True)
class Agent:
    """One of them. ``needs``: what stands among the modules when it is there."""

    name: str
    needs: str
    run: Callable[[Place, str], str]


AGENTS = (
    Agent("openai-js", "openai/package.json", openai_js),
    Agent("anthropic-js", "@anthropic-ai/sdk/package.json", anthropic_js),
    Agent("claude-code", ".bin/claude", claude_code),
    Agent("codex", ".bin/codex", codex),
)


def missing(modules: Path) -> list[str]:
    """Which agents are not there."""
    return [agent.name for agent in AGENTS if not (modules / agent.needs).exists()]


def check(agent: Agent, place: Place, simulator: Simulator, provider: str) -> Outcome:
    """One agent's task at one provider. It passed when the file's word came back, and the provider gave it."""
    simulator.reset()
    transcript = agent.run(place, provider)
    steps = [f"{each['path']} {each['model']} {each['status']}" for each in simulator.requests()]
    told = [line for line in transcript.splitlines() if SECRET_WORD in line and "The file says" in line]
    return Outcome(agent.name, provider, bool(told) and "exit code" not in transcript, steps, transcript)


def outcomes(modules: Path, home: Path) -> Iterator[Outcome]:
    """Every agent that is there, at a provider of each protocol."""
    script = home / "script.json"
    script.write_text(json.dumps(SCRIPT))
    work, agents_home = home / "work", home / "home"
    work.mkdir()
    agents_home.mkdir()
    (work / "note.txt").write_text(f"{SECRET_WORD}\n")
    with (
        Simulator("--fast", "--script", str(script)) as simulator,
        serving(home / "k", MODELS.format(root=simulator.root), PROVIDERS) as web,
    ):
        place = Place(web, modules, agents_home, work)
        for agent in AGENTS:
            if agent.name not in missing(modules):
                for provider in PROVIDERS:
                    yield check(agent, place, simulator, provider)
