"""call.list and log.read: what ended since, without content, and the last lines of a log."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kruxos.config.directory import DataDirectory
from kruxos.errors import BadRequestError, RefusedError
from kruxos.events import Usage
from kruxos.ledger.calls import Call
from kruxos.ledger.ledger import Ledger
from tests.operations.conftest import Direct, Live

SECRET = "the provider quotes a prompt"


def book(ledger: Ledger, *calls: Call) -> None:
    for call in calls:
        ledger.writer.append(call)


def a_call(number: int, agent: str = "a", provider: str = "p") -> Call:
    return Call(f"c{number}", float(number), agent, provider, "m", "answered", usage=Usage(1, 2, 3, 4))


class TestCalls:
    def test_they_come_in_the_order_in_which_they_ended_whenever_they_began(self, live: Live) -> None:
        book(live.context.ledger, a_call(5), a_call(3), a_call(4))
        assert [each["call_id"] for each in live("call.list")["calls"]] == ["c5", "c3", "c4"]
        assert [each["call_id"] for each in live("call.list", limit=1)["calls"]] == ["c4"]

    def test_the_cursor_brings_what_came_since_and_nothing_twice(self, live: Live) -> None:
        book(live.context.ledger, a_call(1), a_call(2, agent="b"))
        first = live("call.list", agent="a")
        assert live("call.list", after=first["cursor"])["calls"] == []
        book(live.context.ledger, a_call(0))
        second = live("call.list", after=first["cursor"])
        assert [each["call_id"] for each in second["calls"]] == ["c0"]

    def test_agent_provider_and_time_narrow_it_down(self, live: Live) -> None:
        book(live.context.ledger, a_call(1), a_call(2, agent="b"), a_call(3, provider="q"))

        def ids(**narrow: object) -> list[str]:
            return [each["call_id"] for each in live("call.list", **narrow)["calls"]]

        assert (ids(agent="b"), ids(provider="q"), ids(since=2.0)) == (["c2"], ["c3"], ["c2", "c3"])

    def test_a_step_has_its_numbers_and_no_texts(self, live: Live) -> None:
        attempts = [{"provider": "p", "model": "m", "outcome": "rate_limited", "message": SECRET, "elapsed_ms": 7}]
        call = Call(
            "c", 1.0, "a", "p", "m", "rate_limited", attempts=attempts, cost=Decimal("0.10"), currency="USD",
            raw_usage={"quoted": SECRET},
        )  # fmt: skip
        book(live.context.ledger, call)
        (shown,) = live("call.list")["calls"]
        assert shown["attempts"] == [{"provider": "p", "model": "m", "outcome": "rate_limited", "elapsed_ms": 7}]
        assert shown["cost"] == {"currency": "USD", "total": "0.10"}
        assert SECRET not in str(shown)

    def test_on_a_fresh_machine_there_are_none(self, direct: Direct) -> None:
        assert direct("call.list") == {"calls": [], "cursor": 0, "running": False}
        assert not direct.data.root.exists()

    @pytest.mark.parametrize("limit", [0, 1001, "x"])
    def test_a_limit_that_cannot_be_is_refused(self, direct: Direct, limit: object) -> None:
        with pytest.raises(BadRequestError):
            direct("call.list", limit=limit)


class TestFiles:
    def write(self, data: DataDirectory, name: str, text: str) -> None:
        data.create()
        (data.logs / name).write_text(text)

    def test_the_gateways_and_a_providers(self, direct: Direct) -> None:
        self.write(direct.data, "gateway.log", "a\nb\n")
        self.write(direct.data, "deepseek.log", "c\n")
        assert direct("log.read", lines=1)["lines"] == ["b"]
        found = direct("log.read", provider="deepseek")
        assert (found["lines"], found["offset"]) == (["c"], 2)

    @pytest.mark.parametrize("name", ["nobody", "../gateway", "/etc/passwd", "..", "a/b"])
    def test_what_is_no_log_is_refused(self, direct: Direct, name: str) -> None:
        self.write(direct.data, "gateway.log", "a\n")
        with pytest.raises(RefusedError, match="there is no log of"):
            direct("log.read", provider=name)
