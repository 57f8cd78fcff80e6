"""Scripts in processes of their own: for what forks, or must not see what the tests have loaded."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def run_apart(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a script in a process of its own, where forking is safe."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
