"""A conversation that outgrows its model, in a running gateway: its summary is a row of its own, and is paid once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from kruxos.errors import ContextOverflowError
from kruxos.messages import Message
from tests.service.running import Installation, Simulator, until

MODELS = """\
providers:
  gpt:
    type: openai
    profile: openai
    base_url: {root}/v1
    model: gpt-4o
    catalog:
      gpt-4o: {{context: 8000}}
defaults:
  chat: gpt
"""
WORDS = "The file has a line that nobody understands, and the test fails because of it. " * 20


def history() -> list[Message]:
    said = [Message.of("system", "Be brief.")]
    for at in range(20):
        said += [Message.of("user", f"{at} {WORDS}"), Message.of("assistant", f"Yes, {at}. {WORDS}")]
    return [*said, Message.of("user", "And now?")]


@pytest.fixture
def home(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation.make(tmp_path_factory.mktemp("c"), MODELS.format(root=simulator.root))
    made.start()
    made.store_keys(("gpt",))
    try:
        yield made
    finally:
        made.stop()


def compacted(reply: Any) -> dict[str, Any]:
    data: dict[str, Any]
    (data,) = [notice.data for notice in reply.notices if notice.code == "compacted"]
    return data


def rows(home: Installation, call_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = home.control("call.list", agent="bot")["calls"]
    return [row for row in found if row["call_id"] == call_id]


def test_a_summary_is_booked_apart_and_outlives_its_worker_and_an_agent_may_switch_it_off(home: Installation) -> None:
    token = home.control("agent.create", name="bot", compaction="coder")["token"]
    with home.client("bot", token) as client:
        first = client.chat(messages=history())
        data = compacted(first)
        assert (data["first"], data["reused"], data["template"]) == (1, False, "coder")
        assert data["cost"]
        until(lambda: len(rows(home, first.call_id)) == 2, "both rows")
        booked = rows(home, first.call_id)
        assert sorted(row["op"] for row in booked) == ["chat", "summarise"]
        assert [row["op"] for row in booked if row["last"]] == ["chat"]
        assert compacted(client.chat(messages=history()))["reused"]
        home.control("worker.restart", provider="gpt")
        assert compacted(client.chat(messages=history()))["reused"]
        assert data["summary"] not in json.dumps(home.control("status"))
        home.control("agent.set_policy", name="bot", compaction="off")
        with pytest.raises(ContextOverflowError):
            client.chat(messages=history())
