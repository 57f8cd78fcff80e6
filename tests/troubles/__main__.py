"""``scripts/pages troubleshooting``: plays all troubles and writes docs/troubleshooting.md anew."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.troubles.page import PAGE, masked, page
from tests.troubles.scene import Scene
from tests.troubles.table import TROUBLES


def main() -> None:
    """Plays them all."""
    told = []
    with tempfile.TemporaryDirectory(prefix="k") as root:
        for number, trouble in enumerate(TROUBLES):
            home = Path(root) / str(number)
            home.mkdir()
            scene = Scene(home)
            try:
                told.append((trouble, masked(trouble.play(scene), home)))
            finally:
                scene.close()
    PAGE.write_text(page(told), encoding="utf-8")


main()
