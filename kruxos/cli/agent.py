"""``kruxos agent``: agents and their tokens."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from kruxos.cli import asking, operating
from kruxos.cli.agent_view import (
    answers,
    chosen,
    environment,
    environment_lines,
    limit_texts,
    policy_lines,
    show_lines,
)
from kruxos.cli.failing import FAILED, OK, USAGE, CommandError
from kruxos.cli.moments import ago
from kruxos.cli.parsing import Parser, Subparsers, Verb, add_json, add_noun, run_verb
from kruxos.cli.table import Cell, Column, table
from kruxos.cli.terminal import terminal_of
from kruxos.messages import COMPACTION_TEMPLATES

EFFORTS = ("none", "low", "medium", "high", "max")
_COLUMNS = (
    Column("NAME"), Column("STATUS"), Column("MODEL", gives=True), Column("ROLE"), Column("FALLBACK"),
    Column("LAST CALL"), Column("CALLS", right=True),
)  # fmt: skip


def add_parser(subparsers: Subparsers) -> None:
    """The noun's verbs."""
    add_noun(subparsers, "agent", "Agents: who may call, and what may answer them.", VERBS)


run = run_verb


def _create_options(parser: Parser) -> None:
    parser.add_argument("positional", nargs="?", metavar="NAME", help="the agent's name; or --name")
    parser.add_argument("--name", help="the agent's name")
    parser.add_argument("--model", metavar="PROVIDER", help="who answers it: a provider, PROVIDER/MODEL, or a model id")
    _policy_options(parser)
    add_json(parser)


def _policy_options(parser: Parser) -> None:
    parser.add_argument("--purpose", help="what it is for, in a few words")
    parser.add_argument("--role", choices=["chat", "autonomous", "fallback"], help="whose default it uses (chat)")
    parser.add_argument(
        "--fallback", choices=["any", "local_only", "same_billing", "none"], help="how far its calls may move (any)"
    )
    parser.add_argument(
        "--effort", choices=[*EFFORTS, "default"], help="how much it thinks where a call does not say (the model's own)"
    )
    parser.add_argument(
        "--compaction",
        choices=[*COMPACTION_TEMPLATES, "off", "default"],
        help="what summaries of its long conversations heed; off: none are made (general)",
    )
    parser.add_argument(
        "--compact-at", type=float, metavar="SIZE", help="from which length on: a share of the window, or tokens (0.8)"
    )
    parser.add_argument(
        "--limit",
        action="append",
        metavar="LIMIT",
        help="5usd/day, 2Mtok/month, 30/min, 4atonce ...; repeatable",
    )
    parser.add_argument(
        "--allow-provider", action="append", metavar="PATTERN", help="only these may answer it; any: all; repeatable"
    )
    parser.add_argument(
        "--allow-model", action="append", metavar="PATTERN", help="only these models, such as claude-*; repeatable"
    )


def _policy(arguments: argparse.Namespace) -> dict[str, Any]:
    plain = {
        name: getattr(arguments, name) for name in ("purpose", "role", "fallback", "effort", "compaction", "compact_at")
    }
    lists = {"limits": arguments.limit, "providers": arguments.allow_provider, "models": arguments.allow_model}
    return plain | lists


def _create(arguments: argparse.Namespace) -> int:
    names = {arguments.name, arguments.positional} - {None}
    if len(names) != 1:
        raise CommandError("an agent has one name", "kruxos agent create --name code-bot", USAGE)
    made = operating.operate("agent.create", {"name": names.pop(), "model": arguments.model, **_policy(arguments)})
    if arguments.json:
        operating.print_json(made)
        return OK
    operating.say("Agent created successfully.", *_token_lines(made))
    operating.note(made["told"])
    return OK


def _token_lines(made: dict[str, Any]) -> list[str]:
    return [f"Name:  {made['name']}", f"Token: {made['token']}", "Save this token — it will not be shown again."]


def _list(arguments: argparse.Namespace) -> int:
    found = operating.operate("agent.list")
    if arguments.json:
        operating.print_json(found)
        return OK
    if not found["agents"]:
        operating.say("No agents yet. Make one: kruxos agent create --name code-bot")
        return OK
    now = time.time()
    limited = any(each["limits"] for each in found["agents"])
    columns = (*_COLUMNS, Column("LIMITS", gives=True, optional=True)) if limited else _COLUMNS
    rows = [_row(each, now)[: len(columns)] for each in found["agents"]]
    operating.show(table(columns, rows, terminal_of(sys.stdout)))
    return OK


def _row(agent: dict[str, Any], now: float) -> list[Cell | str]:
    status = Cell(agent["status"], "good" if agent["status"] == "active" else "dim")
    last = ago(agent["last_call_at"], now) or "never"
    return [
        agent["name"],
        status,
        chosen(agent) or "default",
        agent["role"] or "chat",
        agent["fallback"],
        last,
        str(agent["calls"]),
        ", ".join(limit_texts(agent)),
    ]


def _name_options(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="the agent's name")
    asking.add_yes(parser)


def _revoke(arguments: argparse.Namespace) -> int:
    if not asking.agreed(f"Revoke {arguments.name}?", arguments):
        operating.say("Nothing was revoked.")
        return FAILED
    done = operating.operate("agent.revoke", {"name": arguments.name})
    operating.say(f"Revoked {done['name']}: its token is refused from now on, and its connections end.")
    operating.note(done["told"])
    return OK


def _rotate(arguments: argparse.Namespace) -> int:
    question = f"Give {arguments.name} a new token, and refuse the old one?"
    if not asking.agreed(question, arguments):
        operating.say("Nothing was changed.")
        return FAILED
    made = operating.operate("agent.rotate", {"name": arguments.name})
    operating.say("The agent has a new token.", *_token_lines(made))
    return OK


def _one_option(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="the agent's name")
    add_json(parser)


def _show(arguments: argparse.Namespace) -> int:
    found = operating.operate("agent.show", {"name": arguments.name})
    return operating.tell_one(found, show_lines(found, time.time()), as_json=arguments.json)


def _set_model_options(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="the agent's name")
    parser.add_argument(
        "model", metavar="PROVIDER", nargs="?", help="who answers it: a provider, PROVIDER/MODEL, or a model id"
    )
    parser.add_argument("--default", action="store_true", help="nobody of its own: the default for its role")


def _set_model(arguments: argparse.Namespace) -> int:
    if arguments.default == (arguments.model is not None):
        raise CommandError("give a PROVIDER, or --default", "kruxos agent set-model code-bot claude-api", USAGE)
    done = operating.operate("agent.set_model", {"name": arguments.name, "model": arguments.model})
    who = answers(done)
    operating.say(f"{done['name']} is answered by {who}, from its next call on.")
    operating.note(done["told"])
    return OK


def _set_policy_options(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="the agent's name")
    _policy_options(parser)
    parser.add_argument(
        "--no-limit", action="append", metavar="KIND", help="usd/day, tok/month, /min, atonce, or all; repeatable"
    )
    add_json(parser)


def _set_policy(arguments: argparse.Namespace) -> int:
    wanted = {name: value for name, value in _policy(arguments).items() if value is not None}
    if not wanted and arguments.no_limit is None:
        raise CommandError("say what is to change", f"kruxos agent set-policy {arguments.name} --limit 5usd/day", USAGE)
    done = operating.operate("agent.set_policy", {"name": arguments.name, "drop": arguments.no_limit, **wanted})
    return operating.tell_one(done, policy_lines(done), as_json=arguments.json)


def _restore_options(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="the agent's name")


def _restore(arguments: argparse.Namespace) -> int:
    made = operating.operate("agent.restore", {"name": arguments.name})
    operating.say(f"{made['name']} is let in again, with a new token.", *_token_lines(made))
    return OK


def _env(arguments: argparse.Namespace) -> int:
    found = operating.operate("agent.show", {"name": arguments.name})
    if arguments.json:
        operating.print_json(environment(found))
    else:
        operating.show(environment_lines(found))
    return OK


_LIMITS_TEXT = """\
--limit is money (5usd/day, 100usd/month), tokens (2Mtok/day, 500ktok/month), calls
(30/min) or calls at once (4atonce); one of each kind. What a call may cost is set aside before it and settled after it.
A call for which there is no room ends with budget_exceeded, which says when the limit resets: at midnight, or when the
month ends, by the gateway's own clock."""
_CREATE_TEXT = f"""\
Make an agent and show its token, this once. A client gives it as `token=` or in $KRUXOS_AGENT_TOKEN.

Its calls are answered by --model; then by the default for its role; then by the fallback provider. --fallback says how
far they may move: any (that order), local_only (never off this machine), same_billing (never from a flat rate to a
price by use, or back), none.

{_LIMITS_TEXT}"""
_SET_POLICY_TEXT = f"""\
Set what an agent may use and who may answer it, from its next call on, also in sessions that are open. What is not
given stays as it is.

{_LIMITS_TEXT}"""

_ENV_TEXT = """\
Print the variables by which an agent's process finds the gateway, for a shell to read. The token is not among them: it
was shown when it was made, and only its hash is kept."""
_ENV_EXAMPLES = 'eval "$(kruxos agent env code-bot)"\nkruxos agent env code-bot --json'

VERBS = (
    Verb(
        "create",
        "make an agent and show its token",
        _create,
        _create_options,
        _CREATE_TEXT,
        "kruxos agent create --name code-bot --model claude-api\n"
        'kruxos agent create --name research --model deepseek --purpose "reads papers"\n'
        "kruxos agent create --name helper --model local-default --fallback local_only\n"
        "kruxos agent create --name nightly --role autonomous --effort high --limit 5usd/day --limit 4atonce",
    ),
    Verb("list", "all agents", _list, add_json, examples="kruxos agent list\nkruxos agent list --json"),
    Verb("show", "one agent: who answers it, what it used", _show, _one_option, examples="kruxos agent show code-bot"),
    Verb(
        "set-model",
        "set who answers an agent",
        _set_model,
        _set_model_options,
        "Set who answers an agent, from its next call on, also in sessions that are open.",
        "kruxos agent set-model code-bot deepseek\n"
        "kruxos agent set-model code-bot claude-api/claude-opus-4-6\n"
        "kruxos agent set-model code-bot --default",
    ),
    Verb(
        "set-policy",
        "set what an agent may use, and who may answer it",
        _set_policy,
        _set_policy_options,
        _SET_POLICY_TEXT,
        "kruxos agent set-policy code-bot --limit 5usd/day --limit 30/min\n"
        "kruxos agent set-policy code-bot --no-limit usd/day\n"
        "kruxos agent set-policy helper --allow-provider local-default --effort low",
    ),
    Verb("env", "what an agent's process finds the gateway by", _env, _one_option, _ENV_TEXT, _ENV_EXAMPLES),
    Verb(
        "revoke", "refuse an agent's token from now on", _revoke, _name_options, examples="kruxos agent revoke code-bot"
    ),
    Verb(
        "rotate",
        "a new token; restores a revoked agent",
        _rotate,
        _name_options,
        examples="kruxos agent rotate code-bot",
    ),
    Verb(
        "restore",
        "let a revoked agent in again, with a new token",
        _restore,
        _restore_options,
        examples="kruxos agent restore code-bot",
    ),
)
