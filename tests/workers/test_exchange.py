"""One attempt at one call, over a scripted network: what the supervisor hears, and what the provider may have done."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

import msgpack
import pytest
import trio
import trio.testing

from kruxos import events, framing, wire
from kruxos.codec import encode_request
from kruxos.dialects.profiles import GEMINI, GENERIC, OLLAMA, Profile
from kruxos.dialects.registry import DIALECTS
from kruxos.errors import KruxosError, from_wire
from kruxos.messages import Message, Request
from kruxos_workers.exchange import LOADING_AFTER_S, TAIL_WITHIN_S, Exchange
from kruxos_workers.gate import Gate
from kruxos_workers.http import ProviderClient
from kruxos_workers.http.scripted import RESET, Script, ScriptedNetwork, Wait
from kruxos_workers.limits import Limits
from kruxos_workers.settings import Settings, TimeLimits
from kruxos_workers.worker import Worker

HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req_1\r\ntransfer-encoding: chunked\r\n\r\n"
)
SECRET = "sk-canary-1234567890"


def chunk(data: str) -> bytes:
    raw = data.encode()
    return b"%x\r\n%s\r\n" % (len(raw), raw)


def text(piece: str) -> bytes:
    value = {"id": "c", "model": "m-1", "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
    return chunk(f"data: {json.dumps(value)}\n\n")


FINISH = chunk(
    'data: {"id":"c","model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],'
    '"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}\n\n'
)
DONE = chunk("data: [DONE]\n\n")
LAST = b"0\r\n\r\n"


def json_answer(status: int, body: str, *headers: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status} X",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *headers,
        "",
        body,
    ]
    return "\r\n".join(lines).encode()


@dataclass
class Outlet:
    """Keeps what was sent, with how much had been flushed when each frame came."""

    frames: list[wire.Frame] = field(default_factory=list[wire.Frame])
    flushes: int = 0

    def send(self, frame: wire.Frame) -> None:
        self.frames.append(frame)

    def flush(self) -> bool:
        self.flushes += 1
        return True

    async def room(self) -> None:
        await trio.lowlevel.checkpoint()


@dataclass
class World:
    network: ScriptedNetwork
    outlet: Outlet
    worker: Worker
    changes: list[float | None]

    def exchange(
        self, *, stream: bool = True, deadline_s: float | None = None, wait_s: float | None = None
    ) -> Exchange:
        body = msgpack.packb(encode_request(Request([Message.of("user", "a private prompt")])))
        return Exchange(self.worker, wire.Open(id=7, body=body, stream=stream, deadline_s=deadline_s, wait_s=wait_s))

    @property
    def last(self) -> wire.Frame:
        return self.outlet.frames[-1]

    @property
    def error(self) -> KruxosError:
        assert isinstance(self.last, wire.Error)
        return from_wire(self.last.error)

    @property
    def failure(self) -> str:
        assert isinstance(self.last, wire.Error)
        return self.last.failure

    def said(self) -> list[events.Event]:
        return [event for frame in self.outlet.frames for event in events.decode_events(frame.body)]


def world(
    *scripts: Script,
    first_event_s: float | None = 120.0,
    idle_s: float = 120.0,
    profile: Profile = GENERIC,
    origin: str = "",
    **more: Any,
) -> World:
    network, outlet = ScriptedNetwork(scripts), Outlet()
    more.setdefault("model", "m-1")
    settings = Settings(
        "p", profile, DIALECTS[profile.dialect], origin or f"{profile.name}@127.0.0.1", "http://127.0.0.1:1/v1",
        time_limits=TimeLimits(first_event_s=first_event_s, idle_s=idle_s), secret=SECRET, **more,
    )  # fmt: skip
    client = ProviderClient(settings.base_url, auth=settings.auth(), network=network)
    limits = Limits(lambda: 0.5)
    changes: list[float | None] = []

    def changed() -> None:
        cooling = limits.cooling(time.time())
        changes.append(cooling and cooling[0])

    worker = Worker(settings, client, Gate(limits, changed), outlet)
    return World(network, outlet, worker, changes)


def test_a_stream_is_told_as_sent_then_in_events_then_ended() -> None:
    async def main() -> None:
        here = world(Script([HEAD, text("He"), text("llo"), FINISH + DONE + LAST]))
        await here.exchange().run()
        assert isinstance(here.outlet.frames[0], wire.Sent)
        assert here.outlet.flushes == 1
        deltas = [event.text for event in here.said() if isinstance(event, events.TextDelta)]
        assert "".join(deltas) == "Hello"
        end = here.last
        assert isinstance(end, wire.End)
        assert (end.id, end.finish_reason, end.model, end.upstream_request_id) == (7, "stop", "m-1", "req_1")
        assert end.usage["output_tokens"] == 2
        assert SECRET.encode() in bytes(here.network.streams[0].sent)

    trio.run(main)


def test_what_comes_behind_the_end_of_an_answer_does_not_hold_it_up() -> None:
    async def main() -> None:
        turns = [trio.Event() for _ in range(30)]
        endless = [step for turn in turns for step in (Wait(turn), chunk(": and another thing\n\n"))]
        here = world(Script([HEAD, text("Hello"), FINISH + DONE, *endless]))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_in_turn, turns)
            await here.exchange().run()
            nursery.cancel_scope.cancel()
        assert isinstance(here.last, wire.End)
        assert trio.current_time() - began[0] == pytest.approx(TAIL_WITHIN_S)

    began: list[float] = []

    async def _in_turn(turns: list[trio.Event]) -> None:
        began.append(trio.current_time())
        for turn in turns:
            await trio.sleep(0.9)
            turn.set()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def google(text: str, reason: str | None = None) -> bytes:
    candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    candidate |= {"finishReason": reason} if reason else {}
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}
    return chunk(f"data: {json.dumps({'candidates': [candidate], 'usageMetadata': usage})}\r\n\r\n")


def line(text: str, **last: object) -> bytes:
    return chunk(json.dumps({"model": "m-1", "message": {"content": text}, "done": False, **last}) + "\n")


DONE_LINE = line("", done=True, done_reason="stop", prompt_eval_count=5, eval_count=2)


@pytest.mark.parametrize(
    ("profile", "steps", "sent"),
    [
        (GEMINI, [google("He"), google("llo", "STOP"), LAST], b"x-goog-api-key: "),
        (GEMINI, [google("He"), google("llo", "STOP"), RESET], b"/v1/models/m-1:streamGenerateContent?alt=sse"),
        (OLLAMA, [line("He"), line("llo"), DONE_LINE, LAST], b"/v1/api/chat"),
    ],
)
def test_protocols_with_ends_of_their_own_are_told_alike(profile: Profile, steps: list[bytes], sent: bytes) -> None:
    async def main() -> None:
        here = world(Script([HEAD, *steps]), profile=profile)
        await here.exchange().run()
        deltas = [event.text for event in here.said() if isinstance(event, events.TextDelta)]
        assert "".join(deltas) == "Hello"
        end = here.last
        assert isinstance(end, wire.End)
        assert (end.finish_reason, end.usage["output_tokens"]) == ("stop", 2)
        assert sent in bytes(here.network.streams[0].sent)

    trio.run(main)


@pytest.mark.parametrize(("profile", "step"), [(GEMINI, google("He")), (OLLAMA, line("He"))])
def test_their_streams_that_break_off_are_ambiguous(profile: Profile, step: bytes) -> None:
    async def main() -> None:
        here = world(Script([HEAD, step, LAST]), profile=profile)
        await here.exchange().run()
        assert (here.error.code, here.failure) == ("interrupted", "ambiguous")

    trio.run(main)


def test_what_the_supervisor_hears_never_holds_the_key_or_the_prompt() -> None:
    async def main() -> None:
        body = json.dumps(
            {"error": {"message": f"Incorrect API key: {SECRET} for a private prompt", "code": "invalid_api_key"}}
        )
        here = world(Script([json_answer(401, body)]))
        await here.exchange().run()
        assert (here.error.code, here.failure) == ("invalid_credentials", "refused")
        for frame in here.outlet.frames:
            assert SECRET.encode() not in framing.encode(frame)

    trio.run(main)


def test_an_answer_that_is_asked_whole_comes_whole_with_its_end() -> None:
    async def main() -> None:
        body = json.dumps({
            "id": "c", "model": "m-1", "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}})  # fmt: skip
        here = world(Script([json_answer(200, body)]))
        await here.exchange(stream=False).run()
        assert [type(frame) for frame in here.outlet.frames] == [wire.Sent, wire.End]
        assert events.TextDelta(0, "hi") in here.said()

    trio.run(main)


@pytest.mark.parametrize(
    ("steps", "code", "failure"),
    [
        ([RESET], "interrupted", "ambiguous"),
        ([HEAD, RESET], "interrupted", "ambiguous"),
        ([HEAD, text("x"), RESET], "interrupted", "ambiguous"),
        ([HEAD, text("x"), LAST], "interrupted", "ambiguous"),
        ([HEAD, text("x")], "interrupted", "ambiguous"),
        ([json_answer(429, '{"error":{"message":"slow","code":"rate_limit_exceeded"}}')], "rate_limited", "refused"),
        ([json_answer(500, "oops")], "provider_error", "refused"),
        ([json_answer(504, "oops")], "provider_timeout", "ambiguous"),
        ([json_answer(302, "", "location: http://elsewhere/")], "provider_misconfigured", "refused"),
        ([b"SSH-2.0-OpenSSH\r\n\r\n"], "provider_protocol", "ambiguous"),
    ],
)
def test_how_an_attempt_fails(steps: list[bytes], code: str, failure: str) -> None:
    async def main() -> None:
        here = world(Script(steps))
        await here.exchange().run()
        assert (here.error.code, here.failure) == (code, failure)
        assert here.error.billed_maybe == (failure == "ambiguous")

    trio.run(main)


def test_no_connection_is_never_sent() -> None:
    async def main() -> None:
        here = world()
        await here.exchange().run()
        assert (here.error.code, here.failure) == ("provider_unreachable", "never_sent")
        assert not any(isinstance(frame, wire.Sent) for frame in here.outlet.frames)

    trio.run(main)


def test_an_error_in_the_stream_before_content_is_a_clean_refusal() -> None:
    async def main() -> None:
        bad = chunk('data: {"error":{"message":"overloaded","type":"overloaded_error","code":503}}\n\n')
        here = world(Script([HEAD, bad + LAST]))
        await here.exchange().run()
        assert here.failure == "refused"
        assert not any(isinstance(frame, wire.Event) for frame in here.outlet.frames)

    trio.run(main)


def test_a_reset_behind_the_protocols_own_end_harms_nothing() -> None:
    async def main() -> None:
        here = world(Script([HEAD, text("x"), FINISH + DONE, RESET]))
        await here.exchange().run()
        assert isinstance(here.last, wire.End)

    trio.run(main)


def test_a_request_that_is_no_request_is_final() -> None:
    async def main() -> None:
        here = world()
        for body in (b"\xc1", msgpack.packb({"messages": 3}), msgpack.packb({"messages": []})):
            await Exchange(here.worker, wire.Open(id=7, body=body)).run()
            assert (here.error.code, here.failure) == ("bad_request", "final")

    trio.run(main)


def test_silence_before_the_first_event_ends_at_its_limit() -> None:
    async def main() -> None:
        here = world(Script([HEAD, chunk(": keep-alive\n\n"), Wait()]))
        await here.exchange().run()
        assert (here.error.code, here.failure) == ("provider_timeout", "ambiguous")
        assert "first event" in here.error.message

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_keep_alive_is_no_progress_between_events_either() -> None:
    async def main() -> None:
        here = world(Script([HEAD, text("x"), chunk(": keep-alive\n\n"), Wait()]), idle_s=30.0)
        started = trio.current_time()
        await here.exchange().run()
        assert (here.error.code, here.failure) == ("provider_timeout", "ambiguous")
        assert trio.current_time() - started == 30.0

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.parametrize(("profile", "told"), [(OLLAMA, ["loading"]), (GENERIC, [])])
def test_a_local_model_that_loads_is_told_once_and_is_no_failure(profile: Profile, told: list[str]) -> None:
    async def main() -> None:
        here = world(Script([HEAD, Wait()]), profile=profile, first_event_s=None)
        exchange = here.exchange(deadline_s=550.0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(exchange.run)
            await trio.testing.wait_all_tasks_blocked()
            exchange.on_beat()
            assert here.said() == []
            for _ in range(3):
                await trio.sleep(LOADING_AFTER_S)
                exchange.on_beat()
            codes = [event.code for event in here.said() if isinstance(event, events.Notice)]
            assert codes == told
            assert [frame.committed for frame in here.outlet.frames if isinstance(frame, wire.Event)] == [False] * len(
                told
            )
            await trio.sleep(100.0)
            assert not isinstance(here.last, wire.Error)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_cancelled_attempt_says_so_and_closes_its_connection() -> None:
    async def main() -> None:
        here = world(Script([HEAD, text("x"), Wait()]))
        exchange = here.exchange()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(exchange.run)
            await trio.testing.wait_all_tasks_blocked()
            exchange.scope.cancel()
        assert (here.error.code, here.failure) == ("cancelled", "ambiguous")
        assert here.network.streams[0].closed == "abort"

    trio.run(main)


def test_an_attempt_cancelled_before_it_was_sent_cost_nothing() -> None:
    async def main() -> None:
        here = world(Script(connect_wait=Wait()))
        exchange = here.exchange()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(exchange.run)
            await trio.testing.wait_all_tasks_blocked()
            exchange.scope.cancel()
        assert (here.error.code, here.failure) == ("cancelled", "never_sent")

    trio.run(main)


def test_a_paused_attempt_reads_no_more_and_its_clock_stands_still() -> None:
    async def main() -> None:
        more = trio.Event()
        here = world(Script([HEAD, text("a"), Wait(more), text("b"), text("c"), FINISH + DONE + LAST]), idle_s=30.0)
        exchange = here.exchange()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(exchange.run)
            await trio.testing.wait_all_tasks_blocked()
            exchange.pause()
            more.set()
            await trio.testing.wait_all_tasks_blocked()
            count = len(here.outlet.frames)
            await trio.sleep(300.0)
            assert len(here.outlet.frames) == count
            exchange.resume()
        assert isinstance(here.last, wire.End)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=1))


def test_the_calls_deadline_ends_the_attempt() -> None:
    async def main() -> None:
        here = world(Script([HEAD, Wait()]))
        await here.exchange(deadline_s=5.0).run()
        assert here.error.code == "deadline_exceeded"
        assert trio.current_time() == pytest.approx(5.0)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_rate_limit_cools_the_worker_and_the_next_call_is_refused_without_asking() -> None:
    async def main() -> None:
        refusal = json_answer(429, '{"error":{"message":"slow","code":"rate_limit_exceeded"}}', "retry-after: 30")
        here = world(Script([refusal]))
        await here.exchange().run()
        assert here.changes
        assert here.changes[0] == pytest.approx(time.time() + 30, abs=2)
        await here.exchange().run()
        assert (here.error.code, here.failure) == ("rate_limited", "never_sent")
        assert len(here.network.streams) == 1

    trio.run(main)
