"""What is wrong with a provider, in plain words, and what mends it. Pure.

The words are the product document's where it has some. What is not told here, the error itself tells
(``kruxos.errors``: each class's ``recovery``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kruxos.errors import BY_CODE

_VERSION_PATH = re.compile(r"://[^/]+/(.*/)?v\d[^/]*(/|$)")


@dataclass(frozen=True, slots=True)
class Advice:
    """What is wrong, and what to do: a sentence or a command."""

    message: str
    fix: str


def advise(
    code: str, provider: str, *, kind: str, base_url: str = "", model: str | None = None, proxy: str | None = None
) -> Advice:
    """For the error ``code`` of a provider of type ``kind``; another reason than a code is taken as words."""
    special = (_OLLAMA.get(code) if kind == "ollama" else None) or _SPECIAL.get(code)
    if code == "provider_misconfigured":
        return _misconfigured(provider, base_url)
    if code == "provider_unreachable" and proxy is not None:
        return Advice(
            f"no connection through its proxy {proxy}",
            f"check that the proxy runs, and `proxy:` in models.yaml; without one, write `proxy: none` at {provider}",
        )
    if special is not None:
        message, fix = (text.format(name=provider, model=model or "its model") for text in special)
        return Advice(message, fix)
    known = BY_CODE.get(code)
    if known is not None:
        return Advice(code.replace("_", " "), known.recovery)
    return Advice(code or "not ready", f"see logs/{provider}.log and logs/gateway.log in the data directory")


def distrusted(provider: str) -> Advice:
    """For a certificate that no authority known here has signed."""
    return Advice(
        "its certificate is not trusted: somebody may be listening, or your company's proxy signs for it",
        f"if that is right, set `ca_bundle:` of {provider} in models.yaml to the authority's PEM file",
    )


def has_version(base_url: str) -> bool:
    """Whether an address includes a version path, such as /v1."""
    return _VERSION_PATH.search(base_url) is not None


def _misconfigured(provider: str, base_url: str) -> Advice:
    if base_url and not has_version(base_url):
        return Advice(
            f"nothing answers at {base_url}/chat/completions",
            f"check that your base_url includes /v1: {base_url}/v1, not {base_url}",
        )
    where = f" ({base_url})" if base_url else ""
    return Advice(
        "its address or settings cannot be right", f"check base_url{where} and type of {provider} in models.yaml"
    )


_OLLAMA = {
    "provider_unreachable": ("Ollama does not answer", "start it: ollama serve"),
    "model_not_found": ("Ollama does not have {model}", "get it: ollama pull {model}"),
}
_STORE = "kruxos vault add model-provider:{name} api-key"
_SPECIAL = {
    "no_credentials": ("no credentials configured", _STORE),
    "invalid_credentials": ("the provider refuses the key", f"store a valid one: {_STORE}"),
    "vault_locked": ("its key is in a locked vault", "kruxos vault unlock"),
    "destination_changed": (
        "its address has changed, so its key is withheld",
        "check base_url in models.yaml, then: kruxos model confirm {name}",
    ),
    "needs_login": ("it is not signed in, or the login has ended", "kruxos model login {name}"),
    "insufficient_funds": (
        "the account has no credit, or its spending cap is reached",
        "top up or raise the cap at the provider, or set a fallback provider: kruxos model default fallback NAME",
    ),
    "no_provider": (
        "no provider available",
        "enable it (kruxos model enable {name}), or add one: kruxos model add anthropic --auth api-key",
    ),
    "provider_unreachable": (
        "no connection to the provider",
        "check the network and base_url; for a local server, that it runs",
    ),
    "rate_limited": (
        "rate limit reached",
        "wait, or set a fallback provider: kruxos model default fallback NAME",
    ),
    "quota_exhausted": (
        "its quota is used up",
        "wait for its reset, or set a fallback provider: kruxos model default fallback NAME",
    ),
    "model_not_found": ("the provider does not have {model}", "set another `model:` for {name} in models.yaml"),
    "worker_lost": (
        "its worker process keeps ending",
        "see logs/{name}.log in the data directory, then: kruxos worker restart {name}",
    ),
    "restart_gateway": ("its worker is of another version than the gateway", "stop `kruxos serve` and start it again"),
    "isolation_unavailable": (
        "models.yaml requires a whole cage, and this system has none (logs/gateway.log says what is missing)",
        "run it on Linux 6.7 or later with Landlock, or set `isolation: best_effort` for {name} in models.yaml",
    ),
    "stopped by operator": ("stopped by operator", "kruxos worker start {name}"),
}
