"""Scripts for the cores: an event goes in at a time, exactly these commands come out.

    with Script(call) as script:
        script.at(0.0, Begin()).gives(Dispatch(FIRST, 600.0, 0.0))
        script.at(1.0, Lost("killed")).gives(Dispatch(SECOND, 599.0, 0.0))

``unittest.mock.ANY`` may stand for a value. A step without ``gives`` is an error of the test, not a pass.
"""

from __future__ import annotations

from typing import Any, Protocol, Self


class Machine(Protocol):
    def step(self, event: Any, now: float) -> list[Any]: ...


class Script:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._came: list[Any] | None = None
        self._told = ""

    def at(self, now: float, event: Any) -> Script:
        self._settled()
        self._told = f"at {now:g}: {event}"
        self._came = self.machine.step(event, now)
        return self

    def gives(self, *commands: Any) -> Script:
        assert self._came is not None, "gives() follows at()"
        came, self._came = self._came, None
        assert list(commands) == came, "\n".join(
            [self._told, "wanted", *(f"    {each}" for each in commands), "came", *(f"    {each}" for each in came)]
        )
        return self

    def gives_nothing(self) -> Script:
        return self.gives()

    def _settled(self) -> None:
        assert self._came is None, f"nothing was said about what comes {self._told}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self._settled()
