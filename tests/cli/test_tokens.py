"""What ``kruxos tokens`` makes of a file. The counting itself is a worker's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kruxos.cli import tokens
from kruxos.cli.failing import CommandError


def test_a_text_is_one_message() -> None:
    assert tokens._question("What is\nthis?") == {"messages": [{"role": "user", "content": "What is\nthis?"}]}


def test_a_request_is_taken_with_its_tools_and_without_what_does_not_count() -> None:
    request = {"messages": [{"role": "user", "content": "hi"}], "tools": [{"name": "t"}], "temperature": 1}
    assert tokens._question(json.dumps(request)) == {"messages": request["messages"], "tools": request["tools"]}


@pytest.mark.parametrize("text", ["[1, 2]", '{"messages": 3}', '{"a": 1}', "[" * 100_000])
def test_other_json_is_a_text(text: str) -> None:
    assert tokens._question(text)["messages"][0]["content"] == text


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no such file"):
        tokens._read(str(tmp_path / "nothing"))


def test_an_empty_file_is_nothing_to_count(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_text(" \n")
    with pytest.raises(CommandError, match="nothing to count"):
        tokens._read(str(path))
