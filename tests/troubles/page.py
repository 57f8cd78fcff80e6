"""docs/troubleshooting.md: each trouble, the command that shows it, and what it says, masked. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from pathlib import Path

from tests.cli.running import Done, steady
from tests.troubles.table import Trouble

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
_HEAD = """\
# Troubleshooting

`kruxos status` and `kruxos verify` name what is wrong, `kruxos model test NAME` asks a provider, `kruxos config check`
reads models.yaml. Each says what to do about it. Below is what goes wrong most, and what is said then: `error:` is the
cause, `fix:` the way out. Made by `scripts/pages`; a test holds it true.
"""
_MASKS = (
    (r"localhost:\d{4,}", "localhost:PORT"),
    (r"port \d{4,}", "port PORT"),
    (r"\(process \d+\)", "(process PID)"),
    (r"kill \d+", "kill PID"),
    (r"\bx{20,}", "..."),
    (r"by \d+ bytes", "by N bytes"),
    (r"it is \d+ s behind", "it is N s behind"),
    (r"subscription status \d+", "subscription status N"),
)


def masked(done: Done, home: Path) -> str:
    """What was said, without what differs from run to run."""
    text = steady(done.said.replace(str(home), "~"))
    for pattern, instead in _MASKS:
        text = re.sub(pattern, instead, text)
    return text.rstrip()


def page(told: Iterable[tuple[Trouble, str]]) -> str:
    """The whole page."""
    parts = [
        f"## {trouble.title}\n\n    $ {trouble.command}\n{textwrap.indent(said, '    ')}\n" for trouble, said in told
    ]
    return "\n".join([_HEAD, *parts])
