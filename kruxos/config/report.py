"""Gathering problems: each is said at a path of the file, and gets the line where that stands."""

from __future__ import annotations

from kruxos.config.pasted import shown_path
from kruxos.config.problems import Problem
from kruxos.config.tree import Path, Values


class Report:
    """What was found wrong (``problems``) or worth saying (``hints``) about one file, below the path ``at``."""

    def __init__(self, found: Values, at: Path = (), above: Report | None = None) -> None:
        self._found = found
        self._at = at
        self.problems: list[Problem] = above.problems if above else []
        self.hints: list[Problem] = above.hints if above else []

    def below(self, *path: str) -> Report:
        """The same report, seen from further down."""
        return Report(self._found, (*self._at, *path), self)

    def wrong(self, path: str | Path, message: str, fix: str = "") -> None:
        """Something is wrong at a key, or a path of keys, below here."""
        self.problems.append(self._problem(path, message, fix))

    def hint(self, path: str | Path, message: str, fix: str = "") -> None:
        """Something works, and may still not be what was meant."""
        self.hints.append(self._problem(path, message, fix))

    def _problem(self, path: str | Path, message: str, fix: str) -> Problem:
        whole = (*self._at, *((path,) if isinstance(path, str) else path))
        return Problem(*self._place(whole), shown_path(whole), message, fix)

    def _place(self, path: Path) -> tuple[int, int]:
        """Where the key stands; for what is not there, its nearest parent's place."""
        for length in range(len(path), 0, -1):
            node = self._found.keys.get(path[:length]) or self._found.places.get(path[:length])
            if node is not None:
                return node.line, node.column
        return 1, 1
