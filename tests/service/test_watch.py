"""When a file counts as saved."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

from kruxos.config.problems import SetupError
from kruxos.service.watch import LOOK_EVERY_S, Look, Settled, look_at, watch

OLD, NEW, NEWER = (1, 10, 100, 100), (1, 20, 200, 200), (2, 20, 300, 300)


@pytest.mark.parametrize(
    ("looks", "saved"),
    [
        ([OLD, OLD], []),
        ([NEW], []),
        ([NEW, NEW], [1]),
        ([NEW, NEW, NEW], [1]),
        ([NEW, NEWER, NEWER], [2]),
        ([None, NEW, NEW], [2]),
        ([None, None, NEW, NEW], [1, 3]),
        ([NEW, OLD, OLD], []),
    ],
    ids=["nothing", "being written", "saved", "once", "two writes", "a rename", "gone and back", "undone"],
)
def test_a_file_counts_as_saved_once_it_looks_the_same_twice(looks: list[Look], saved: list[int]) -> None:
    settled = Settled(OLD)
    assert [index for index, look in enumerate(looks) if settled.step(look)] == saved


def test_looks_tell_an_edit_in_place_and_a_replacement_apart_from_nothing(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    assert look_at(path) is None
    path.write_text("a")
    first = look_at(path)
    assert look_at(path) == first
    path.write_text("ab")
    second = look_at(path)
    (tmp_path / "new").write_text("ab")
    (tmp_path / "new").replace(path)
    assert len({first, second, look_at(path)}) == 3


def test_a_broken_file_does_not_end_the_watch(tmp_path: Path) -> None:
    path, reloads = tmp_path / "models.yaml", list[str]()

    def reload() -> None:
        reloads.append(path.read_text())
        if reloads[-1] == "broken":
            raise SetupError("it is broken", "mend it")

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, path, reload, look_at(path))
            for text in ("broken", "mended"):
                await trio.testing.wait_all_tasks_blocked()
                path.write_text(text)
                await trio.sleep(LOOK_EVERY_S * 2.5)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert reloads == ["broken", "mended"]


def test_what_is_saved_before_the_watch_begins_and_after_it_was_read_is_taken_up(tmp_path: Path) -> None:
    path, reloads = tmp_path / "models.yaml", list[str]()
    path.write_text("as it was read")
    seen = look_at(path)
    path.write_text("saved a moment later")

    async def main() -> None:
        with trio.move_on_after(LOOK_EVERY_S * 2.5):
            await watch(path, lambda: reloads.append(path.read_text()), seen)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert reloads == ["saved a moment later"]
