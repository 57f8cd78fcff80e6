"""Keys and prompts are found nowhere but where they belong, through crashes and refusals that quote them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import msgpack
import pytest

from kruxos import wire
from kruxos.errors import KruxosError
from tests.service import canary
from tests.service.raw import RawSession
from tests.service.replaying import Replaying, replaying
from tests.service.running import Installation, kill, until, wait_gone

pytestmark = pytest.mark.real

KEY = "sk-canary-7f3a9c51d2e84b06-aviary"
PROMPT = "the-prompt-canary-91c4e7"
ANSWER_BODY = msgpack.packb({"messages": [{"role": "user", "content": PROMPT}]})


@pytest.fixture(scope="module")
def upstream() -> Iterator[Replaying]:
    with replaying({}) as server:
        yield server


@pytest.fixture
def rough(own: Installation, upstream: Replaying) -> Installation:
    """An installation with a provider whose refusals quote the request with its key."""
    text = (own.kruxos.root / "models.yaml").read_text()
    more = "providers:\n"
    for name, kind, root in (("echo-a", "anthropic", upstream.root), ("echo-o", "openai", f"{upstream.root}/v1")):
        more += f"  {name}:\n    type: {kind}\n    base_url: {root}\n    model: gpt-5\n"
    own.kruxos.write_models(text.replace("providers:\n", more, 1))
    return own


def a_rough_run(installation: Installation) -> bytes:
    """Answers, refusals, a cut stream, killed workers and a killed launcher; all bytes that an agent received."""
    installation.store_keys(["claude", "gpt", "victim", "echo-a", "echo-o"], KEY)
    session = RawSession(installation.kruxos.root)
    number = 0
    for provider in ("claude", "gpt", "echo-a", "echo-o", "victim"):
        number += 1
        session.send(wire.Open(id=number, body=ANSWER_BODY, provider=provider, stream=True, fallback="none"))
        assert session.last_frame(number) is not None
    kill(installation.status()["launcher_pid"])
    hanging = msgpack.packb({"messages": [{"role": "user", "content": f"{PROMPT} [[simulate silence where=middle]]"}]})
    for provider in ("victim", "claude"):
        number += 1
        installation.wait_ready(provider)
        session.send(wire.Open(id=number, body=hanging, provider=provider, stream=True, fallback="none"))
        assert isinstance(session.next_frame(), wire.Event)
        pid = installation.workers()[provider]
        kill(pid)
        assert wait_gone(pid)
        assert isinstance(session.last_frame(number), wire.Error)
    with suppress(KruxosError):
        installation.control("model.test", name="echo-o")
    session.close()
    return bytes(session.received)


def test_the_scan_itself_finds_what_is_there() -> None:
    for name, form in canary.forms(KEY).items():
        found = list(canary.in_bytes([KEY], "here", b"x" * 7 + form + b"y"))
        assert any(f"({name})" in each for each in found), name
    script = "import sys; sys.stdin.read()"
    environment = {"PATH": os.environ["PATH"], "OOPS": KEY}
    with subprocess.Popen([sys.executable, "-c", script, KEY], stdin=subprocess.PIPE, env=environment) as process:
        until(lambda: len(list(canary.in_processes([KEY]))) >= 2, "command line and environment")
        process.kill()


def test_keys_and_prompts_are_nowhere(rough: Installation) -> None:
    with rough.serving() as daemon:
        received = a_rough_run(rough)
        found = list(canary.in_processes([KEY, PROMPT]))
        told = repr(rough.status()) + rough.kruxos.well("status") + rough.kruxos.well("status", "--json")
        told += rough.kruxos.well("usage") + rough.kruxos.well("vault", "list") + rough.kruxos.well("model", "list")
        assert rough.worker("victim")["restarts"] >= 1
    found += canary.in_bytes([KEY, PROMPT], "status and commands", told.encode())
    found += canary.in_bytes([KEY], "what an agent received", received)
    found += canary.in_bytes([KEY, PROMPT], "standard error", daemon.log.encode())
    found += canary.in_files([KEY, PROMPT], rough.kruxos.root)
    assert found == []
    assert b"invalid_credentials" in received, "the refusals that quote the key did come"
    assert any((rough.kruxos.root / "logs").iterdir())


def test_secrets_are_sealed_at_rest(own: Installation) -> None:
    with own.serving():
        own.store_keys(["claude"], KEY)
    assert list(canary.in_files([KEY], own.kruxos.root, but=())) == []
