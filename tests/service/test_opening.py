"""What the gateway's start imports, and when: it is most of the time until the first answer."""

from __future__ import annotations

import subprocess
import sys


def _imported_by(module: str) -> set[str]:
    script = f"import sys; import {module}; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    return set(told.stdout.split())


def test_what_runs_before_the_launcher_is_started_imports_nothing_heavy() -> None:
    assert not _imported_by("kruxos.service.opening") & {"trio", "pydantic", "yaml", "cryptography", "pynng", "msgpack"}


def test_a_gateway_starts_without_operations_and_without_any_providers_protocol() -> None:
    imported = _imported_by("kruxos.service.serve")
    assert "kruxos.operations.whole" not in imported
    assert not {each for each in imported if each.startswith(("kruxos.dialects.anthropic", "kruxos.dialects.openai"))}
