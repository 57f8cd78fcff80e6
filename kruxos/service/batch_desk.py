"""Agents' questions about batches: a frame comes, a verb is done beside the others, one frame goes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, cast

import msgpack
import msgpack.exceptions
import trio

from kruxos import wire
from kruxos.config.problems import SetupError
from kruxos.cores.routing import AgentFacts
from kruxos.errors import BadRequestError, InternalError, KruxosError
from kruxos.service.batch_verbs import BatchVerbs
from kruxos.service.journal import tell_fault


class Reader(Protocol):
    """Whoever asked."""

    def close(self, frame: wire.End | wire.Error, *, drop: bool = False) -> None:
        """The answer."""
        ...


@dataclass(slots=True)
class BatchDesk:
    """Does verbs for agents. A verb that was begun is done, also when its agent has gone: all may be asked again."""

    verbs: BatchVerbs
    nursery: trio.Nursery

    def ask(self, frame: wire.Open, agent: AgentFacts, reader: Reader) -> None:
        """Has it done; the reader is told."""
        self.nursery.start_soon(self._answer, frame, agent, reader)

    async def _answer(self, frame: wire.Open, agent: AgentFacts, reader: Reader) -> None:
        try:
            result = await self.verbs.perform(frame.op, arguments_of(frame.body), agent)
            reader.close(wire.End(body=msgpack.packb(result)))
        except (KruxosError, SetupError) as error:
            told = error if isinstance(error, KruxosError) else InternalError(str(error))
            reader.close(wire.Error(error=told.to_wire(), failure="never_sent"))
        except Exception as fault:  # noqa: BLE001 - a fault around one question must not end the gateway
            tell_fault(frame.op, fault)
            told = InternalError("this question met a fault of the gateway")
            reader.close(wire.Error(error=told.to_wire(), failure="never_sent"))


def arguments_of(body: bytes) -> dict[str, Any]:
    """A verb's arguments. Raises ``BadRequestError``."""
    try:
        arguments: Any = msgpack.unpackb(body) if body else {}
    except (ValueError, msgpack.exceptions.UnpackException):
        arguments = None
    if not isinstance(arguments, dict):
        raise BadRequestError("an operation's arguments are a map")
    return cast("dict[str, Any]", arguments)
