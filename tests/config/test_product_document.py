"""The product document's examples load as they are written there, and stand in the file that KruxOS ships."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from kruxos.config.load import load
from kruxos.config.model import Provider
from kruxos.config.models_file import default_text
from tests.config.product_blocks import BLOCKS, MEANS

SHARED = Path(os.environ.get("KRUXOS_SHARED", Path(__file__).parents[3] / "shared"))
DOCUMENT = SHARED / "model-providers.txt"


def meaning(provider: Provider) -> tuple[str | None, ...]:
    return (provider.type, provider.dialect, provider.auth, provider.base_url, provider.model)


def name_of(block: str) -> str:
    return block.splitlines()[1].strip(" :")


@pytest.mark.parametrize("block", BLOCKS, ids=name_of)
def test_an_example_loads_as_written_and_means_what_the_document_says(block: str) -> None:
    config = load(block)
    assert {name: meaning(provider) for name, provider in config.providers.items()} == {
        name_of(block): MEANS[name_of(block)]
    }
    gone = [hint.path for hint in config.hints if "answers no more" in hint.message]
    assert gone == (["providers.glm-5.base_url"] if name_of(block) == "glm-5" else [])
    assert len(config.hints) == len(gone)


def test_all_examples_load_together() -> None:
    joined = "providers:\n" + "\n".join(block.partition("\n")[2] for block in BLOCKS)
    assert list(load(joined).providers) == list(MEANS)


@pytest.mark.skipif(not DOCUMENT.exists(), reason="the product document is not here")
def test_the_examples_here_are_those_of_the_document() -> None:
    written = re.findall(r"^providers:\n(?:  .*\n)+", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert [block.strip() for block in written] == [block.strip() for block in BLOCKS]


def uncommented(name: str) -> str:
    """The shipped file with one block uncommented, as a person does it: `# ` away from its lines."""
    lines = default_text().splitlines(keepends=True)
    start = lines.index(f"  # {name}:\n")
    end = next(i for i in range(start + 1, len(lines)) if not lines[i].startswith("  #   "))
    block = [line.replace("# ", "", 1) for line in lines[start:end]]
    return "".join([*lines[:start], *block, *lines[end:]])


def test_the_shipped_file_is_a_valid_one_without_providers() -> None:
    assert load(default_text()).providers == {}


@pytest.mark.parametrize("block", BLOCKS, ids=name_of)
def test_each_example_of_the_shipped_file_is_the_documents_once_uncommented(block: str) -> None:
    config = load(uncommented(name_of(block)))
    assert dict(config.providers) == dict(load(block).providers)


def test_the_shipped_files_last_example_sets_the_defaults() -> None:
    text = uncommented("claude-api")
    for name in ("deepseek", "local-default"):
        text = text.replace(f"\n  # {name}:\n", f"\n  {name}: {{type: ollama}}\n")
    text = re.sub(r"^# (defaults:|  (?:chat|autonomous|fallback):.*)$", r"\1", text, flags=re.MULTILINE)
    defaults = load(text).defaults
    assert (defaults.chat, defaults.autonomous, defaults.fallback) == ("claude-api", "deepseek", "local-default")
