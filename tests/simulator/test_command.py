"""The command: a process that tells its address in one line, serves, and ends when it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

from kruxos.cli import simulate
from kruxos.cli.parsing import Parser, Subparsers
from kruxos.errors import BadRequestError
from kruxos.simulator import command
from tests.simulator.support import messages

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 20
HEAVY = ("httpx", "pynng", "pydantic", "anyio", "cryptography", "yaml")


@contextmanager
def process(*options: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = subprocess.Popen(
        [sys.executable, "-m", "kruxos.simulator", "--port", "0", "--fast", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    try:
        assert started.stdout is not None
        yield started, started.stdout.readline().strip()
    finally:
        started.kill()
        started.communicate(timeout=PATIENCE_S)


def ask(url: str, body: Any) -> tuple[int, Any]:
    where = urlsplit(url)
    connection = HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE_S)
    try:
        headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
        connection.request("POST", "/v1/messages", json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@pytest.mark.real
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_tells_its_address_serves_and_ends_by_a_signal(number: signal.Signals) -> None:
    with process("--model", "my-model") as (started, url):
        assert url.startswith("http://127.0.0.1:")
        assert ask(url, messages(model="my-model"))[0] == 200
        started.send_signal(number)
        assert started.wait(PATIENCE_S) == 0
        assert started.stderr is not None
        assert started.stderr.read() == ""


@pytest.mark.real
def test_its_options_reach_the_answers(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps([{"text": "as written"}]))
    options = ("--script", str(script), "--fault", "529 times=1", "--key", "only", "--requests-per-minute", "2")
    with process(*options) as (_, url):
        assert ask(url, messages())[0] == 401
    with process(*options[:4]) as (_, url):
        assert ask(url, messages())[0] == 529
        assert ask(url, messages())[1]["content"][0]["text"] == "as written"


@pytest.mark.real
def test_what_can_not_be_ends_with_a_plain_word_and_status_2(tmp_path: Path) -> None:
    for options, says in (
        (("--fault", "flood"), "'flood' is no fault"),
        (("--script", str(tmp_path / "none.json")), "none.json"),
        (("--requests-per-minute", "0"), "at least 1"),
        (("--host", "192.0.2.1"), "address"),
    ):
        with process(*options) as (started, line):
            assert started.wait(PATIENCE_S) == 2
            assert line == ""
            assert started.stderr is not None
            said = started.stderr.read()
            assert says in said
            assert "Traceback" not in said


def test_it_is_a_command_of_kruxos() -> None:
    parser = Parser()
    simulate.add_parser(cast("Subparsers", parser.add_subparsers()))
    arguments = parser.parse_args(["simulate", "--port", "0", "--rate", "50"])
    assert command.settings_of(arguments).timing.tokens_per_s == 50
    with pytest.raises(BadRequestError, match="negative"):
        command.settings_of(parser.parse_args(["simulate", "--rate", "-1"]))


@pytest.mark.real
def test_importing_it_loads_nothing_heavy() -> None:
    code = f"import sys, kruxos.simulator.command; print([name for name in {HEAVY!r} if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert loaded.stdout.strip() == "[]"
