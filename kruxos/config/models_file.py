"""models.yaml on disk: read it, load it, change it as a whole. The caller of what writes holds the directory's lock."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from kruxos.config.files import make_private_file, require_safe, write_atomically
from kruxos.config.load import load
from kruxos.config.model import ModelsConfig
from kruxos.config.problems import ConfigError, EditError, Problem
from kruxos.config.tree import TEXT_BYTES_MAX


def default_text() -> str:
    """The file that a new data directory gets: every provider as a commented example."""
    return files("kruxos.config").joinpath("default_models.yaml").read_text(encoding="utf-8")


def create_models(path: Path) -> bool:
    """Puts the default file where there is none; False where there is one."""
    if not make_private_file(path):
        return False
    write_atomically(path, default_text().encode())
    return True


def read_models(path: Path) -> str:
    """The file's text; a missing file is an empty one.

    Raises ``UnsafePathError`` where others could have changed it, ``ConfigError`` where it is no text.
    """
    require_safe(path, private=False)
    return _decode(_read(path))


def load_models(path: Path) -> ModelsConfig:
    """What the file says. Raises as ``read_models`` and ``load.load``."""
    return load(read_models(path))


def edit_models(path: Path, change: Callable[[str], str]) -> ModelsConfig:
    """Puts the file through ``change``, edits of ``kruxos.config.edit``, and writes the outcome if it is valid.

    Raises as ``read_models`` and ``load.load``, and ``EditError`` where somebody saved the file meanwhile.
    """
    require_safe(path, private=False)
    before = _read(path)
    after = change(_decode(before))
    config = load(after)
    if _read(path) != before:
        raise EditError("models.yaml was saved by somebody else just now", "try again")
    if after.encode() != before:
        write_atomically(path, after.encode())
    return config


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(TEXT_BYTES_MAX + 1)
    except FileNotFoundError:
        return b""


def _decode(data: bytes) -> str:
    try:
        return data[: TEXT_BYTES_MAX + 1].decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
    line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
    raise ConfigError([Problem(line, column, "", "the file is not in UTF-8", "save it as UTF-8 text")])
