"""What scripts of one call begin with."""

from __future__ import annotations

from typing import Any
from unittest.mock import ANY

from kruxos import wire
from kruxos.cores.call import CALL_WITHIN_S, Call
from kruxos.cores.call_vocabulary import (
    Begin,
    Close,
    Command,
    Dispatch,
    Failed,
    Terms,
)
from kruxos.cores.routing import Candidate, Outlook, Plan, Skip
from kruxos.errors import (
    KruxosError,
    from_wire,
)
from tests.cores.playbook import Script

FIRST, SECOND = Candidate("first", None), Candidate("second", None, ({"code": "fallback", "message": "moved"},))
UNIX = 1_000_000.0


class Health:
    def __init__(self, **standing: Outlook) -> None:
        self.standing = standing

    def outlook(self, provider: str, model: str | None) -> Outlook:
        return self.standing.get(provider, Outlook("ready"))


def call(
    *candidates: Candidate, health: Health | None = None, skipped: tuple[Skip, ...] = (), wait_s: float = 0.0,
    at_most_once: bool = False, restart: bool = False, random: float = 0.5, stream: bool = True,
) -> Call:  # fmt: skip
    plan = Plan(candidates or (FIRST, SECOND), skipped)
    terms = Terms("call_1", plan, stream, CALL_WITHIN_S, wait_s, at_most_once, restart, UNIX)
    return Call(terms, health or Health(), lambda: random, 0.0)


def failed(error: KruxosError, failure: str = "refused", **more: Any) -> Failed:
    return Failed(wire.Error(error=error.to_wire(), failure=failure, **more))


def closing_error(commands: list[Command]) -> KruxosError:
    frames = [command.frame for command in commands if isinstance(command, Close)]
    assert len(frames) == 1
    assert isinstance(frames[0], wire.Error)
    return from_wire(frames[0].error)


def begun(machine: Call, *, left_s: float = CALL_WITHIN_S) -> Script:
    script = Script(machine)
    script.at(0, Begin()).gives(Dispatch(machine.terms.plan.candidates[0], left_s, ANY))
    return script
