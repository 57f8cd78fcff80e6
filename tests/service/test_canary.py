"""Keys and prompts are found nowhere but where they belong, through crashes and refusals that quote them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.service import canary
from tests.service.replaying import Replaying, replaying
from tests.service.rough import KEY, let_it_quote, rough_run
from tests.service.running import Installation, until

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def upstream() -> Iterator[Replaying]:
    with replaying({}) as server:
        yield server


def test_the_scan_itself_finds_what_is_there() -> None:
    for name, form in canary.forms(KEY).items():
        found = list(canary.in_bytes([KEY], "here", b"x" * 7 + form + b"y"))
        assert any(f"({name})" in each for each in found), name
    script = "import sys; sys.stdin.read()"
    environment = {"PATH": os.environ["PATH"], "OOPS": KEY}
    with subprocess.Popen([sys.executable, "-c", script, KEY], stdin=subprocess.PIPE, env=environment) as process:
        until(lambda: len(list(canary.in_processes([KEY]))) >= 2, "command line and environment")
        process.kill()


def test_keys_and_prompts_are_nowhere(own: Installation, upstream: Replaying) -> None:
    let_it_quote(own, upstream)
    seen = rough_run(own)
    assert seen.found == []
    assert "invalid_credentials" in seen.codes, "the refusals that quote the key did come"
    assert seen.codes.count("worker_lost") == 2
    assert any((own.kruxos.root / "logs").iterdir())


def test_secrets_are_sealed_at_rest(own: Installation) -> None:
    with own.serving():
        own.store_keys(["claude"], KEY)
    assert list(canary.in_files([KEY], own.kruxos.root, but=())) == []
