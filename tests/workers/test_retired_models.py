"""A model that its provider no longer has: what goes out in its place, what is told, and what it costs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgpack
import pytest
import trio
import trio.testing

from kruxos import events, wire
from kruxos.codec import encode_request
from kruxos.dialects.profiles import ANTHROPIC, DEEPSEEK, GROK, GROQ, Profile
from kruxos.errors import ModelNotFoundError
from kruxos.messages import Message, Native, Request
from kruxos_workers.exchange import Exchange
from kruxos_workers.http.scripted import Script, Wait
from tests.workers.test_exchange import HEAD, LAST, World, json_answer, world

TODAY = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()  # a Sunday: no peak prices


def completion(model: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000, "total_tokens": 2_000_000}
    return json_answer(200, json.dumps({"id": "c", "model": model, "choices": [choice], "usage": usage}))


def asked(
    profile: Profile, model: str, *, answers_as: str = "", origin: str = "", at: float = TODAY, **more: Any
) -> World:
    """One call that is not streamed, at the provider's own host unless another origin is given."""

    async def main() -> World:
        script = Script([completion(answers_as or model)])
        here = world(script, profile=profile, origin=origin or profile.name, model=model, **more)
        here.worker.now = lambda: at
        await here.exchange(stream=False).run()
        return here

    found: list[World] = []

    async def run() -> None:
        found.append(await main())

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
    return found[0]


def body_of(here: World) -> dict[str, Any]:
    written = bytes(here.network.streams[0].sent)
    return dict(json.loads(written.partition(b"\r\n\r\n")[2]))


def notices_of(here: World) -> list[events.Notice]:
    return [event for event in here.said() if isinstance(event, events.Notice)]


def test_a_retired_model_is_sent_as_its_successor_told_and_billed_as_that() -> None:
    here = asked(GROK, "grok-4", answers_as="grok-4.3")
    assert body_of(here)["model"] == "grok-4.3"
    (notice,) = notices_of(here)
    assert notice.code == "model_replaced"
    assert notice.data == {
        "old": "grok-4", "new": "grok-4.3", "why": "is retired since 2026-05-15", "since": "2026-05-15",
    }  # fmt: skip
    assert isinstance(here.last, wire.End)
    assert here.last.model == "grok-4.3"
    assert (here.last.cost["row"], here.last.cost["total"]) == ("grok/grok-4.3", "7.5")


def test_an_answer_that_still_names_the_old_model_is_billed_as_the_one_that_gave_it() -> None:
    here = asked(GROK, "grok-4")
    assert isinstance(here.last, wire.End)
    assert here.last.cost["row"] == "grok/grok-4.3"


def test_an_id_that_never_was_a_models_says_so() -> None:
    (notice,) = [each for each in notices_of(asked(GROQ, "llama-3.3-8b-instant")) if each.code == "model_replaced"]
    assert notice.data["new"] == "openai/gpt-oss-20b"
    assert notice.data["since"] is None
    assert "never was" in notice.message


def test_a_day_of_retirement_that_is_still_to_come_changes_nothing_until_then() -> None:
    for day, sent in ((29, "claude-sonnet-4-5-20250929"), (30, "claude-sonnet-4-6")):
        here = asked(ANTHROPIC, "claude-sonnet-4-5-20250929", at=datetime(2026, 11, day, tzinfo=UTC).timestamp())
        assert body_of(here)["model"] == sent


def test_another_host_gets_the_id_as_it_is() -> None:
    here = asked(DEEPSEEK, "deepseek-chat", origin="deepseek@proxy.example")
    assert body_of(here)["model"] == "deepseek-chat"
    assert notices_of(here) == []


def test_where_retired_models_are_refused_the_error_names_the_successor() -> None:
    here = asked(DEEPSEEK, "deepseek-chat", refuses_retired=True)
    assert isinstance(here.error, ModelNotFoundError)
    assert "deepseek-chat is retired since 2026-07-24; use deepseek-flash" in here.error.message
    assert here.failure == "never_sent"
    assert here.network.streams == []


def test_a_model_that_the_operator_states_a_row_for_is_sent_and_priced_as_stated() -> None:
    here = asked(DEEPSEEK, "deepseek-chat", stated={"deepseek-chat": {"prices": {"input": "0.1", "output": "0.25"}}})
    assert body_of(here)["model"] == "deepseek-chat"
    assert isinstance(here.last, wire.End)
    assert (here.last.cost["total"], here.last.cost["rates"]) == ("0.35", "base")


def test_an_unknown_model_of_any_host_can_be_given_prices() -> None:
    here = asked(GROQ, "my/model", origin="groq@other", stated={"my/model": {"prices": {"input": "1", "output": "2"}}})
    assert isinstance(here.last, wire.End)
    assert here.last.cost["total"] == "3"


@pytest.mark.parametrize(("model", "limit_s"), [("deepseek-flash", 600.0), ("unknown", 120.0)])
def test_a_model_that_takes_long_for_its_first_word_is_given_the_time(model: str, limit_s: float) -> None:
    async def main() -> None:
        never = Wait()
        here = world(Script([HEAD, never, LAST]), profile=DEEPSEEK, origin="deepseek", model=model, first_event_s=None)
        began = trio.current_time()
        await here.exchange().run()
        assert here.error.code == "provider_timeout"
        assert trio.current_time() - began == pytest.approx(limit_s, abs=1.0)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.parametrize(
    ("model", "wishes", "thinking"),
    [
        ("deepseek-chat", {}, {"type": "disabled"}),
        ("deepseek-reasoner", {}, {"type": "enabled"}),
        ("deepseek-chat", {"thinking_effort": "low"}, {"type": "enabled"}),
        ("deepseek-chat", {"native": Native("openai-chat", b'{"messages": []}')}, {"type": "disabled"}),
        (
            "deepseek-chat",
            {"native": Native("openai-chat", b'{"messages": [], "thinking": {"type": "enabled"}}')},
            {"type": "enabled"},
        ),
    ],
)
def test_a_successor_does_what_the_old_model_did_unless_the_agent_says_otherwise(
    model: str, wishes: dict[str, Any], thinking: dict[str, str]
) -> None:
    body = msgpack.packb(encode_request(Request([Message.of("user", "hi")], **wishes)))
    found: list[World] = []

    async def main() -> None:
        here = world(Script([completion(model)]), profile=DEEPSEEK, origin="deepseek", model=model)
        here.worker.now = lambda: TODAY
        await Exchange(here.worker, wire.Open(id=7, body=body, stream=False)).run()
        found.append(here)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    sent = body_of(found[0])
    assert (sent["model"], sent["thinking"]) == ("deepseek-flash", thinking)
