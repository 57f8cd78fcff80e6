"""YAML's errors as a person reads them: golden texts with lines and columns."""

from __future__ import annotations

import pytest

from kruxos.config.load import load
from kruxos.config.problems import ConfigError

GOLDEN = {
    "providers:\n\tx: 1\n": "line 2, column 1: this line is indented with a tab",
    "a:\n  b: 1\n  \tc: 2\n": "line 3, column 3: this line is indented with a tab",
    "a: b\n\tc: d\n": "line 2, column 1: this line is indented with a tab",
    "label: x: y\n": "line 1, column 9: a second `:` on one line, or a line indented more than the one before it",
    "a: 1\n  b: 2\n": "line 2, column 4: a second `:` on one line, or a line indented more than the one before it",
    "a:\n  b: 1\n c: 2\n": "line 3, column 2: this line's indentation fits none of the lines above it",
    "a: 1\nb\nc: 2\n": "line 2, column 1: this line has no `:`",
    "a: {b: 1\nc: 2\n": "line 1, column 4: a `{` is never closed",
    "a: [1,2\n": "line 1, column 4: a `[` is never closed",
    "a: 'x\nb: 1\n": "line 1, column 4: a quote is never closed",
    'a: "x\\q"\n': "line 1, column 7: a backslash in double quotes begins an escape that YAML lacks",
    "a: @x\n": "line 1, column 4: a value cannot begin with this character",
    "a: 'b' c\n": "line 1, column 8: something follows the value",
    "a: 1\n- b\n": "line 2, column 1: a list item (-) stands where a key belongs",
    "a: * \n": "line 1, column 5: a value that begins with * or & needs a name after it",
    "a: >x\n  y\n": "line 1, column 5: a value cannot begin with > or | and go on",
    "a: }\n": "line 1, column 4: something is missing before this sign",
    "%FOO\na: 1\n": "line 2, column 1: a line that begins with % is no comment",
    "a: b\nc: \x01\n": "line 2, column 4: a character here cannot be printed",
    "- a\n": "line 1, column 1: the file must be a map",
    "just words\n": "line 1, column 1: the file must be a map",
}


@pytest.mark.parametrize("text", GOLDEN)
def test_a_syntax_error_is_told_in_plain_words_at_its_place(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)
    (problem,) = caught.value.problems
    assert str(problem).partition("\n")[0] == GOLDEN[text]
    assert problem.fix


def test_a_broken_file_is_told_as_one_message() -> None:
    with pytest.raises(ConfigError) as caught:
        load("providers:\n\tx: 1\n")
    assert str(caught.value) == (
        "models.yaml has a problem:\nline 2, column 1: this line is indented with a tab\n  fix: indent with spaces only"
    )
