"""What goes on working in the cage."""

from __future__ import annotations

import os
import socket
import ssl
import sys
import threading
from pathlib import Path
from zoneinfo import TZPATH

import pytest

from kruxos.launcher.cage import landlock, syscalls
from tests.cage.conftest import Captive
from tests.workers.http.certificates import Authority

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(sys.platform != "linux", reason="the cage is Linux's"),
]


@pytest.mark.parametrize("name", ["tomllib", "encodings.idna", "sqlite3", "xml.dom.minidom", "h11"])
def test_modules_are_imported_late(caged: Captive, name: str) -> None:
    assert caged.need("import_late", name)


def test_a_traceback_shows_the_source(caged: Captive) -> None:
    assert 'raise ValueError("in the cage")' in caged.need("describe_failure")


def test_what_is_printed_goes_to_the_log(caged: Captive, log: Path) -> None:
    caged.need("log", "a line from the cage")
    assert "a line from the cage\n" in log.read_text()
    assert "and by descriptor\n" in log.read_text()


@pytest.mark.skipif(not any(Path(place, "Europe/Berlin").exists() for place in TZPATH), reason="no time zones here")
def test_time_zones_are_known(caged: Captive) -> None:
    assert caged.need("time_of_day", "Europe/Berlin") == 14


def test_there_is_chance(caged: Captive) -> None:
    assert caged.need("chance") == 32


def test_threads_run(caged: Captive) -> None:
    assert caged.need("count_threads", 40) == 40


def test_trio_runs_with_its_threads(caged: Captive) -> None:
    assert caged.need("run_trio") == [0, 1, 4]


def test_the_systems_certificates_are_read(caged: Captive) -> None:
    assert caged.need("trusted_certificates") > 50


def test_tls_is_spoken_to_the_provider(
    caged: Captive, listening: tuple[socket.socket, socket.socket], own_port: int, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    context = authority.server_context("localhost")
    server = threading.Thread(target=_say_hello, args=(listening[0], context))
    server.start()
    assert caged.need("talk_tls", own_port, authority.pem.decode()) == "hello"
    server.join(20)


def _say_hello(listener: socket.socket, context: ssl.SSLContext) -> None:
    plain, _ = listener.accept()
    with context.wrap_socket(plain, server_side=True) as secure:
        secure.sendall(b"hello")


def test_it_signals_itself(caged: Captive) -> None:
    assert caged.need("signal_itself")


def test_what_was_achieved_is_told(caged: Captive, free: Captive, own_port: int) -> None:
    assert free.isolation["level"] == "off"
    assert free.isolation["unreadable"] is True
    found = landlock.version()
    whole = found >= 4 and syscalls.this_machine() is not None
    assert (caged.isolation["level"] == "full") == whole
    assert caged.isolation["landlock_version"] == found
    assert caged.isolation["ports"] == ([own_port] if found >= 4 else None)
    if whole:
        assert caged.isolation["missing"] == []
        assert caged.isolation["system_calls"] == os.uname().machine
