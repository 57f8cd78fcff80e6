"""``scripts/pages transcript``: writes docs/transcript.md anew. Ends with 1 where a command fails."""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.document.internet import internet
from tests.document.page import commands_of, page
from tests.document.transcript import PAGE, play_all


def main() -> int:
    """Runs everything."""
    with tempfile.TemporaryDirectory(prefix="k") as home, internet(Path(home)) as world:
        plays = play_all(world, Path(home))
    PAGE.write_text(page(plays, datetime.now(UTC).date().isoformat()), encoding="utf-8")
    failed = [(each.words, each.reason) for play in plays for each in play.told if each.verdict == "fails"]
    for words, reason in failed:
        sys.stdout.write(f"fails: {words}: {reason}\n")
    sys.stdout.write(f"{len(commands_of(plays))} commands, {len(failed)} failed; written to {PAGE}\n")
    return 1 if failed else 0


sys.exit(main())
