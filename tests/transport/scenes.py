"""Scenes of the conformance suite: each runs in every world."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import trio

from kruxos.transport import (
    Door,
    Session,
)
from tests.transport.worlds import WORLDS, World

LIMIT_S = 20.0


def in_every_world(scenario: Callable[[World], Awaitable[None]]) -> Callable[..., Any]:
    """Runs the scenario once a world, each with a time limit and a nursery that is cancelled at the end."""

    @pytest.mark.parametrize("name", WORLDS)
    @wraps(scenario)
    def test(name: str, tmp_path: Path) -> None:
        async def main() -> None:
            with trio.fail_after(LIMIT_S):
                async with trio.open_nursery() as nursery:
                    await scenario(WORLDS[name](nursery, str(tmp_path)))
                    nursery.cancel_scope.cancel()

        trio.run(main)

    del test.__wrapped__  # pytest would look for fixtures named after the scenario's parameter
    return test


def open_door(world: World, **options: Any) -> tuple[str, Door]:
    path = f"{world.directory}/door.sock"
    options.setdefault("admit", lambda _: True)
    return path, world.transport.open_door(path, **options)


async def connected_session(world: World) -> tuple[Session, Any]:
    session = world.transport.open_session(world.directory, world.me)
    far = await world.dial(session.address)
    assert await session.wait_peer(5) == world.me
    return session, far


async def until(condition: Callable[[], bool]) -> None:
    """For what nng's threads tell: lets the loop turn until it is so; the test's time limit bounds it."""
    while not condition():
        await trio.lowlevel.checkpoint()
