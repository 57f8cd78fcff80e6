"""Keeps one connection for a blocking client: made by the first call, again after it was lost, and after a fork."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from kruxos import wire
from kruxos.client.address import session_path
from kruxos.client.blocking_line import Line
from kruxos.client.call import Call, TokenCount, token_count
from kruxos.client.options import CallOptions, opening
from kruxos.client.session import HELLO_S, OPEN_ATTEMPTS, Retrying, hello_question, read_welcome
from kruxos.client.settings import Settings
from kruxos.client.sockets import ask, connect
from kruxos.errors import GatewayUnreachableError, KruxosError
from kruxos.events import Event, Reply


class Connector:
    """What a blocking client does."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.forget()
        _connectors.add(self)

    def forget(self) -> None:
        """For a forked child: what belongs to the parent is left alone, its locks too."""
        self._line: Line | None = None
        self._connecting = threading.Lock()

    def close(self) -> None:
        """Ends the connection, and with it its calls."""
        if self._line is not None:
            self._line.close()

    def chat(self, prompt: str | None, options: CallOptions) -> Reply:
        """A call whose answer comes whole."""
        return self._ask(opening("chat", prompt, options))

    def count_tokens(self, prompt: str | None, options: CallOptions) -> TokenCount:
        """How many input tokens a request has."""
        return token_count(self._ask(opening("count_tokens", prompt, options)))

    def stream(self, prompt: str | None, options: CallOptions) -> BlockingEventStream:
        """A call whose answer comes in events."""
        return BlockingEventStream(self._open, opening("chat", prompt, options, stream=True))

    def verb(self, opening: wire.Open) -> dict[str, Any]:
        """A question that is answered with a map."""
        line, call = self._open(opening)
        try:
            return line.result(call)
        finally:
            line.leave(call)

    def _ask(self, opening: wire.Open) -> Reply:
        line, call = self._open(opening)
        try:
            return line.reply(call)
        finally:
            line.leave(call)

    def _open(self, opening: wire.Open) -> tuple[Line, Call]:
        deadline_at = None if opening.deadline_s is None else time.monotonic() + opening.deadline_s
        attempts_left = OPEN_ATTEMPTS
        while True:
            attempts_left -= 1
            line = self._connected(deadline_at)
            if deadline_at is not None:
                opening.deadline_s = max(deadline_at - time.monotonic(), 0.0)
            call = line.open(opening)
            if not line.lost or call.dispatched or not attempts_left:
                return line, call

    def _connected(self, deadline_at: float | None) -> Line:
        with self._connecting:
            if self._line is not None:
                self._line.look()
                if not self._line.lost:
                    return self._line
            was_connected = self._line is not None
            retrying = Retrying(now=time.monotonic(), was_connected=was_connected, deadline_at=deadline_at)
            while True:
                try:
                    self._line = self._connect()
                except KruxosError as error:
                    time.sleep(retrying.pause_s(error, now=time.monotonic(), jitter=random.random()))  # noqa: S311
                else:
                    return self._line

    def _connect(self) -> Line:
        path = self._settings.path
        try:
            answer = ask(path, hello_question(self._settings.agent, self._settings.token), timeout_s=HELLO_S)
        except TimeoutError:
            raise GatewayUnreachableError(f"the gateway at {path} did not answer within {HELLO_S:.0f} s") from None
        return Line(connect(session_path(read_welcome(answer).session)))


class BlockingEventStream:
    """An answer's events as they come. Leaving the block before its end cancels the call."""

    def __init__(self, open_call: Callable[[wire.Open], tuple[Line, Call]], opening: wire.Open) -> None:
        self._open_call = open_call
        self._opening = opening
        self._under_way: tuple[Line, Call] | None = None

    def __enter__(self) -> Self:
        self._under_way = self._open_call(self._opening)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        line, call = self._get()
        line.leave(call)

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        line, call = self._get()
        event = line.next_event(call)
        if event is None:
            raise StopIteration
        return event

    def reply(self) -> Reply:
        """The whole answer, after its last event."""
        return self._get()[1].reply()

    def _get(self) -> tuple[Line, Call]:
        if self._under_way is None:
            raise RuntimeError("a stream is used in a block: `with client.stream(...) as events:`")
        return self._under_way


_connectors: WeakSet[Connector] = WeakSet()


def _forget_in_child() -> None:
    for connector in list(_connectors):
        connector.forget()


os.register_at_fork(after_in_child=_forget_in_child)
