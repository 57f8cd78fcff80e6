"""The demonstration's claims can fail: each one does when its step is spoiled. That all hold is seen by running it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "scripts/demonstration.py"
INSTALLED = Path(sys.executable).with_name("kruxos")


@pytest.mark.skipif(not INSTALLED.exists(), reason="kruxos is not installed beside this Python: use scripts/test")
@pytest.mark.parametrize(
    ("spoiled", "claim"),
    [
        ("streaming", "1 pieces of text"),
        ("fallback", "claude was answered, claude answered"),
        ("told", "somebody else answers"),
        ("isolation", "of the 12 other calls came whole"),
        ("recovery", "gpt is back"),
        ("usage", "calls in it"),
    ],
)
def test_a_step_that_is_spoiled_fails_its_claim(spoiled: str, claim: str) -> None:
    done = subprocess.run(
        [sys.executable, PROGRAM, "--break", spoiled], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines() if line.startswith("  [NO]") and claim in line], done.stdout
