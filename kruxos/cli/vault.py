"""``kruxos vault``: providers' keys, and where the vault's own key is kept."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from kruxos.cli import asking, operating
from kruxos.cli.failing import FAILED, OK, USAGE, CommandError
from kruxos.cli.moments import day
from kruxos.cli.parsing import Parser, Subparsers, Verb, add_json, add_noun, run_verb
from kruxos.cli.table import Cell, Column, table
from kruxos.cli.terminal import terminal_of

PLACES = ("passphrase", "file", "keyring", "credential")


def add_parser(subparsers: Subparsers) -> None:
    """The noun's verbs."""
    add_noun(subparsers, "vault", "The vault: providers' keys, sealed, each for one destination.", VERBS)


run = run_verb


def _add_options(parser: Parser) -> None:
    _name_option(parser)
    parser.add_argument("kind", metavar="KIND", choices=["api-key"], help="api-key")
    parser.add_argument("key", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--key-stdin", action="store_true", help="read the key from standard input, without a prompt")


def _refuse_key(words: list[str]) -> None:
    if words:
        message = "a key is not given on the command line: other users can read it there, and shells keep it"
        raise CommandError(
            message, "run the command without it and type it when asked; take a new key if this one is real", USAGE
        )


def _add(arguments: argparse.Namespace) -> int:
    _refuse_key(arguments.key)
    operating.operate("vault.plan", {"name": arguments.name})
    key = asking.ask_key(from_stdin=arguments.key_stdin)
    stored = operating.operate("vault.add", {"name": arguments.name, "secret": key})
    replaced = ", in place of the one that was there" if stored["replaced"] else ""
    operating.say(f"Stored the key of {stored['provider']} for {stored['destination']}{replaced}.")
    operating.note(stored["told"])
    return OK


def _list(arguments: argparse.Namespace) -> int:
    found = operating.operate("vault.list")
    if arguments.json:
        operating.print_json(found)
        return OK
    if not found["records"]:
        operating.say("The vault is empty.")
        return OK
    columns = [Column("NAME"), Column("KIND"), Column("FOR", gives=True), Column("CHANGED"), Column("PROVIDER")]
    operating.show(table(columns, [_record(each) for each in found["records"]], terminal_of(sys.stdout)))
    return OK


def _record(record: dict[str, Any]) -> list[Cell | str]:
    used = Cell("in models.yaml") if record["used"] else Cell("not in models.yaml", "warn")
    return [record["name"], record["kind"], record["destination"], day(record["changed_at"]), used]


def _name_option(parser: Parser) -> None:
    parser.add_argument("name", metavar="RECORD", help="model-provider:NAME, with the provider's name in models.yaml")


def _rotate_options(parser: Parser) -> None:
    _name_option(parser)
    parser.add_argument("key", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--key-stdin", action="store_true", help="read the key from standard input, without a prompt")


def _rotate(arguments: argparse.Namespace) -> int:
    _refuse_key(arguments.key)
    stored = operating.operate("vault.list")["records"]
    if all(each["name"] != arguments.name for each in stored):
        raise CommandError("there is no such record in the vault", "kruxos vault list shows those there are")
    key = asking.ask_key(from_stdin=arguments.key_stdin)
    done = operating.operate("vault.rotate", {"name": arguments.name, "secret": key})
    operating.say(
        f"{done['provider']} has a new key for {done['destination']}; calls under way finish with the old one."
    )
    operating.note(["take the old key back where the provider shows it"])
    return OK


def _remove_options(parser: Parser) -> None:
    _name_option(parser)
    asking.add_yes(parser)


def _remove(arguments: argparse.Namespace) -> int:
    if not asking.agreed(f"Remove {arguments.name} from the vault?", arguments):
        operating.say("Nothing was removed.")
        return FAILED
    removed = operating.operate("vault.remove", {"name": arguments.name})
    operating.say(f"Removed {removed['name']}.")
    return OK


def _import(arguments: argparse.Namespace) -> int:
    moved = operating.operate("vault.import")["providers"]
    if not moved:
        operating.say("There is no key in models.yaml to move.")
        return OK
    operating.say(f"Moved to the vault, and out of models.yaml: the keys of {', '.join(moved)}.")
    operating.note(["a key that stood in a file may have been copied with it: take new ones where that is possible"])
    return OK


def _lock(arguments: argparse.Namespace) -> int:
    operating.operate("vault.lock")
    operating.say("The vault is locked. Workers that run go on; a new one waits until it is unlocked.")
    return OK


def _unlock(arguments: argparse.Namespace) -> int:
    found = operating.operate("vault.status")
    wanted: dict[str, Any] = {}
    if found["running"] and found["source"] == "passphrase":
        wanted["passphrase"] = asking.ask_passphrase("Vault passphrase: ")
    done = operating.operate("vault.unlock", wanted)
    operating.say("The vault is unlocked.")
    if wanted:
        told = f"for {done['unlocked_s'] / 60:.0f} minutes it may change keys, addresses, agents and policies"
        operating.say(f"This terminal is unlocked, too: {told}.")
    return OK


def _status(arguments: argparse.Namespace) -> int:
    found = operating.operate("vault.status")
    if arguments.json:
        operating.print_json(found)
        return OK
    if found["state"] == "none":
        operating.say("There is no vault yet: it is made with the first key, or by `kruxos serve`.")
        return OK
    operating.say(f"Vault:   {found['state']}" + (f" ({found['reason']})" if found["reason"] else ""))
    operating.say(f"Key:     kept in {found['key_kept_in']}", f"Records: {found['records']}")
    return OK


def _key_options(parser: Parser) -> None:
    parser.add_argument("place", metavar="PLACE", choices=PLACES, help="passphrase, file, keyring or credential")


def _key(arguments: argparse.Namespace) -> int:
    return _keep_key_in(arguments.place)


def _set_passphrase(arguments: argparse.Namespace) -> int:
    return _keep_key_in("passphrase")


def _change_passphrase(arguments: argparse.Namespace) -> int:
    found = operating.operate("vault.status")
    if found["source"] != "passphrase":
        kept = f": its key is kept in {found['key_kept_in']}" if found["key_kept_in"] else ""
        raise CommandError(f"this vault has no passphrase{kept}", "to give it one: kruxos vault key passphrase")
    return _keep_key_in("passphrase")


def _keep_key_in(place: str) -> int:
    wanted: dict[str, Any] = {"place": place}
    if operating.operate("vault.status")["source"] == "passphrase":
        wanted["old_passphrase"] = asking.ask_passphrase("Current vault passphrase: ")
    if place == "passphrase":
        wanted["passphrase"] = asking.ask_new_passphrase()
    done = operating.operate("vault.set_passphrase", wanted)
    operating.say(f"The vault has a new key, kept in {done['key_kept_in']}.")
    if place == "passphrase":
        operating.note(["after each start of the gateway: kruxos vault unlock"])
    return OK


_ADD_TEXT = """\
Store a provider's key, in place of the one that is there. It is asked for, or read from standard input where that is no
terminal. It goes to the address that models.yaml says now, and to no other (see `kruxos model confirm`)."""
_KEY_TEXT = """\
Make a new key for the vault and keep it in: a passphrase that you type after each start; a file in the data directory;
the desktop's keyring; or the systemd credential that the gateway's unit gives. Everything is sealed anew at once."""

VERBS = (
    Verb(
        "add",
        "store a provider's key",
        _add,
        _add_options,
        _ADD_TEXT,
        "kruxos vault add model-provider:deepseek api-key\nkruxos vault add model-provider:deepseek api-key < key.txt",
    ),
    Verb(
        "list",
        "what is stored, without the secrets",
        _list,
        add_json,
        examples="kruxos vault list\nkruxos vault list --json",
    ),
    Verb(
        "rotate",
        "give a record a new key",
        _rotate,
        _rotate_options,
        "Give a record that is there a new key, asked for or read from standard input. Where it may go stays as it is.",
        "kruxos vault rotate model-provider:deepseek\nkruxos vault rotate model-provider:deepseek < key.txt",
    ),
    Verb("remove", "remove a key", _remove, _remove_options, examples="kruxos vault remove model-provider:deepseek"),
    Verb("import", "move keys that were pasted into models.yaml", _import, examples="kruxos vault import"),
    Verb("lock", "forget the vault's key until it is unlocked", _lock, examples="kruxos vault lock"),
    Verb("unlock", "get the vault's key", _unlock, examples="kruxos vault unlock"),
    Verb("status", "locked or not, and where its key is", _status, add_json, examples="kruxos vault status"),
    Verb(
        "key",
        "where the vault's own key is kept",
        _key,
        _key_options,
        _KEY_TEXT,
        "kruxos vault key passphrase\nkruxos vault key file",
    ),
    Verb(
        "change-passphrase",
        "another passphrase for a vault that has one",
        _change_passphrase,
        examples="kruxos vault change-passphrase",
    ),
    Verb("set-passphrase", "the same as `key passphrase`", _set_passphrase, examples="kruxos vault set-passphrase"),
)
