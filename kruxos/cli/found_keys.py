"""What lies ready on this machine for a first setup: keys in the usual environment variables, and an Ollama. Pure.

Only names are ever shown. A variable that says where a key is for (``OPENAI_BASE_URL``) goes with the key: a key is
not offered for another address than the one it is used for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

OLLAMA = "http://localhost:11434"
OLLAMA_PORT = 11434
_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - what Ollama is told to listen at, not what is listened at here
_VARIABLES: tuple[tuple[str, str, str | None], ...] = (
    ("ANTHROPIC_API_KEY", "anthropic", "ANTHROPIC_BASE_URL"),
    ("OPENAI_API_KEY", "openai", "OPENAI_BASE_URL"),
    ("GEMINI_API_KEY", "gemini", None),
    ("GOOGLE_API_KEY", "gemini", None),
    ("DEEPSEEK_API_KEY", "deepseek", None),
    ("ZAI_API_KEY", "glm", None),
    ("XAI_API_KEY", "grok", None),
    ("MISTRAL_API_KEY", "mistral", None),
    ("GROQ_API_KEY", "groq", None),
    ("OPENROUTER_API_KEY", "openrouter", None),
)


class FoundKey(NamedTuple):
    """A variable that holds a key for a type of provider, and the address that it is for; None: the type's own."""

    variable: str
    type: str
    address: str | None


def found_keys(environment: Mapping[str, str]) -> Iterator[FoundKey]:
    """The keys that lie ready, one a type."""
    types = set[str]()
    for variable, kind, address in _VARIABLES:
        if environment.get(variable, "").strip() and kind not in types:
            types.add(kind)
            yield FoundKey(variable, kind, environment.get(address, "").strip() or None if address else None)


def ollama_address(environment: Mapping[str, str]) -> str:
    """Where an Ollama would be: ``OLLAMA_HOST`` as Ollama reads it (host, host:port or URL), else its own default."""
    given = environment.get("OLLAMA_HOST", "").strip()
    try:
        parts = urlsplit(given if "://" in given else f"http://{given}")
        host, port = parts.hostname or "", parts.port or OLLAMA_PORT
    except ValueError:
        return OLLAMA
    if host in _EVERYWHERE:
        host = "localhost"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
