"""Stopping in good order and at once; changes of models.yaml while calls are under way."""

from __future__ import annotations

import signal

import pytest

from kruxos import Reply
from kruxos.client import BlockingEventStream
from kruxos.errors import ConnectionLostError, DrainingError, KruxosError
from tests.service.running import Installation, Simulator, until, wait_gone

pytestmark = pytest.mark.real

SLOW = "Go on [[simulate silence where=middle after=3 seconds=0.6]]"
FOREVER = "Go on [[simulate silence where=middle after=3]]"


def rest(events: BlockingEventStream) -> Reply:
    for _ in events:
        pass
    return events.reply()


def test_asked_to_stop_it_finishes_what_it_has_and_takes_nothing_new(own: Installation) -> None:
    with own.serving() as daemon, own.client() as client, own.client() as late:
        own.store_keys(["claude"])
        late.chat("Hello", provider="claude")
        with client.stream(SLOW, provider="claude") as events:
            next(events)
            daemon.send_signal(signal.SIGTERM)
            daemon.wait_log("stopping: 1 calls under way")
            with pytest.raises(DrainingError) as caught:
                late.chat("Hello", provider="claude")
            assert caught.value.retryable
            with own.client() as stranger, pytest.raises(DrainingError):
                stranger.chat("Hello", provider="claude")
            assert rest(events).finish_reason == "stop"
        assert daemon.wait_end() == 0
        assert not (own.kruxos.root / "run" / "agents" / "agent.sock").exists()


def test_asked_a_second_time_it_stops_now(own: Installation) -> None:
    with own.serving() as daemon, own.client() as client:
        own.store_keys(["claude"])
        pids = own.workers().values()
        with client.stream(FOREVER, provider="claude") as events:
            next(events)
            daemon.send_signal(signal.SIGTERM)
            daemon.wait_log("stopping: 1 calls under way")
            daemon.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionLostError) as caught:
                rest(events)
            assert caught.value.billed_maybe
        assert daemon.wait_end() == 130
        assert [pid for pid in pids if not wait_gone(pid, 1.0)] == []
    with own.serving(), own.client() as client:
        own.wait_ready("claude")
        assert client.chat("Hello", provider="claude").text


def test_a_client_finds_the_gateway_again_and_asks_nothing_twice(own: Installation, simulator: Simulator) -> None:
    before = simulator.counts().get("claude-sonnet-4-6", 0)
    with own.client() as client:
        with own.serving() as daemon:
            own.store_keys(["claude"])
            with client.stream(FOREVER, provider="claude") as events:
                next(events)
                daemon.send_signal(signal.SIGKILL)
                with pytest.raises(ConnectionLostError):
                    rest(events)
        with own.serving():
            own.wait_ready("claude")
            assert simulator.counts()["claude-sonnet-4-6"] == before + 1
            assert client.chat("Hello", provider="claude").text
    assert simulator.counts()["claude-sonnet-4-6"] == before + 2


def test_providers_come_change_and_go_without_a_cut_for_the_others(own: Installation, simulator: Simulator) -> None:
    with own.serving(), own.client() as client:
        own.store_keys(["claude", "gpt", "spare", "victim"])
        pids = own.workers()
        with client.stream(SLOW, provider="claude") as kept, client.stream(SLOW, provider="gpt") as changed:
            next(kept)
            next(changed)
            own.control(
                "model.add", type="openai", name="added", base_url=f"{simulator.root}/v1", model="gpt-5",
                auth="api_key", api_key="a-made-up-key",
            )  # fmt: skip
            own.wait_ready("added")
            assert client.chat("Hello", provider="added").provider == "added"
            own.control("model.remove", name="victim")
            own.kruxos.write_models((own.kruxos.root / "models.yaml").read_text().replace("gpt-4o", "gpt-5.4"))
            own.control("model.disable", name="spare")  # puts the file in force as it stands
            until(lambda: own.worker("gpt")["pid"] != pids["gpt"], "the changed provider's new worker")
            assert own.worker("gpt")["draining"] == 1
            assert client.chat("Hello", provider="gpt").model == "gpt-5.4"
            assert (rest(kept).provider, rest(changed).model) == ("claude", "gpt-4o")
        now = own.workers()
        assert now["claude"] == pids["claude"]
        assert {"victim", "spare"} & now.keys() == set()
        assert wait_gone(pids["victim"])
        assert wait_gone(pids["spare"])
        assert wait_gone(pids["gpt"]), "the old worker goes once its call is over"


def test_a_removed_providers_calls_are_cut_and_disabled_ones_finish(own: Installation) -> None:
    with own.serving(), own.client() as client:
        own.store_keys(["claude", "gpt"])
        with client.stream(FOREVER, provider="claude") as cut, client.stream(SLOW, provider="gpt") as finishing:
            next(cut)
            next(finishing)
            own.control("model.disable", name="gpt")
            own.control("model.remove", name="claude")
            with pytest.raises(KruxosError) as caught:
                rest(cut)
            assert caught.value.code == "worker_lost"
            assert rest(finishing).finish_reason == "stop"


def test_a_file_that_cannot_be_used_changes_nothing(own: Installation) -> None:
    with own.serving(), own.client() as client:
        own.store_keys(["claude"])
        pids = own.workers()
        good = (own.kruxos.root / "models.yaml").read_text()
        own.kruxos.write_models(good + "nonsense: true\n")
        with pytest.raises(KruxosError) as caught:
            own.control("model.disable", name="spare")
        assert caught.value.code == "refused"
        assert "nonsense" in str(caught.value)
        assert own.workers() == pids
        assert client.chat("Hello", provider="claude").text


def test_a_file_that_was_saved_is_taken_up(own: Installation) -> None:
    with own.serving() as daemon, own.client() as client:
        own.store_keys(["claude", "gpt"])
        pids = own.workers()
        text = (own.kruxos.root / "models.yaml").read_text()
        own.kruxos.write_models(text.replace("gpt-4o", "gpt-5.4"))
        daemon.wait_log("models.yaml in force: changed gpt")
        until(lambda: own.workers().get("gpt", pids["gpt"]) != pids["gpt"], "the changed provider's new worker")
        assert own.workers()["claude"] == pids["claude"]
        assert client.chat("Hello", provider="gpt").model == "gpt-5.4"
