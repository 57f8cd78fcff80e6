"""YAML's syntax errors in plain words: what is wrong on the line, and what to write instead.

The parser's own words name its tokens and quote the file. Neither helps, and a quote may hold a key, so nothing of
them is passed on. The table below is by what PyYAML's scanner and parser say.
"""

from __future__ import annotations

import re

import yaml

from kruxos.config.problems import Problem

_INDENT = "indent with spaces, the fields of one provider all by the same number"
_QUOTES = 'put the value in quotes: "..."'

# What the parser says, what we say, what helps, and whether the place is where the construct began.
_TABLE: tuple[tuple[str, str, str, bool], ...] = (
    (r"mapping values are not allowed", "a second `:` on one line, or a line indented more than the one before it",
     f"{_INDENT}; a value with `: ` in it needs quotes", False),
    (r"could not find expected ':'", "this line has no `:`", "write it as `key: value`", True),
    (r"expected <block end>.*(scalar|anchor|alias)", "something follows the value", _QUOTES, False),
    (r"expected <block end>.*'-'", "a list item (-) stands where a key belongs", "write it as `key: value`", False),
    (r"expected <block end>", "this line's indentation fits none of the lines above it", _INDENT, False),
    (r"expected ',' or '\}'", "a `{` is never closed", "end the map with `}`", True),
    (r"expected ',' or '\]'", "a `[` is never closed", "end the list with `]`", True),
    (r"unexpected end of stream", "a quote is never closed", "end the value with the quote it begins with", True),
    (r"unknown escape character|escape sequence", "a backslash in double quotes begins an escape that YAML lacks",
     "use single quotes, or write the backslash twice", False),
    (r"cannot start any token", "a value cannot begin with this character", _QUOTES, False),
    (r"expected alphabetic or numeric", "a value that begins with * or & needs a name after it", _QUOTES, False),
    (r"indentation indicators", "a value cannot begin with > or | and go on", _QUOTES, False),
    (r"expected the node content", "something is missing before this sign", _QUOTES, False),
    (r"expected '<document start>'", "a line that begins with % is no comment", "begin comments with #", False),
)  # fmt: skip

_INDENTED_BY_TAB = re.compile(r"^ *\t", re.MULTILINE)


def explain(text: str, error: yaml.YAMLError) -> Problem:
    """The problem that ``error`` is, said for a person who does not know YAML's grammar."""
    if isinstance(error, yaml.reader.ReaderError):
        line, column = _line_and_column(text, error.position)
        return Problem(line, column, "", "a character here cannot be printed", "remove it")
    said = str(getattr(error, "problem", ""))
    at: yaml.Mark | None = getattr(error, "problem_mark", None)
    began: yaml.Mark | None = getattr(error, "context_mark", None)
    tab = _INDENTED_BY_TAB.search(text, 0, at.index + 1 if at else len(text))
    if tab is not None:
        line, column = _line_and_column(text, tab.end() - 1)
        return Problem(line, column, "", "this line is indented with a tab", "indent with spaces only")
    for pattern, message, fix, from_start in _TABLE:
        if re.search(pattern, said):
            return _problem(began if from_start and began else at, message, fix)
    return _problem(at, "this line is not YAML", "compare it with the examples in the file that KruxOS ships")


def _problem(mark: yaml.Mark | None, message: str, fix: str) -> Problem:
    return Problem(mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, "", message, fix)


def _line_and_column(text: str, index: int) -> tuple[int, int]:
    before = text[:index]
    return before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1
