"""What the measurements run against: a gateway and a simulator that answers at a believable pace."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.service.running import Installation, Simulator

MODELS = """\
providers:
  victim: {{type: openai, profile: openai, base_url: "{root}/v1", model: gpt-5.2}}
  one: {{type: openai, profile: openai, base_url: "{root}/v1", model: gpt-4o}}
  two: {{type: anthropic, base_url: "{root}", model: claude-sonnet-4-6}}
defaults: {{chat: one}}
"""
NAMES = ("victim", "one", "two")
PACE = ("--first-token", "0.02", "--rate", "600")


@contextmanager
def serving(home: Path, *pace: str) -> Generator[tuple[Installation, Simulator]]:
    """A gateway that runs, with workers that take calls."""
    with Simulator(*(pace or PACE)) as simulator:
        installation = Installation.make(home, MODELS.format(root=simulator.root))
        with installation.serving():
            installation.store_keys(NAMES)
            yield installation, simulator
