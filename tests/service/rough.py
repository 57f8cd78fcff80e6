"""A rough run: answers, refusals that quote the key, killed workers, a killed launcher; then the search for secrets."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import msgpack

from kruxos import wire
from kruxos.errors import KruxosError
from tests.service import canary
from tests.service.raw import RawSession
from tests.service.replaying import Replaying
from tests.service.running import Installation, kill, wait_gone

KEY = "sk-canary-7f3a9c51d2e84b06-aviary"
PROMPT = "the-prompt-canary-91c4e7"
KEYED = ("claude", "gpt", "victim", "echo-a", "echo-o")


@dataclass
class Seen:
    """What a run brought: the codes of its errors, and where secrets were found."""

    codes: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)


def let_it_quote(installation: Installation, upstream: Replaying) -> None:
    """Adds providers whose refusals quote the request with its key."""
    more = "providers:\n"
    for name, kind, root in (("echo-a", "anthropic", upstream.root), ("echo-o", "openai", f"{upstream.root}/v1")):
        more += f"  {name}:\n    type: {kind}\n    base_url: {root}\n    model: gpt-5\n"
    text = (installation.kruxos.root / "models.yaml").read_text()
    installation.kruxos.write_models(text.replace("providers:\n", more, 1))


def rough_run(installation: Installation) -> Seen:
    """The run, in a gateway that is started for it."""
    seen = Seen()
    with installation.serving() as daemon:
        installation.store_keys(KEYED, KEY)
        received = _calls(installation, seen)
        seen.found += canary.in_processes([KEY, PROMPT])
        told = repr(installation.status())
        for words in ("status", "status --json", "usage", "vault list", "model list"):
            told += installation.kruxos.well(*words.split())
    seen.found += canary.in_bytes([KEY, PROMPT], "status and commands", told.encode())
    seen.found += canary.in_bytes([KEY], "what an agent received", received)
    seen.found += canary.in_bytes([KEY, PROMPT], "standard error", daemon.log.encode())
    seen.found += canary.in_files([KEY, PROMPT], installation.kruxos.root)
    return seen


def _calls(installation: Installation, seen: Seen) -> bytes:
    """All bytes that an agent received."""
    session = RawSession(installation.kruxos.root)
    for number, provider in enumerate(("claude", "gpt", "victim", "echo-a", "echo-o"), 1):
        session.send(_open(number, provider, PROMPT))
        _note(session.last_frame(number), seen)
    kill(installation.status()["launcher_pid"])
    for number, provider in enumerate(("victim", "claude"), 11):
        session.send(_open(number, provider, f"{PROMPT} [[simulate silence where=middle]]"))
        assert isinstance(session.next_frame(), wire.Event)
        pid = installation.workers()[provider]
        kill(pid)
        assert wait_gone(pid)
        _note(session.last_frame(number), seen)
    with suppress(KruxosError):
        installation.control("model.test", name="echo-o")
    session.close()
    return bytes(session.received)


def _open(number: int, provider: str, prompt: str) -> wire.Open:
    body = msgpack.packb({"messages": [{"role": "user", "content": prompt}]})
    return wire.Open(id=number, body=body, provider=provider, stream=True, fallback="none")


def _note(frame: wire.End | wire.Error | None, seen: Seen) -> None:
    assert frame is not None
    if isinstance(frame, wire.Error):
        seen.codes.append(str(frame.error["code"]))
