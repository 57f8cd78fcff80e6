"""Asking the gateway's control socket: how operators' commands reach a running gateway."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast

import msgpack

from kruxos import framing, wire
from kruxos.client.address import control_path
from kruxos.client.answers import read_answer
from kruxos.client.sockets import ask
from kruxos.errors import DeadlineExceededError, GatewayUnreachableError

TIMEOUT_S = 30.0


class ControlClient:
    """Operations of a running gateway, one connection each. Whoever may open the socket is the operator."""

    def __init__(self, *, address: str | os.PathLike[str] | None = None) -> None:
        self._path = control_path(address)

    def call(
        self, op: str, arguments: Mapping[str, Any] | None = None, *, timeout_s: float | None = TIMEOUT_S
    ) -> dict[str, Any]:
        """Has the operation ``op`` done and returns its result; None as ``timeout_s`` waits as long as it takes.

        Raises ``GatewayUnreachableError``, ``DeadlineExceededError`` (the operation may go on), or what the gateway
        answers.
        """
        body = msgpack.packb(dict(arguments or {}))
        question = framing.encode(wire.Open(id=1, op=op, deadline_s=timeout_s, body=body))
        try:
            answer = read_answer(ask(self._path, question, timeout_s=timeout_s))
        except TimeoutError:
            raise DeadlineExceededError(f"the gateway did not answer {op} within {timeout_s} s") from None
        if not isinstance(answer, wire.End):
            raise GatewayUnreachableError(f"the gateway did not answer {op} with an end")
        return cast("dict[str, Any]", msgpack.unpackb(answer.body)) if answer.body else {}
