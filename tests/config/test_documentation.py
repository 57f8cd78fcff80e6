"""The examples of the documentation are files that load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kruxos.config.load import load

PAGE = Path(__file__).parents[2] / "docs/providers.md"
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_loads_as_it_stands(example: str) -> None:
    assert load(example).providers
