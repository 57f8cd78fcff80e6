"""Runs the document's sections, and writes down what came of each command.

``works``: the command ended as it should and said what it should. ``differs``: it did, and told besides that a
provider's own API has moved on from what the document says; the catalogue names the source of that. Anything else is
``fails``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from kruxos import catalog
from kruxos.config.models_file import default_text
from tests.cli.running import Done, Gateway, Kruxos, steady
from tests.document.internet import Internet
from tests.document.sections import BEFORE, DOCUMENT, SECTIONS, Fault, Save, Section, Step

PAGE = Path(__file__).parents[2] / "docs" / "transcript.md"
_MOVED = re.compile(r"(\S+?)(?:, which the documentation recommends,)? (?:is retired|answers no more)")


@dataclass(frozen=True)
class Told:
    """One thing that was done: in words, or a command with what it said."""

    words: str
    kind: str
    output: str = ""
    verdict: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Play:
    """A section as it went."""

    title: str
    told: tuple[Told, ...]


def play_all(world: Internet, home: Path) -> list[Play]:
    """Every section, each from a home of its own."""
    return [play(section, world, home / str(number)) for number, section in enumerate(SECTIONS)]


def play(section: Section, world: Internet, home: Path) -> Play:
    """One section, from a fresh home."""
    home.mkdir()
    kruxos = Kruxos(home / "data", home)
    kruxos.write_models(f"{default_text()}\n{world.settings}")
    with Gateway(kruxos) as gateway:
        told = tuple(_do(step, kruxos, gateway, world) for step in section.steps)
    return Play(section.title, tuple(_masked(each, world, home) for each in told))


def _do(step: Step | Save | Fault, kruxos: Kruxos, gateway: Gateway, world: Internet) -> Told:
    match step:
        case Save():
            text = (kruxos.root / "models.yaml").read_text()
            assert text.count(step.before) == 1, step
            kruxos.write_models(text.replace(step.before, step.after))
            gateway.wait_log(step.log)
            return Told(step.told, BEFORE)
        case Fault():
            world.simulator.fault(*step.words)
            return Told(step.told, BEFORE)
        case Step():
            gateway.wait_ready(*step.waits_for)
            name, *words = shlex.split(step.command)
            assert name == "kruxos"
            done = kruxos(*words, stdin=step.types)
            return _judged(step, done)


def _judged(step: Step, done: Done) -> Told:
    missing = [words for words in step.says if words not in done.said]
    if done.code != step.code:
        verdict, reason = "fails", f"it ended with {done.code}"
    elif missing:
        verdict, reason = "fails", f"it does not say {missing[0]!r}"
    elif step.kind == DOCUMENT and step.command.startswith("kruxos model add") and (moved := list(_moved(done.err))):
        verdict, reason = "differs", "; ".join(moved)
    else:
        verdict, reason = "works", ""
    lines = [line for line in done.said.splitlines() if step.only in line]
    return Told(step.command, step.kind, "\n".join(lines).rstrip(), verdict, reason)


def _moved(said: str) -> Iterator[str]:
    """The models and addresses that were told to have moved, each with the source of that."""
    for name in dict.fromkeys(_MOVED.findall(said)):
        rows = [row for row in catalog.models() if name in row.names and row.gone_from]
        address = catalog.moved(name) if "://" in name else None
        if rows:
            yield f"`{name}` is retired since {rows[0].gone_from} ({rows[0].source})"
        elif address is not None:
            yield f"{name} is {address.address} today ({address.source})"


_MASKS = (
    (r"\d{4}-\d\d-\d\dTCLOCK(\.\d+)?Z", "WHEN"),
    (r"\b[A-Z]{4}-\d{5}\b", "CODE"),
    (r"\b\d+(\.\d+)? (ms|s)\b", r"N \2"),
    (r"\b\d+ entries", "N entries"),
    (r"\[[A-Z]{4}\] (Isolation|Disk) .*", r"[....] \1  (as this machine has it)"),
    (r"\d+ passed.*", "N passed"),
)


def _masked(told: Told, world: Internet, home: Path) -> Told:
    """Without what differs from run to run and from machine to machine."""
    text = steady(told.output.replace(str(home), "~").replace(str(world.authority), "company-ca.pem"))
    for pattern, instead in _MASKS:
        text = re.sub(pattern, instead, text)
    return replace(told, output=text)
