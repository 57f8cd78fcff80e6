"""The web process over its life: when it runs, what ends it, and what brings it back."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.service.running import Installation, kill, until, wait_gone
from tests.web.running import free_port, wait_web

pytestmark = pytest.mark.real

NOTHING = "providers:\n"


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation.make(tmp_path_factory.mktemp("k"), NOTHING)
    yield made
    made.stop()


def asks(address: str, path: str = "/v1/models") -> int:
    return httpx.get(address + path, trust_env=False).status_code


def test_it_is_off_until_somebody_wants_it(own: Installation) -> None:
    own.start()
    assert own.status()["web"]["state"] == "off"
    assert own.status()["web"]["pid"] is None


def test_the_dashboard_starts_it_on_a_default_install_with_its_doors_closed(own: Installation) -> None:
    own.start()
    started = own.control("web.start")
    assert started["state"] == "ready"
    assert not started["doors"]
    assert started["socket"] is None
    assert asks(started["address"]) == 404
    assert own.control("web.start")["pid"] == started["pid"]


def test_models_yaml_opens_and_closes_it_while_the_gateway_runs(own: Installation) -> None:
    own.start()
    port = free_port()
    own.kruxos.write_models(f"{NOTHING}http:\n  port: {port}\n")
    web = wait_web(own)
    assert web["address"] == f"http://127.0.0.1:{port}"
    assert web["doors"]
    assert asks(web["address"]) == 401
    assert Path(web["socket"]).stat().st_mode & 0o777 == 0o600
    own.kruxos.write_models(f"{NOTHING}http:\n  enabled: false\n  port: {port}\n")
    until(lambda: own.status()["web"]["state"] == "off", "a closed web process")
    assert wait_gone(web["pid"])


def test_killed_it_comes_back(own: Installation) -> None:
    own.kruxos.write_models(f"{NOTHING}http:\n  port: {free_port()}\n")
    own.start()
    first = wait_web(own)["pid"]
    kill(first)
    assert wait_gone(first)
    until(lambda: wait_web(own)["pid"] != first, "another web process")
    again = wait_web(own)
    assert again["restarts"] == 1
    assert asks(again["address"]) == 401


def test_it_dies_with_the_supervisor(own: Installation) -> None:
    own.kruxos.write_models(f"{NOTHING}http:\n  port: {free_port()}\n")
    daemon = own.start()
    pid = wait_web(own)["pid"]
    os.kill(daemon.pid, signal.SIGKILL)
    assert wait_gone(pid)


def test_a_port_that_is_taken_is_told_and_tried_again(own: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        own.kruxos.write_models(f"{NOTHING}http:\n  port: {port}\n")
        own.start()

        def reason() -> str:
            return str(own.status()["web"]["reason"])

        until(reason, "a reason")
        assert f"port {port}" in reason()
    assert wait_web(own)["address"].endswith(f":{port}")


def test_the_dashboard_takes_another_port_where_the_usual_one_is_taken(own: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        own.kruxos.write_models(f"{NOTHING}http:\n  enabled: false\n  port: {port}\n")
        own.start()
        assert not own.control("web.start")["address"].endswith(f":{port}")


def test_nothing_but_a_plain_word_in_models_yaml_opens_it_to_the_network(own: Installation) -> None:
    own.kruxos.write_models(f"{NOTHING}http:\n  host: 0.0.0.0\n")
    own.start()
    until(lambda: "clear text" in own.status()["config_problem"], "the problem")
    assert own.status()["web"]["state"] == "off"


def test_status_and_worker_list_show_it(own: Installation) -> None:
    own.kruxos.write_models(f"{NOTHING}http:\n  port: {free_port()}\n")
    own.start()
    address = wait_web(own)["address"]
    assert address in own.kruxos.well("status")
    assert address in own.kruxos.well("worker", "list")


@pytest.mark.parametrize("words", ["192.0.2.1:80", "0.0.0.0:7800", "127.0.0.1:70000", "nonsense"])
def test_the_command_line_takes_an_address_of_this_machine_alone(own: Installation, words: str) -> None:
    done = own.kruxos("serve", "--http", words)
    assert done.code == 2
    assert "this machine" in done.said
