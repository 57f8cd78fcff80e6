"""``kruxos model``: providers."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from kruxos.cli import asking, login, operating
from kruxos.cli import model_standing as standing
from kruxos.cli.failing import FAILED, OK, USAGE, CommandError
from kruxos.cli.local_models import settle_model
from kruxos.cli.model_view import (
    added_lines,
    catalog_lines,
    effort_lines,
    list_lines,
    matrix_lines,
    remote_lines,
    removed_lines,
    tested_lines,
)
from kruxos.cli.moments import clock, parse_span
from kruxos.cli.parsing import Parser, Subparsers, Verb, add_json, add_noun, run_verb
from kruxos.cli.terminal import terminal_of

TEST_WITHIN_S = 120.0
REMOTE_WITHIN_S = 70.0
ANSWER_GRACE_S = 10.0
"""How much longer than the call the gateway's answer about it may take."""
LOCAL_TYPES = ("local", "ollama")
TYPES = "anthropic, openai, openai-codex, gemini, deepseek, glm, grok, mistral, groq, openrouter, local"


def add_parser(subparsers: Subparsers) -> None:
    """The noun's verbs."""
    add_noun(subparsers, "model", "Providers: which there are, which are the defaults, whether they answer.", VERBS)


run = run_verb


def _add_options(parser: Parser) -> None:
    parser.add_argument("type", metavar="TYPE", help=TYPES)
    parser.add_argument("--name", help="the provider's name in models.yaml (default: the type; local: local-default)")
    parser.add_argument("--auth", choices=["api-key", "oauth", "none"], help="how one signs in (default: the type's)")
    parser.add_argument("--endpoint", metavar="URL", help="the server's address; with a version path it is a base_url")
    parser.add_argument(
        "--base-url", metavar="URL", help="the same, for OpenAI-compatible servers, such as https://host/v1"
    )
    parser.add_argument("--model", help="the model (default: the recommended one)")
    parser.add_argument("--label", help="a name for people")
    parser.add_argument("--key-stdin", action="store_true", help="read the key from standard input, without a prompt")
    parser.add_argument("--yes", action="store_true", help="oauth: agree to the provider's terms without being asked")


def _add(arguments: argparse.Namespace) -> int:
    names = ("type", "name", "auth", "endpoint", "base_url", "model", "label")
    wanted: dict[str, Any] = {name: getattr(arguments, name) for name in names}
    plan = operating.operate("model.plan", wanted)
    if plan["renews"]:
        operating.say(f"{plan['renews']} is there already; its login is renewed.")
        return _tell_login(login.log_in(plan["renews"], agreed=arguments.yes))
    if plan["issuer"]:
        login.consent(plan["issuer"], agreed=arguments.yes)
        added = login.keep(plan["issuer"], "model.add", wanted)
    else:
        if plan["needs_key"]:
            wanted["api_key"] = asking.ask_key(from_stdin=arguments.key_stdin)
        added = operating.operate("model.add", wanted)
    operating.say(*added_lines(added))
    operating.note(added["told"])
    if added["in_force"] and arguments.model is None and added["type"] in LOCAL_TYPES:
        operating.note(settle_model(added))
    return OK


def _list_options(parser: Parser) -> None:
    parser.add_argument("--remote", metavar="NAME", help="the models that this provider itself lists")
    parser.add_argument("-q", "--query", metavar="TERM", help="with --remote: only models with this in a name")
    add_json(parser)


def _remote(arguments: argparse.Namespace) -> int:
    wanted = {"name": arguments.remote, "term": arguments.query}
    found = operating.operate("model.remote", wanted, timeout_s=REMOTE_WITHIN_S)
    if arguments.json:
        operating.print_json(found)
    else:
        operating.show(remote_lines(found, terminal_of(sys.stdout)))
        operating.note(found["told"])
    return OK


def _login_options(parser: Parser) -> None:
    _name_option(parser)
    parser.add_argument("--yes", action="store_true", help="agree to the provider's terms without being asked")


def _login(arguments: argparse.Namespace) -> int:
    return _tell_login(login.log_in(arguments.name, agreed=arguments.yes))


def _tell_login(done: dict[str, Any]) -> int:
    operating.say(f"Signed in: the login of {done['name']} is in the vault.")
    operating.note(done["told"])
    return OK


def _list(arguments: argparse.Namespace) -> int:
    if arguments.remote is not None:
        return _remote(arguments)
    found = operating.operate("model.list")
    if arguments.json:
        operating.print_json(found)
    else:
        operating.show(list_lines(found, terminal_of(sys.stdout)))
        operating.note([found["config_problem"]] if found["config_problem"] else [])
        operating.note([f"{each['name']}: {told}" for each in found["providers"] for told in each["told"]])
    return OK


def _catalog_options(parser: Parser) -> None:
    parser.add_argument("profile", nargs="?", metavar="KIND", help="anthropic, openai, gemini, deepseek ... (all)")
    parser.add_argument("-q", "--query", metavar="TERM", help="only models with this in a name")
    add_json(parser)


def _catalog(arguments: argparse.Namespace) -> int:
    found = operating.operate("model.catalog", {"profile": arguments.profile, "term": arguments.query})
    if arguments.json:
        operating.print_json(found)
    else:
        operating.show(catalog_lines(found["models"], terminal_of(sys.stdout)))
    return OK


def _matrix(arguments: argparse.Namespace) -> int:
    found = operating.operate("model.matrix")
    if arguments.json:
        operating.print_json(found)
    else:
        operating.show(matrix_lines(found, terminal_of(sys.stdout)))
    return OK


def _efforts(arguments: argparse.Namespace) -> int:
    found = operating.operate("model.efforts")
    if arguments.json:
        operating.print_json(found)
    else:
        operating.show(effort_lines(found["groups"], terminal_of(sys.stdout)))
    return OK


def _name_option(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="the provider's name: `kruxos model list` shows them")


def _test_options(parser: Parser) -> None:
    _name_option(parser)
    parser.add_argument(
        "--timeout", type=float, default=TEST_WITHIN_S, metavar="SECONDS", help="how long the answer may take (120)"
    )
    add_json(parser)


def _test(arguments: argparse.Namespace) -> int:
    wanted = {"name": arguments.name, "within_s": arguments.timeout}
    result = operating.operate("model.test", wanted, timeout_s=arguments.timeout + ANSWER_GRACE_S)
    return operating.tell_one(result, tested_lines(result), as_json=arguments.json)


def _remove_options(parser: Parser) -> None:
    _name_option(parser)
    asking.add_yes(parser)


def _remove(arguments: argparse.Namespace) -> int:
    if not asking.agreed(f"Remove {arguments.name} and its credentials?", arguments):
        operating.say("Nothing was removed.")
        return FAILED
    removed = operating.operate("model.remove", {"name": arguments.name})
    operating.say(*removed_lines(removed))
    operating.note(removed["told"])
    return OK


def _default_options(parser: Parser) -> None:
    parser.add_argument(
        "role", metavar="ROLE", choices=["chat", "autonomous", "fallback"], help="chat, autonomous or fallback"
    )
    _name_option(parser)
    parser.add_argument("--for", dest="for_s", metavar="SPAN", help="only for so long, such as 2h; then as before")


def _default(arguments: argparse.Namespace) -> int:
    for_s = None if arguments.for_s is None else _span(arguments.for_s)
    done = operating.operate("model.default", {"role": arguments.role, "name": arguments.name, "for_s": for_s})
    if done["until"] is None:
        operating.say(f"{done['name']} is the default for {done['role']}.")
    else:
        until, then = clock(done["until"], time.time()), done["then"] or "nobody"
        operating.say(f"{done['name']} is the default for {done['role']} until {until}, then {then} again.")
    operating.note(done["told"])
    return OK


def _span(text: str) -> float:
    try:
        return parse_span(text)
    except ValueError as error:
        raise CommandError(f"this is no time span: {error}", "kruxos model default chat NAME --for 2h", USAGE) from None


def _confirm_options(parser: Parser) -> None:
    _name_option(parser)
    asking.add_yes(parser)


def _confirm(arguments: argparse.Namespace) -> int:
    providers = operating.operate("model.list")["providers"]
    known = next((each for each in providers if each["name"] == arguments.name), None)
    if known is not None and known["stored_for"] is not None:
        operating.say(f"The key of {known['name']} was stored for {known['stored_for']}.")
        operating.say(f"It is to be sent to             {known['wanted_for']}.")
        if not asking.agreed("Is that right?", arguments):
            operating.say("Nothing was changed.")
            return FAILED
    done = operating.operate("model.confirm", {"name": arguments.name})
    operating.say(f"Confirmed: the key of {done['name']} goes to {done['destination']}.")
    return OK


def _enable(arguments: argparse.Namespace) -> int:
    return _switch("model.enable", arguments.name, "takes calls")


def _disable(arguments: argparse.Namespace) -> int:
    return _switch("model.disable", arguments.name, "is out of use; its entry and its key stay")


def _switch(operation: str, name: str, what: str) -> int:
    done = operating.operate(operation, {"name": name})
    operating.say(f"{done['name']} {what}.")
    operating.note(done["told"])
    return OK


_ADD_TEXT = f"""\
Add a provider to models.yaml, with its key in the vault. The key is asked for, or read from standard input where that
is no terminal; it is never given on the command line. With --auth oauth you sign in with an account
instead. The first provider becomes the default for chat.

Types: {TYPES}.
Any server with OpenAI's API is `openai` with an --endpoint that includes the version, such as https://host/v1."""

_ADD_EXAMPLES = """\
kruxos model add anthropic --auth api-key
kruxos model add openai --auth api-key < key.txt
kruxos model add openai-codex --auth oauth
kruxos model add local --endpoint http://localhost:11434
kruxos model add openai --auth api-key --name deepseek --endpoint https://api.deepseek.com/v1 --model deepseek-chat
kruxos model add openai --auth none --name vllm --endpoint http://localhost:8000/v1 --model my-model"""

_LOGIN_TEXT = """\
Sign in to a subscription with its account: a code is shown that you type at the provider's page. The new login takes
the place of the one that is stored; calls under way go on."""
_TEST_TEXT = "Ask a provider one small question through its worker, and say what is wrong if it does not answer."
_CONFIRM_TEXT = """\
Say that a provider's new address is right. Its key is bound to the address that it was stored for; when models.yaml
moves it elsewhere, the key is withheld until this is done."""

VERBS = (
    Verb("add", "add a provider", _add, _add_options, _ADD_TEXT, _ADD_EXAMPLES),
    Verb(
        "login", "sign in to a provider again", _login, _login_options, _LOGIN_TEXT, "kruxos model login openai-codex"
    ),
    Verb(
        "list",
        "all providers, or the models that one has",
        _list,
        _list_options,
        "All providers; or with --remote the models that a provider itself lists: what Ollama has pulled, what\n"
        "OpenRouter routes to. Prices are US dollars for a million tokens, ours where the provider says none.",
        "kruxos model list\nkruxos model list --remote local-default\nkruxos model list --remote openrouter -q llama",
    ),
    Verb(
        "catalog",
        "the models that are known here, with prices",
        _catalog,
        _catalog_options,
        "What the catalogue knows. Prices are US dollars for a million tokens, with the documentation's in brackets\n"
        "where they differ. Other models can be used all the same; `catalog:` in models.yaml states their prices.",
        "kruxos model catalog\nkruxos model catalog deepseek\nkruxos model catalog -q opus",
    ),
    Verb(
        "matrix",
        "what can be done at which provider",
        _matrix,
        add_json,
        "The Feature Comparison Matrix as this version has it; where the documentation says otherwise, both, and why.",
        "kruxos model matrix\nkruxos model matrix --json",
    ),
    Verb(
        "efforts",
        "what each level of thinking becomes",
        _efforts,
        add_json,
        "What is sent for each level of thinking_effort, by provider and model, and what the documentation says.",
        "kruxos model efforts\nkruxos model efforts --json",
    ),
    *standing.VERBS,
    Verb("test", "one real call", _test, _test_options, _TEST_TEXT, "kruxos model test claude-api"),
    Verb(
        "remove",
        "remove a provider and its credentials",
        _remove,
        _remove_options,
        examples="kruxos model remove openai-codex\nkruxos model remove openai-codex --yes",
    ),
    Verb(
        "default",
        "set which provider answers for a role",
        _default,
        _default_options,
        "Set which provider answers for a role where an agent has none of its own. With --for only for a while:\n"
        "models.yaml stays as it is, and holds again when the time is over, also if the gateway was restarted.",
        "kruxos model default chat claude-api\nkruxos model default fallback local-default\n"
        "kruxos model default chat deepseek --for 2h",
    ),
    Verb(
        "confirm",
        "confirm a provider's new address",
        _confirm,
        _confirm_options,
        _CONFIRM_TEXT,
        "kruxos model confirm deepseek",
    ),
    Verb("enable", "let a provider take calls", _enable, _name_option, examples="kruxos model enable deepseek"),
    Verb("disable", "take a provider out of use", _disable, _name_option, examples="kruxos model disable deepseek"),
)
