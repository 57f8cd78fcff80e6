"""``kruxos batch``: requests that wait up to a day, at half the price."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from kruxos.cli import operating
from kruxos.cli.failing import FAILED, OK, CommandError
from kruxos.cli.moments import ago, day, span
from kruxos.cli.parsing import Parser, Subparsers, Verb, add_json, add_noun, run_verb
from kruxos.cli.table import Cell, Column, table
from kruxos.cli.terminal import terminal_of

WAIT_EVERY_S = 5.0
_STYLES = {"done": "good", "failed": "bad", "refused": "bad", "expired": "bad", "outcome_unknown": "bad"}

_SUBMIT = """\
Hands in a JSONL file. A line is one of these, with a custom_id of its own:

  {"custom_id": "a", "request": {"messages": [{"role": "user", "parts": [{"type": "text", "text": "hi"}]}]}}
  {"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": {...}}     as OpenAI has it
  {"custom_id": "a", "params": {...}}                                             as Anthropic has it

Anthropic, OpenAI and Gemini take batches. A file that is more than they take at once is submitted in parts."""


def add_parser(subparsers: Subparsers) -> None:
    """The noun and its verbs."""
    add_noun(subparsers, "batch", "Batches: many requests that wait up to a day, at half the price.", (
        Verb("submit", "hand in a JSONL file", _submit, _submit_options, _SUBMIT,
             "kruxos batch submit work.jsonl --provider anthropic\nkruxos batch submit work.jsonl --wait -o out.jsonl"),
        Verb("list", "all batches, the latest first", _list, add_json, examples="kruxos batch list"),
        Verb("show", "one batch: how far, how old, what is wrong, what to do", _show, _show_options,
             examples="kruxos batch show batch_4f1c"),
        Verb("results", "what became of its requests, in their order, a line of JSON each", _results, _results_options,
             examples="kruxos batch results batch_4f1c -o out.jsonl"),
        Verb("cancel", "give it up; what is done by then can be read, and is paid", _cancel, _show_options,
             examples="kruxos batch cancel batch_4f1c"),
    ))  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Does the verb."""
    return run_verb(arguments)


def _submit_options(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help="JSONL")
    parser.add_argument("--provider", help="who does it: a provider's name")
    parser.add_argument("--model", help="the model for all lines, whatever they name")
    parser.add_argument("--key", help="submitting again with the same key is the same batch, not another one")
    parser.add_argument("--wait", action="store_true", help="wait until it is over")
    parser.add_argument("-o", "--output", metavar="FILE", help="with --wait: where its results go")
    add_json(parser)


def _show_options(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", help="the batch, or enough of its id to be the only one")
    add_json(parser)


def _results_options(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", help="the batch, or enough of its id to be the only one")
    parser.add_argument("-o", "--output", metavar="FILE", help="a new file; standard output unless given")
    parser.add_argument("--wait", action="store_true", help="wait until it is over")


def _submit(arguments: argparse.Namespace) -> int:
    from kruxos.client.batches import submission  # noqa: PLC0415 - help texts need none of this

    if not Path(arguments.file).is_file():
        raise CommandError("there is no such file", "kruxos batch submit work.jsonl")
    options = {name: getattr(arguments, name) for name in ("provider", "model", "key")}
    conversation = submission(arguments.file, options)
    asked = next(conversation)
    while True:
        answer = operating.operate(*asked)
        try:
            asked = conversation.send(answer)
        except StopIteration as over:
            batch: dict[str, Any] = over.value
            break
    if arguments.wait:
        batch = _wait(batch["id"])
        if arguments.output:
            _write_results(batch["id"], arguments.output)
    _print(batch, as_json=arguments.json)
    return OK if batch["state"] not in ("failed", "refused", "outcome_unknown") else FAILED


def _wait(name: str) -> dict[str, Any]:
    from kruxos.client.batches import FINAL  # noqa: PLC0415 - help texts need none of this

    told = ""
    while True:
        batch = operating.operate("batch.show", {"id": name})
        if batch["state"] in FINAL or batch["state"] == "outcome_unknown":
            return batch
        words = _progress(batch)
        if words != told:
            print(f"{batch['id']}: {words}", file=sys.stderr)
            told = words
        time.sleep(WAIT_EVERY_S)


def _list(arguments: argparse.Namespace) -> int:
    found = operating.operate("batch.list")
    if arguments.json:
        operating.print_json(found)
    elif not found["batches"]:
        operating.say("There are no batches.")
    else:
        operating.show(_table(found["batches"], time.time()))
    return OK


def _show(arguments: argparse.Namespace) -> int:
    _print(operating.operate("batch.show", {"id": _meant(arguments.id)}), as_json=arguments.json)
    return OK


def _cancel(arguments: argparse.Namespace) -> int:
    _print(operating.operate("batch.cancel", {"id": _meant(arguments.id)}), as_json=arguments.json)
    return OK


def _results(arguments: argparse.Namespace) -> int:
    name = _meant(arguments.id)
    batch = _wait(name) if arguments.wait else operating.operate("batch.show", {"id": name})
    _write_results(name, arguments.output)
    if not batch["results_ready"]:
        operating.note([f"not all results are there: {_progress(batch)}"])
    return OK


def _meant(typed: str) -> str:
    """The batch that was meant, by the beginning of its id. Raises ``CommandError``."""
    ids: list[str] = [each["id"] for each in operating.operate("batch.list")["batches"]]
    found = [each for each in ids if each == typed] or [
        each for each in ids if each.startswith(typed) or each.removeprefix("batch_").startswith(typed)
    ]
    if len(found) != 1:
        what = "there is no such batch" if not found else "several batches begin like this"
        raise CommandError(what, "kruxos batch list")
    return found[0]


def _write_results(name: str, output: str | None) -> None:
    with ExitStack() as closing:
        target: BinaryIO = sys.stdout.buffer
        if output is not None:
            try:
                target = closing.enter_context(Path(output).open("xb"))
            except FileExistsError:
                raise CommandError("the output file is there already", "name another one") from None
            except OSError as error:
                raise CommandError(f"the output file cannot be made: {error.strerror}", "name another one") from None
        offset = 0
        while data := (found := operating.operate("batch.results", {"id": name, "offset": offset}))["data"]:
            target.write(data)
            offset = found["next_offset"]
        target.flush()


# What is printed


def _print(batch: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        operating.print_json(batch)
        return
    lines = [f"{batch['id']}: {_progress(batch)}", f"  {batch['provider']}, {batch['model'] or 'model of its lines'}"]
    if batch["agent"] != "operator":
        lines.append(f"  of the agent {batch['agent']}")
    if batch["submitted_at"] is not None:
        lines.append(f"  submitted {day(batch['submitted_at'])}, {_age(batch)}")
    if len(batch["parts"]) > 1:
        lines += [f"  part {part['number']}: {part['state']}, {part['requests']} requests" for part in batch["parts"]]
    if batch["problem"]:
        lines.append(f"  problem: {batch['problem']}")
    if batch["advice"]:
        lines.append(f"  {batch['advice']}")
    if batch["results_ready"]:
        lines.append(f"  results: kruxos batch results {batch['id']}")
    operating.say(*lines)


def _progress(batch: Mapping[str, Any]) -> str:
    done = batch["succeeded"] + batch["failed"]
    failed = f", {batch['failed']} without an answer" if batch["failed"] else ""
    return f"{batch['state']}, {done} of {batch['requests']} requests{failed}"


def _age(batch: Mapping[str, Any]) -> str:
    """How old it is, against the time that the provider has."""
    age = span(batch["age_s"] or 0.0)
    return f"took {age}" if batch["ended_at"] is not None else f"{age} of {span(batch['window_s'])}"


def _table(batches: list[dict[str, Any]], now: float) -> list[str]:
    columns = (
        Column("ID"), Column("STATE"), Column("DONE", right=True), Column("AGE", gives=True), Column("PROVIDER"),
        Column("AGENT", gives=True), Column("PROBLEM", gives=True, optional=True),
    )  # fmt: skip
    rows = [
        [
            each["id"], Cell(each["state"], _STYLES.get(each["state"], "")),
            f"{each['succeeded'] + each['failed']}/{each['requests']}",
            ago(each["created_at"], now) if each["age_s"] is None else _age(each), each["provider"], each["agent"],
            each["problem"],
        ]
        for each in batches
    ]  # fmt: skip
    return table(columns, rows, terminal_of(sys.stdout))
