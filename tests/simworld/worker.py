"""A simulated worker process: the real limits at its gate, a simulated exchange behind it.

It mirrors ``kruxos_workers.main``, ``gate`` and ``exchange``: which frames leave, when, and what a failure is called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kruxos import errors, wire
from kruxos.errors import KruxosError
from kruxos.events import Notice, Start, TextDelta, encode_events
from kruxos_workers.limits import Admitted, Ask, Limits, Refused
from tests.simworld.clock import UNIX_OFFSET_S, Link, Waking, World
from tests.simworld.upstream import Course, Post, Upstream

BEAT_EVERY_S = 2.0
FIRST_EVENT_S = 25.0
IDLE_S = 15.0
TOKENS = 10
GATE_LATE_S = 0.05


class Worker:
    """The process. ``hung``: it lives and does nothing; ``alive`` False: it is gone."""

    def __init__(self, world: World, upstream: Upstream, number: int, model: str, out: Link) -> None:
        self.world, self.upstream, self.number, self.model, self.out = world, upstream, number, model, out
        self.limits = Limits(world.random)
        self.attempts: dict[int, Attempt] = {}
        self.alive, self.hung, self.draining = True, False, False
        self.on_end: Callable[[int], None] = lambda _: None
        self._gate: Waking | None = None

    def after(self, delay_s: float, action: Callable[[], None]) -> Waking:
        """Later, if the process still works then."""
        return self.world.after(delay_s, lambda: action() if self.alive and not self.hung else None)

    def send(self, frame: wire.Frame) -> None:
        self.out.send(frame)

    def end(self, code: int) -> None:
        """The process is gone; what it had sent still arrives."""
        if self.alive:
            self.alive = False
            self.on_end(code)

    # Frames of the supervisor

    def on_frame(self, frame: wire.Frame) -> None:
        if not self.alive or self.hung:
            return
        match frame:
            case wire.Configure():
                self.limits.restore(frame.state, self.world.unix())
                self.after(0.005 + 0.1 * self.world.random(), self._ready)
            case wire.Open():
                attempt = self.attempts[frame.id] = Attempt(self, frame)
                attempt.start()
            case wire.Cancel() if frame.id in self.attempts:
                self.attempts[frame.id].cancel()
            case wire.Pause() if frame.id in self.attempts:
                self.attempts[frame.id].paused = True
            case wire.Resume() if frame.id in self.attempts:
                self.attempts[frame.id].resume()
            case wire.Drain():
                self.draining = True
                self.maybe_drained()
            case wire.Bye():
                self.end(0)
            case _:
                pass

    def _ready(self) -> None:
        self.send(wire.Ready())
        self._beat()

    def _beat(self) -> None:
        self.send(wire.Beat(in_flight=len(self.attempts)))
        if self.limits.learned:
            self.limits.learned = False
            self.tell_limits()
        self.after(BEAT_EVERY_S, self._beat)

    def maybe_drained(self) -> None:
        if self.draining and not self.attempts:
            self.send(wire.Drained())

    # The gate, as in kruxos_workers.gate

    def tell_limits(self) -> None:
        now = self.world.unix()
        until, reason = self.limits.cooling(now) or (None, None)
        self.send(wire.Health(cooling_until=until, reason=reason, state=self.limits.state(now)))

    def settled(self) -> None:
        """After every call that worked, failed or left."""
        self.wake()
        if self.limits.news:
            self.limits.news = False
            self.tell_limits()

    def wake(self) -> None:
        for verdict in self.limits.verdicts(self.world.unix()):
            self.attempts[verdict.id].on_verdict(verdict)
        if self._gate is not None:
            self._gate.cancel()
            self._gate = None
        wake_at = self.limits.next_wake(self.world.unix())
        if wake_at is not None:
            self._gate = self.after(max(0.001, wake_at - self.world.unix()), self.wake)


@dataclass(slots=True)
class Attempt:
    """One exchange with the provider."""

    worker: Worker
    frame: wire.Open
    paused: bool = False
    state: str = "waiting"
    post: Post | None = None
    _ask: Ask = field(init=False)
    _course: Course | None = None
    _said: int = 0
    _held: bool = False
    _since: float = 0.0
    _bodies: list[bytes] = field(default_factory=list[bytes])

    def start(self) -> None:
        frame, worker = self.frame, self.worker
        self._since = worker.world.time
        self._ask = Ask(frame.id, frame.agent or "", frame.model or worker.model, TOKENS, frame.wait_s)
        if frame.deadline_s is not None:
            worker.after(frame.deadline_s, self.cancel)
        verdict = worker.limits.ask(self._ask, worker.world.unix())
        if isinstance(verdict, (Admitted, Refused)):
            self.on_verdict(verdict)
        else:
            worker.wake()

    def on_verdict(self, verdict: Admitted | Refused) -> None:
        waited_s = self.worker.world.time - self._since
        if self.frame.wait_s is not None and waited_s > self.frame.wait_s + GATE_LATE_S:
            self.worker.upstream.kept.append(f"dispatch {self.frame.id} waited {waited_s:.1f} of {self.frame.wait_s} s")
        if isinstance(verdict, Refused):
            self.state = "refused"
            self._last(self._error(verdict.error, "never_sent"))
            return
        self.state = "connecting"
        worker = self.worker
        self._course = course = worker.upstream.course()
        if course.failure == "never_sent":
            worker.after(course.first_s, lambda: self._fail(self._course_error(), "never_sent"))
            return
        self.state = "sent"
        worker.send(wire.Sent(id=self.frame.id))
        self.post = Post(
            worker.world.time, worker.upstream.name, self._ask.model, self.frame.id, self.frame.call_id or "",
            self.frame.body, worker.number, billed=course.billed, events=course.events,
        )  # fmt: skip
        worker.upstream.posts.append(self.post)
        worker.world.log("post", worker.upstream.name, self._ask.model, "dispatch", self.frame.id, course.failure)
        worker.after(course.first_s, self._headed)

    def _course_error(self) -> KruxosError:
        assert self._course is not None
        assert self._course.error is not None
        return self._course.error

    def _headed(self) -> None:
        if self.state != "sent" or self._course is None:
            return
        if self._course.headers:
            self.worker.limits.heard(self.frame.id, self._course.headers, self.worker.world.unix())
        if self._course.error is not None:
            error = self._course.error
            if error.retry_at is not None and self.post is not None:
                self.post.told_at = self.worker.world.time
                self.post.wait_until = error.retry_at - UNIX_OFFSET_S
            self._fail(error, self._course.failure)
            return
        if self.worker.world.random() < 0.1 and self.frame.stream:
            body = encode_events([Notice("parameter_dropped", "x")])
            self.worker.send(wire.Event(id=self.frame.id, body=body, committed=False))
        self._say()

    def _say(self) -> None:
        """The next event, or the end."""
        course = self._course
        if self.state != "sent" or course is None:
            return
        if self.paused:
            self._held = True
            return
        if course.cut == self._said:
            if course.stalls:
                limit_s = FIRST_EVENT_S if self._said == 0 else IDLE_S
                self.worker.after(limit_s, self._timed_out)
            else:
                self._fail(errors.StreamInterruptedError("cut"), "ambiguous")
            return
        if self._said == course.events:
            self._end()
            return
        events = [Start("sim", self._ask.model)] if self._said == 0 else []
        body = encode_events([*events, TextDelta(self._said, str(self.frame.id))])
        self._said += 1
        if self.frame.stream:
            self.worker.send(wire.Event(id=self.frame.id, body=body))
        else:
            self._bodies.append(body)
        self.worker.after(0.02 + 1.5 * self.worker.world.random() ** 3, self._say)

    def resume(self) -> None:
        self.paused = False
        if self._held:
            self._held = False
            self._say()

    def _timed_out(self) -> None:
        if self.state == "sent":
            self._fail(errors.ProviderTimeoutError("silent"), "ambiguous")

    # Ends

    def _end(self) -> None:
        self.state = "over"
        self.worker.limits.worked(self.frame.id, TOKENS, self.worker.world.unix())
        self.worker.settled()
        self._last(wire.End(
            id=self.frame.id, body=b"".join(self._bodies), provider=self.worker.upstream.name, model=self._ask.model,
            finish_reason="stop", usage={"output_tokens": self._said},
        ))  # fmt: skip

    def _fail(self, error: KruxosError, failure: str) -> None:
        if self.state not in ("sent", "connecting"):
            return
        self.state = "over"
        self.worker.limits.failed(self.frame.id, error, self.worker.world.unix())
        self.worker.settled()
        self._last(self._error(error, failure))

    def cancel(self) -> None:
        """The supervisor does not want it any more, or its deadline passed."""
        sent, state = self.state == "sent", self.state
        if state in ("over", "refused"):
            return
        self.state = "over"
        if state == "waiting":
            self.worker.limits.cancel(self._ask)
        else:
            self.worker.limits.left(self.frame.id)
            self.worker.settled()
        self._last(self._error(errors.CancelledError("cancelled"), "ambiguous" if sent else "never_sent"))

    def _error(self, error: KruxosError, failure: str) -> wire.Error:
        told = type(error)(error.message, retry_at=error.retry_at, billed_maybe=failure == "ambiguous")
        usage = {"output_tokens": self._said} if self._said else {}
        return wire.Error(id=self.frame.id, error=told.to_wire(), failure=failure, usage=usage)

    def _last(self, frame: wire.End | wire.Error) -> None:
        worker = self.worker
        del worker.attempts[self.frame.id]
        worker.send(frame)
        worker.maybe_drained()
