"""docs/transcript.md, from what came of the document's commands. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from tests.document.sections import DASHBOARD, DOCUMENT
from tests.document.transcript import Play, Told

_HEAD = """\
# The product document, command by command

Every command of the Quick Start, Adding, Managing, Per-Agent and Troubleshooting sections, typed as it is written
there, each section in a home of its own beside a running gateway. The simulator stands at the providers' own
addresses, by `proxy:` and `ca_bundle:` in models.yaml. Made by `scripts/pages`; a test holds it true.

Times, tokens, pids and the like are masked. As of {day}: a model that is retired later differs from then on.

`works`: it does what the document says. `differs`: it does, and a provider's own API has moved since; the command says
so itself. What is marked `#` is not the document's: it has to be there before, or shows afterwards that it holds.
"""


def page(plays: Sequence[Play], day: str) -> str:
    """The whole page; ``day`` is the ISO day of the run."""
    parts = [
        _HEAD.format(day=day), "\n".join(_summary(plays)), "\n".join(_differences(plays)), "\n".join(_dashboard()),
        *("\n".join(_section(play)) for play in plays),
    ]  # fmt: skip
    return "\n".join(f"{part.rstrip()}\n" for part in parts)


def _summary(plays: Sequence[Play]) -> Iterator[str]:
    yield "| section | commands | works | differs | other differences |"
    yield "|---|---|---|---|---|"
    rows = [(play.title, *_counts(commands_of([play]))) for play in plays]
    total = ("all", *_counts(commands_of(plays)))
    yield from (f"| {' | '.join(map(str, row))} |" for row in [*rows, total])


def _counts(commands: Sequence[Told]) -> tuple[int, int, int, int]:
    counted = [sum(each.verdict == verdict for each in commands) for verdict in ("works", "differs", "fails")]
    return len(commands), counted[0], counted[1], counted[2]


def commands_of(plays: Sequence[Play]) -> list[Told]:
    """The document's own commands."""
    return [each for play in plays for each in play.told if each.kind == DOCUMENT]


def _differences(plays: Sequence[Play]) -> Iterator[str]:
    yield "Where it differs, and by which fact:\n"
    found = {each.words: each.reason for each in commands_of(plays) if each.verdict == "differs"}
    yield from (f"* `{command}`: {reason}" for command, reason in found.items())


def _dashboard() -> Iterator[str]:
    yield "In a browser, so not here:\n"
    yield from (f"* {each}" for each in DASHBOARD)


def _section(play: Play) -> Iterator[str]:
    yield f"## {play.title}\n"
    for each in play.told:
        if not each.verdict:
            yield f"    # {each.words}\n"
            continue
        mark = f"[{each.verdict}]" if each.kind == DOCUMENT else "#"
        yield f"    {mark} $ {each.words}"
        yield textwrap.indent(each.output, "    ") + "\n"
