"""The door for operators: each question names one operation, its answer is the operation's result."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, cast

import msgpack
import trio

from kruxos import framing, wire
from kruxos.config.problems import SetupError
from kruxos.cores.unlocks import Operator, Unlocks
from kruxos.errors import BadRequestError, InternalError, KruxosError, RefusedError
from kruxos.operations import Context, Operation
from kruxos.operations.base import has_passphrase, passphrase_needed
from kruxos.operations.events import tell_action
from kruxos.service.batch_desk import arguments_of
from kruxos.service.journal import LOG
from kruxos.service.telling import Teller
from kruxos.transport import Door, Inbound, Peer


@dataclass(slots=True)
class ControlDoor:
    """Runs operations one at a time: they change files, and the second sees what the first did."""

    door: Door
    context: Context
    nursery: trio.Nursery
    teller: Teller
    unlocks: Unlocks = field(default_factory=Unlocks)
    operations: Mapping[str, Operation] | None = None

    async def serve(self) -> None:
        """Takes questions until the door is closed."""
        turn = trio.Lock()
        while True:
            inbound = await self.door.receive()
            self.nursery.start_soon(self._answer, inbound, turn)

    async def _answer(self, inbound: Inbound, turn: trio.Lock) -> None:
        number = 0
        try:
            frames = framing.decode_message(inbound.data)
            if len(frames) != 1 or not isinstance(frames[0], wire.Open):
                raise BadRequestError("a question here is exactly one open frame")
            number = frames[0].id
            answer = await self._run(frames[0], turn, inbound.peer)
        except KruxosError as error:
            answer = wire.Error(id=number, error=error.to_wire(), failure="never_sent")
        self.door.reply(inbound.to, framing.encode(answer))

    async def _run(self, frame: wire.Open, turn: trio.Lock, peer: Peer) -> wire.Frame:
        operation = (await self._operations()).get(frame.op)
        if operation is None:
            raise BadRequestError(f"there is no operation {frame.op}", field="op")
        arguments = arguments_of(frame.body)
        try:
            if operation.guarded and has_passphrase(self.context.vault):
                self._check_unlocked(peer)
            if operation.reads:
                result = await operation.run(self.context, arguments)
            else:
                async with turn, self._told(frame.op, arguments, peer):
                    result = await operation.run(self.context, arguments)
                if operation.proves:
                    result |= {"unlocked_s": self._proved(peer)}
                elif frame.op == "vault.lock":
                    self.unlocks.forget()
            return wire.End(id=frame.id, body=msgpack.packb(result))
        except SetupError as error:
            raise RefusedError(str(error)) from None
        except KruxosError:
            raise
        except Exception as error:  # noqa: BLE001 - an operator's mistake or ours must not end the gateway
            LOG.exception("operation %s failed", frame.op)
            raise InternalError(f"{frame.op} failed: {type(error).__name__}") from None

    async def _operations(self) -> Mapping[str, Operation]:
        """All by name. They are imported when the first is asked for, and on a thread: no call waits for that."""
        if self.operations is None:
            whole = await trio.to_thread.run_sync(import_module, "kruxos.operations.whole")
            self.operations = cast("Mapping[str, Operation]", whole.OPERATIONS)
        return self.operations

    def _check_unlocked(self, peer: Peer) -> None:
        if not self.unlocks.left_s(_operator(peer), trio.current_time()):
            raise passphrase_needed()

    def _proved(self, peer: Peer) -> float:
        """How long the peer's session may do what is guarded."""
        operator = _operator(peer)
        if operator is not None:
            self.unlocks.proved(operator, trio.current_time())
        return self.unlocks.left_s(operator, trio.current_time())

    @asynccontextmanager
    async def _told(self, op: str, arguments: dict[str, Any], peer: Peer) -> AsyncGenerator[None]:
        """What an operator does is in the journal, and on the disk, before it is answered."""
        outcome = "failed"
        try:
            yield
            outcome = "done"
        except KruxosError as error:
            outcome = error.code
            raise
        finally:
            tell_action(self.teller.journal, op, arguments, uid=peer.uid, pid=peer.pid, outcome=outcome)
            await self.teller.sync()


def _operator(peer: Peer) -> Operator | None:
    """Who the peer is, and in which session; None where that cannot be told: it is never unlocked."""
    if peer.uid is None or peer.pid is None:
        return None
    try:
        return Operator(peer.uid, os.getsid(peer.pid))
    except OSError:
        return None
