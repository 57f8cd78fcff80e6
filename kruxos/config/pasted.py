"""Keys that were pasted into models.yaml. They are never used, never repeated, and told how to move to the vault.

A value is taken for a secret when it looks like a provider's key, wherever it stands, or when it stands under a
name that keys go by. Whatever came out wrong stays unsaid: ``shown`` decides whether a word of the file may appear in
a message at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kruxos.config.problems import Problem
from kruxos.config.secret import Secret
from kruxos.config.tree import Path, Scalar, Values, target

HIDDEN = "(hidden)"
_SHOWN_CHARS_MAX = 80

_LOOKS = re.compile(
    r"""(?<![A-Za-z0-9])(
      sk-(ant|or|proj|svcacct|admin)-[A-Za-z0-9_-]{12,}     # Anthropic, OpenRouter, OpenAI
    | sk-(?=[A-Za-z0-9_-]{0,100}[0-9])[A-Za-z0-9_-]{16,}    # OpenAI, DeepSeek and many more
    | AIza[A-Za-z0-9_-]{20,}                                # Google
    | (gsk_|xai-|hf_|fw_|r8_|ghp_|pplx-|csk-)[A-Za-z0-9]{16,}  # Groq, xAI, Hugging Face, Fireworks, Replicate, ...
    | (nvapi-|tgp_v1_)[A-Za-z0-9_-]{30,}                    # NVIDIA, Together
    | AKIA[A-Z0-9]{16}                                      # AWS
    | eyJ[A-Za-z0-9_-]{10,300}\.[A-Za-z0-9_-]{10}          # a JSON web token
    | [0-9a-f]{32}\.[A-Za-z0-9]{16}                         # Z.ai
    )""",
    re.VERBOSE,
)
_NAME_CHARS_MAX = 64
_NAMES = re.compile(r".*(key|token|secret|password|passphrase|passwd|credential|authorization|bearer|cookie)s?")
_REFERENCE = re.compile(r"\$\{?\w+\}?|(env|os\.environ)[:/.].+|\{env:.+\}")


def looks_secret(text: str) -> bool:
    """Whether a text holds what looks like a provider's key."""
    return _LOOKS.search(text) is not None


def names_secret(key: str) -> bool:
    """Whether keys go by this name: ``api_key``, ``openai-api-key``, ``Token``."""
    return len(key) <= _NAME_CHARS_MAX and _NAMES.fullmatch(re.sub(r"[^a-z]", "", key.lower())) is not None


def shown(text: str) -> str:
    """A word of the file as it may stand in a message: itself if it is harmless, else a placeholder."""
    harmless = len(text) <= _SHOWN_CHARS_MAX and text.isprintable() and not looks_secret(text)
    return text if harmless else HIDDEN


def shown_path(path: Path) -> str:
    """A path as it may stand in a message: ``providers.claude-api.type``, ``operators[1]``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{shown(part)}" for part in path)
    return "".join(parts).removeprefix(".")


@dataclass(frozen=True, slots=True)
class Pasted:
    """A key in the file. ``provider`` is whose it is, or None where that cannot be told; then it is not imported."""

    path: Path
    problem: Problem
    provider: str | None
    secret: Secret


def find_pasted(values: Values) -> Iterator[Pasted]:
    """The keys among the values of the file, and those that stand where a name belongs."""
    looks: dict[int, bool] = {}  # by the scalar, which aliases may bring to many places
    for path, node in values.places.items():
        scalar = target(node)
        if not isinstance(scalar, Scalar):
            continue
        if id(scalar) not in looks:
            looks[id(scalar)] = looks_secret(scalar.text)
        if looks[id(scalar)] or (scalar.value not in (None, "") and _is_named_so(path)):
            yield _pasted(path, scalar.text, node.line, node.column)
    for path, key in values.keys.items():
        if looks_secret(key.text):
            yield _pasted(path, "", key.line, key.column)


def _is_named_so(path: Path) -> bool:
    fields = path[2:] if path[:1] == ("providers",) else path  # a provider may be called monkey
    return "model_aliases" not in path and any(names_secret(part) for part in fields if isinstance(part, str))


def _pasted(path: Path, text: str, line: int, column: int) -> Pasted:
    named = path[1] if len(path) > 1 and path[0] == "providers" and isinstance(path[1], str) else None
    provider = named if len(path) == 3 and text and not _REFERENCE.fullmatch(text) else None
    add = f"kruxos vault add model-provider:{shown(named) if named else 'NAME'} api-key"
    if _REFERENCE.fullmatch(text):
        message, fix = "keys are not taken from the environment", f"remove this line, then run `{add}`"
    elif provider is not None:
        message, fix = "a key stands in this file, and is not used", "move it to the vault: `kruxos vault import`"
    else:
        message, fix = "a key stands in this file, and is not used", f"remove it here, then run `{add}`"
    return Pasted(path, Problem(line, column, shown_path(path), message, fix), provider, Secret(text))
