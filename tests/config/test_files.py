"""Files: whole or not at all, with the mode they had."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from kruxos.config import edit
from kruxos.config.files import make_private_file, write_atomically
from kruxos.config.load import load
from kruxos.config.models_file import create_models, default_text, edit_models, load_models, read_models
from kruxos.config.problems import ConfigError, EditError, UnsafePathError


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def test_a_new_file_is_private_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_atomically(path, b"one")
    assert (path.read_bytes(), mode(path)) == (b"one", "0o600")
    path.chmod(0o644)
    write_atomically(path, b"two")
    assert (path.read_bytes(), mode(path)) == (b"two", "0o644")
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_an_interrupted_write_left_behind_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".f.new").write_bytes(b"half")
    write_atomically(tmp_path / "f", b"whole")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("f", b"whole")]


def test_data_and_names_are_synced_in_the_right_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        kind = "directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        calls.append(f"{kind}, named {'yes' if (tmp_path / 'f').exists() else 'no'}")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_atomically(tmp_path / "f", b"x")
    assert calls == ["file, named no", "directory, named yes"]


def test_a_private_file_is_made_once(tmp_path: Path) -> None:
    assert make_private_file(tmp_path / "f") is True
    assert mode(tmp_path / "f") == "0o600"
    assert make_private_file(tmp_path / "f") is False


def test_the_default_file_is_put_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    assert create_models(path) is True
    assert (path.read_text(encoding="utf-8"), mode(path)) == (default_text(), "0o600")
    path.write_text("# mine\n")
    assert create_models(path) is False
    assert path.read_text() == "# mine\n"


def test_a_missing_file_is_an_empty_one(tmp_path: Path) -> None:
    assert read_models(tmp_path / "models.yaml") == ""
    assert load_models(tmp_path / "models.yaml") == load("")


def test_bytes_that_are_no_text_are_told_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_bytes(b"# one\n# t\xffwo\n")
    with pytest.raises(ConfigError, match="line 2, column 4: the file is not in UTF-8"):
        load_models(path)


def test_a_file_that_others_can_write_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.touch()
    path.chmod(0o666)
    with pytest.raises(UnsafePathError, match="can be changed by others"):
        load_models(path)


def test_an_edit_on_disk_keeps_every_other_byte(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    before = b"\xef\xbb\xbf# \xc3\xbc\r\nproviders:\r\n  a: {type: ollama}\r\n"
    path.write_bytes(before)
    path.chmod(0o640)
    config = edit_models(path, lambda text: edit.set_default(text, "chat", "a"))
    assert config.defaults.chat == "a"
    assert path.read_bytes() == before + b"defaults:\r\n  chat: a\r\n"
    assert mode(path) == "0o640"


def test_an_edit_that_is_refused_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text("providers: {a: {type: ollama}}\n")
    with pytest.raises(ConfigError):
        edit_models(path, lambda text: edit.set_default(text, "chat", "b"))
    with pytest.raises(ConfigError):
        edit_models(path, lambda text: text + "nonsense: 1\n")
    assert path.read_text() == "providers: {a: {type: ollama}}\n"


def test_an_edit_does_not_overwrite_what_somebody_saved_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text("providers: {a: {type: ollama}}\n")

    def change(text: str) -> str:
        path.write_text("# saved by an editor\n")
        return edit.set_default(text, "chat", "a")

    with pytest.raises(EditError, match="saved by somebody else"):
        edit_models(path, change)
    assert path.read_text() == "# saved by an editor\n"


def test_an_edit_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text("# x\n")
    before = path.stat().st_ino
    edit_models(path, lambda text: text)
    assert path.stat().st_ino == before
