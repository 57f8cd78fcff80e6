"""Each hostile provider costs its one attempt, told for what it was; its worker lives on, and the next call works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kruxos import BlockingClient, KruxosError
from kruxos.attempts import Attempt
from tests.hostile.behaviours import behaviours
from tests.hostile.serving import Providers, providers
from tests.service.running import Installation, until

pytestmark = pytest.mark.real

PEAK_BYTES_MAX = 256 * 1024 * 1024
"""What the worst of them may cost its worker, who holds 64 MiB of one answer at most."""
PROVIDER = """\
  {name}:
    type: openai
    base_url: http://127.0.0.1:{port}/v1
    model: m
    auth: {auth}
    time_limits: {{connect_s: 2, first_event_s: 1.0, idle_s: 0.7, call_s: 3}}
"""
KEY = "sk-hush-hush-hush"


@dataclass
class Scene:
    installation: Installation
    providers: Providers


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with providers() as made:
        keyed = [name for name in made.ports if name.startswith("redirect")]
        models = "".join(
            PROVIDER.format(name=name, port=port, auth="api_key" if name in keyed else "none")
            for name, port in made.ports.items()
        )
        installation = Installation.make(tmp_path_factory.mktemp("k"), f"providers:\n{models}")
        with installation.serving():
            installation.store_keys(keyed, KEY)
            installation.wait_ready(*made.ports)
            yield Scene(installation, made)


def attempts(client: BlockingClient, name: str, *, stream: bool, deadline_s: float | None) -> list[Attempt]:
    """One call; what was tried for it, and how that went."""
    try:
        if not stream:
            return client.chat("hi", provider=name, fallback="none", deadline_s=deadline_s).attempts
        with client.stream("hi", provider=name, fallback="none", deadline_s=deadline_s) as events:
            for _ in events:
                pass
            return events.reply().attempts
    except KruxosError as error:
        return error.attempts


def peak_bytes(pid: int) -> int:
    """The most memory that a process has held so far."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.parametrize("name", sorted(behaviours("")))
def test_it_is_told_for_what_it_is_and_does_no_harm(scene: Scene, name: str) -> None:
    hostile, installation = scene.providers.by_name[name], scene.installation
    installation.control("worker.start", provider=name)
    pid = installation.wait_worker(name, state="ready")["pid"]
    with installation.client() as client:
        tried = attempts(client, name, stream=hostile.stream, deadline_s=hostile.deadline_s)
        first = tried[0]
        assert (first.outcome, first.billed_maybe) == (hostile.outcome, hostile.billed_maybe), first.message
        assert first.message or first.outcome == "answered"
        assert KEY not in repr(tried)
        assert [each.outcome for each in tried[1:]] in ([], ["answered"]), "a clean no may be asked again, and is good"

        def is_well() -> bool:
            """At once, but for those who asked to be left alone for a moment."""
            return attempts(client, name, stream=hostile.stream, deadline_s=10.0)[-1].outcome == "answered"

        until(is_well, "a good answer")
    assert installation.workers()[name] == pid
    assert peak_bytes(pid) < PEAK_BYTES_MAX
    assert scene.providers.visitors == [], "nobody comes where a redirect points to"
    assert KEY not in installation.gateway.log
