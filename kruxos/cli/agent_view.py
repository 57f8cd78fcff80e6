"""What ``kruxos agent show`` and ``kruxos agent env`` print. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from kruxos.cli.moments import ago, clock, day, money

TOKEN_VARIABLE = "KRUXOS_AGENT_TOKEN"  # noqa: S105 - a variable's name
HTTP_TOKEN_VARIABLES = ("OPENAI_API_KEY", "ANTHROPIC_AUTH_TOKEN")
"""Where clients that speak HTTP look for it."""


def chosen(agent: Mapping[str, Any]) -> str:
    """The provider, the model, or both, that the agent was given; empty: neither."""
    return "/".join(each for each in (agent["provider"], agent["model"]) if each)


def answers(agent: Mapping[str, Any]) -> str:
    """Who answers an agent, in words."""
    return chosen(agent) or f"the default for {agent['role'] or 'chat'}"


def show_lines(agent: Mapping[str, Any], now: float) -> list[str]:
    """``agent show``."""
    return [f"{title + ':':<13}{value}" for title, value in _facts(agent, now) if value]


def _facts(agent: Mapping[str, Any], now: float) -> Iterator[tuple[str, str]]:
    yield "Name", agent["name"]
    revoked = f" ({day(agent['revoked_at'])})" if agent["revoked_at"] is not None else ""
    yield "Status", agent["status"] + revoked
    yield "Purpose", agent["purpose"]
    yield "Answered by", answers(agent)
    yield "In order", ", ".join(agent["candidates"]) or "nobody"
    yield "Fallback", agent["fallback"]
    yield "Effort", agent["effort"] or ""
    yield "May use", ", ".join([*agent["providers_allowed"], *agent["models_allowed"]])
    standing = {each["limit"]: each for each in agent["budgets"]}
    for limit in agent["limits"]:
        yield "Limit", used_text(standing[limit], now) if limit in standing else limit
    yield "Created", day(agent["created_at"])
    yield "Last call", ago(agent["last_call_at"], now) or "never"
    usage = agent["usage"]
    if usage is None:
        return
    failed = f", {usage['failed_calls']:,} failed" if usage["failed_calls"] else ""
    yield "Calls", f"{usage['calls']:,}{failed}"
    inputs = usage["uncached_input_tokens"] + usage["cache_read_tokens"] + usage["cache_write_tokens"]
    yield "Tokens", f"{inputs:,} in, {usage['output_tokens']:,} out"
    yield "Cost", money(usage["cost"])


def policy_lines(agent: Mapping[str, Any]) -> list[str]:
    """After ``agent set-policy``."""
    limits = ", ".join(agent["limits"]) or "none"
    lines = [f"{agent['name']} has, from its next call on:", f"  limits     {limits}"]
    for title, name in (("providers", "providers_allowed"), ("models", "models_allowed")):
        lines.append(f"  {title:<10} {', '.join(agent[name]) or 'all'}")
    return [
        *lines,
        f"  effort     {agent['effort'] or 'as the model does by itself'}",
        f"  compaction {compaction_text(agent['compaction'])}",
        f"  fallback   {agent['fallback']}",
    ]


def compaction_text(said: Mapping[str, Any]) -> str:
    """When and how its long conversations are made shorter."""
    if said.get("enabled") is False:
        return "off"
    at = f"{said['at_tokens']:,} tokens" if "at_tokens" in said else f"{said.get('at', 0.8):.0%} of the window"
    return f"{said.get('template', 'general')}, from {at} on"


def limit_texts(agent: Mapping[str, Any]) -> list[str]:
    """Its limits, those of money and tokens with what is used of them."""
    standing = {each["limit"]: each for each in agent["budgets"]}
    return [f"{limit} ({used_share(standing[limit])})" if limit in standing else limit for limit in agent["limits"]]


def used_share(standing: Mapping[str, Any]) -> str:
    """How much of a limit is used: ``82 %``."""
    return f"{float(standing['used']) / float(standing['amount']) * 100:.0f} %"


def used_text(standing: Mapping[str, Any], now: float) -> str:
    """A limit, what is used of it, and when it resets."""
    used = money({"USD": standing["used"]}) if standing["unit"] == "usd" else f"{int(standing['used']):,} tokens"
    return f"{standing['limit']}: {used} used ({used_share(standing)}), resets at {clock(standing['resets_at'], now)}"


def environment(agent: Mapping[str, Any]) -> dict[str, Any]:
    """``agent env --json``: the variables, and the address for who speaks the protocol itself.

    ``http`` has what official SDKs, Claude Code and their like read, where the HTTP doors are open; the variables that
    ``http_token_variables`` names hold the token.
    """
    http = agent["http"]
    doors = {} if http is None else {"OPENAI_BASE_URL": f"{http}/v1", "ANTHROPIC_BASE_URL": http}
    return {
        "name": agent["name"],
        "environment": {"KRUXOS_DATA_DIR": agent["data_directory"]},
        "token_variable": TOKEN_VARIABLE,
        "http": doors,
        "http_token_variables": list(HTTP_TOKEN_VARIABLES) if doors else [],
        "address": agent["address"],
    }


def environment_lines(agent: Mapping[str, Any]) -> list[str]:
    """``agent env``, for a shell."""
    name, told = agent["name"], environment(agent)
    return [
        f"# {name}, with the Python client: Client(agent={name!r})",
        *(f"export {key}={shlex.quote(value)}" for key, value in (told["environment"] | told["http"]).items()),
        "# Its token was shown when it was made; it is asked for here, so that no file and no history has it:",
        f"#   read -rs {TOKEN_VARIABLE} && export {TOKEN_VARIABLE}",
        *_http_lines(told),
        f"# If it is lost: kruxos agent rotate {name}",
        f"# With nng, in any language (docs/protocol.md), the address is {agent['address']}",
    ]


def _http_lines(told: Mapping[str, Any]) -> list[str]:
    if not told["http"]:
        return ["# SDKs, Claude Code and Codex come in by HTTP once that is on: kruxos serve --http (docs/clients.md)"]
    variables = " ".join(f'{name}="${TOKEN_VARIABLE}"' for name in told["http_token_variables"])
    return ["# For SDKs, Claude Code and Codex (docs/clients.md), with the token:", f"#   export {variables}"]
