"""What can be wrong on this machine, worded for the person who can mend it.

    SetupError            a message and a fix
    +-- ConfigError       models.yaml: every problem with its line
    +-- EditError         an edit of models.yaml that cannot be made
    +-- UnsafePathError   a file or directory that others could change or read
    +-- DirectoryBusyError  another process works in the data directory

The vault and the ledger add their own branches. No message, fix or ``repr`` ever holds a secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PROBLEMS_SHOWN_MAX = 50


class SetupError(Exception):
    """Something that a person has to put right. ``fix`` says how, as a sentence or a command; it may be empty."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(f"{message}\n  fix: {fix}" if fix else message)
        self.message = message
        self.fix = fix

    def __reduce__(self) -> tuple[type[SetupError], tuple[str, str]]:
        return (type(self), (self.message, self.fix))


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a file. ``line`` and ``column`` count from 1; ``path``: ``providers.x.type``."""

    line: int
    column: int
    path: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}"
        told = f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"
        return f"{told}\n  fix: {self.fix}" if self.fix else told


class ConfigError(SetupError):
    """models.yaml cannot be used. ``problems`` holds everything that is wrong with it, in the order of the lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        count = len(self.problems)
        head = "models.yaml has a problem" if count == 1 else f"models.yaml has {count} problems"
        rest = [f"and {count - PROBLEMS_SHOWN_MAX} more"] if count > PROBLEMS_SHOWN_MAX else []
        super().__init__("\n".join([f"{head}:", *map(str, self.problems[:PROBLEMS_SHOWN_MAX]), *rest]))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[Problem, ...]]]:  # type: ignore[override]  # its own arguments
        return (type(self), (self.problems,))


class EditError(SetupError):
    """An edit of models.yaml cannot be made."""


class UnsafePathError(SetupError):
    """A file or directory belongs to someone else, can be changed or read by others, or is a symbolic link."""


class DirectoryBusyError(SetupError):
    """Another process works in the data directory."""
