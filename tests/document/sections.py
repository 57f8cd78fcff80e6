"""The product document, section by section: what it has one type, and what shows that it came about.

A ``Step`` of the document is a line of it, as it is written. The others are ours: what has to be there before, and what
shows afterwards that the command did what the document says.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.cli import document

CHECK = "check"
DOCUMENT = "document"
BEFORE = "before"


@dataclass(frozen=True)
class Step:
    """One command. ``kind``: document, check or before. ``says``: words of its output, without which it has failed."""

    command: str
    says: tuple[str, ...] = ()
    kind: str = CHECK
    code: int = 0
    waits_for: tuple[str, ...] = ()
    """Providers whose workers must be ready before."""
    types: str = "sk-made-up-0123456789abcdef\n"
    """What is typed when it asks."""
    only: str = ""
    """Only lines with these words are written down."""


@dataclass(frozen=True)
class Save:
    """models.yaml is edited by hand: ``before`` becomes ``after``."""

    told: str
    before: str
    after: str
    log: str = ""
    """What the gateway's log says when the change is taken up."""


@dataclass(frozen=True)
class Fault:
    """The simulated providers are made to fail in these words; none: all is well again."""

    told: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A section of the document, from a fresh home."""

    title: str
    steps: tuple[Step | Save | Fault, ...]


def typed(command: str, *says: str, code: int = 0) -> Step:
    """A line of the document."""
    return Step(command, says, DOCUMENT, code)


def check(command: str, *says: str, waits_for: tuple[str, ...] = (), code: int = 0) -> Step:
    """What shows that it came about."""
    return Step(command, says, CHECK, code, waits_for)


def before(command: str, *says: str) -> Step:
    """What has to be there for the lines that follow."""
    return Step(command, says, BEFORE)


def _answers(name: str) -> Step:
    return check(f"kruxos model test {name}", f"{name} works", waits_for=(name,))


def _added(commands: tuple[str, ...]) -> tuple[Step, ...]:
    """Each documented addition, and a real call to what it added."""
    steps: list[Step] = []
    for command in commands:
        words = command.split()
        kind = words[3]
        name = words[words.index("--name") + 1] if "--name" in words else {"local": "local-default"}.get(kind, kind)
        steps += [typed(command, f"Added {name}:"), _answers(name)]
    return tuple(steps)


_ADD = {command.split()[3]: command for command in document.ADDING if "--name" not in command}
_COMMENTED = "".join(f"  # {line[2:]}\n" for line in document.DEEPSEEK_BLOCK.splitlines())
_MINE = """\
  my-provider:
    type: openai
    auth: api_key
    model: gpt-5.4
"""

SECTIONS = (
    Section("Quick Start", _added(document.QUICK_START)),
    Section(
        "Adding Providers, via CLI",
        (
            *_added(document.ADDING),
            check("kruxos model list", "anthropic", "local-default", "groq"),
        ),
    ),
    Section(
        "Adding Providers, via models.yaml",
        (
            Save("The provider is uncommented in models.yaml.", _COMMENTED, document.DEEPSEEK_BLOCK, "added deepseek"),
            *(typed(command, "Stored the key of deepseek") for command in document.BY_HAND),
            _answers("deepseek"),
        ),
    ),
    Section(
        "Managing Providers",
        (
            before("kruxos model add anthropic --name claude-api"),
            before(document.QUICK_START[2]),
            before(_ADD["local"]),
            before("kruxos model add openai-codex --auth oauth --yes"),
            check("kruxos model list", "claude-api", waits_for=("claude-api", "deepseek", "openai-codex")),
            typed("kruxos model list", "claude-api", "deepseek", "local-default", "openai-codex", "stored"),
            typed("kruxos model test claude-api", "claude-api works: claude-sonnet-4-6 answered"),
            typed("kruxos model remove openai-codex", "Removed openai-codex and its credentials."),
            check("kruxos vault remove model-provider:openai-codex", "there is no model-provider:openai-codex", code=1),
            typed("kruxos model default chat claude-api", "claude-api is the default for chat."),
            typed("kruxos model default autonomous deepseek", "deepseek is the default for autonomous."),
            typed("kruxos model default fallback local-default", "local-default is the default for fallback."),
            check("kruxos model list", "chat", "autonomous", "fallback"),
        ),
    ),
    Section(
        "Per-Agent Model Assignment",
        (
            before("kruxos model add anthropic --name claude-api"),
            before(document.QUICK_START[2]),
            before(_ADD["local"]),
            *(typed(command, "Agent created successfully.", "Token:") for command in document.AGENTS),
            check("kruxos chat --agent code-bot hello", "claude-api", waits_for=("claude-api",)),
            check("kruxos chat --agent research hello", "deepseek", waits_for=("deepseek",)),
            check("kruxos chat --agent helper hello", "local-default", waits_for=("local-default",)),
            before("kruxos model default fallback local-default"),
            before("kruxos model disable deepseek"),
            check("kruxos chat --agent research hello", "claude-api"),
            before("kruxos model disable claude-api"),
            check("kruxos chat --agent research hello", "local-default"),
            before("kruxos model disable local-default"),
            check("kruxos chat --agent research hello", "no provider available", code=1),
        ),
    ),
    Section(
        "Troubleshooting: no credentials configured",
        (
            Save("A provider is written in models.yaml, and no key is stored.", "providers:\n", f"providers:\n{_MINE}",
                 "my-provider: starting -> failed"),
            check("kruxos model list", "no credentials configured"),
            check("kruxos model test my-provider", "no credentials configured", code=1),
            *(typed(command) for command in document.TROUBLESHOOTING),
            _answers("my-provider"),
        ),
    ),
    Section(
        "Troubleshooting: rate limit errors",
        (
            before(_ADD["anthropic"]),
            before(_ADD["local"]),
            check("kruxos model list", waits_for=("anthropic", "local-default")),
            Fault("Anthropic answers 429 from here on.", ("429 retry_after=60 on=anthropic",)),
            typed("kruxos model default fallback local-default", "local-default is the default for fallback."),
            check("kruxos chat hello", "local-default"),
            Fault("Anthropic answers again."),
        ),
    ),
    Section(
        "Troubleshooting: an OpenAI-compatible provider returns 404",
        (
            before("kruxos model add openai --name my-own --endpoint https://my-api.example.com --model my-model"),
            check("kruxos model test my-own", "check that your base_url includes /v1", code=1, waits_for=("my-own",)),
            Save("/v1 is added in models.yaml.", "https://my-api.example.com\n", "https://my-api.example.com/v1\n",
                 "in force: changed"),
            check("kruxos model test my-own", "my-own works"),
        ),
    ),
    Section(
        "Troubleshooting: changes to models.yaml not reflected",
        (
            before(_ADD["anthropic"]),
            check("kruxos model list", waits_for=("anthropic",)),
            Save("The label is changed in models.yaml.", "\n    label: Claude Sonnet 4.6\n", "\n    label: My Claude\n",
                 "in force: changed"),
            typed("kruxos verify", "[PASS] Gateway"),
            Step("kruxos logs --gateway", ("changed anthropic",), only="in force"),
        ),
    ),
)  # fmt: skip

DASHBOARD = (
    "Adding Providers, via Dashboard: Settings > Model Providers > Add Provider",
    'For OpenAI-compatible providers, select "OpenAI" as the type and enter the base URL',
)
"""What the document does in a browser."""
