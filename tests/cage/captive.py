"""A worker for tests: makes the attempts that its link tells it to, in the cage or without one."""

from __future__ import annotations

import json
import os
import traceback

from kruxos.launcher.inheritance import Inheritance
from tests.cage import attempts, needs


def preload() -> None:
    """All is imported with this module."""


def main(inheritance: Inheritance) -> None:
    os.write(inheritance.link_fd, json.dumps(inheritance.isolation).encode())
    while order := os.read(inheritance.link_fd, 65536):
        name, arguments = json.loads(order)
        try:
            answer = _answer(name, arguments)
        except attempts.NotHereError as missing:
            answer = {"missing": str(missing)}
        os.write(inheritance.link_fd, json.dumps(answer).encode())


def _answer(name: str, arguments: list[object]) -> object:
    need = getattr(needs, name, None)
    if need is not None:
        try:
            return {"result": need(*arguments)}
        except Exception:  # noqa: BLE001 - for the test that asked
            return {"failure": traceback.format_exc()}
    return {"errno": attempts.outcome(getattr(attempts, name), arguments)}
