"""A key that operators type is nowhere but in the vault: not printed, not logged, not with processes, in no file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.running import Gateway, Kruxos
from tests.cli.upstream import Upstream

pytestmark = pytest.mark.real

CANARY = "sk-canary-9f8e7d6c5b4a-0123456789"
MODELS = """\
providers:
  by-hand:
    type: openai
    base_url: {root}/v1
    model: gpt-4o
  pasted:
    type: openai
    base_url: {root}/v1
    model: gpt-4o
    api_key: sk-pasted-{canary}
"""


def seen_by_others(pid: int) -> bytes:
    """What any process of this user can read of another: its words and its environment."""
    seen = b""
    for name in ("cmdline", "environ"):
        try:
            seen += Path(f"/proc/{pid}/{name}").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return seen


def family(pid: int) -> list[int]:
    """A process and all that come from it."""
    found = [pid]
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = each.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            found += family(int(each.parent.name))
    return found


def files_with(root: Path, text: str) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="a test of Linux' /proc")
def test_the_canary_sings_nowhere(serving: Callable[[str], tuple[Kruxos, Gateway]], upstream: Upstream) -> None:
    kruxos, gateway = serving(MODELS.format(root=upstream.root, canary=CANARY))
    kruxos("status")
    kruxos.well("vault", "import")
    kruxos.well("vault", "add", "model-provider:by-hand", "api-key", stdin=f"{CANARY}-rejected\n")
    gateway.wait_ready("by-hand", "pasted")
    assert kruxos("model", "test", "by-hand").code == 1
    assert kruxos("model", "test", "pasted").code == 0
    with kruxos.at_terminal(
        "model", "add", "openai", "--name", "typed", "--endpoint", f"{upstream.root}/v1", "--model", "gpt-4o"
    ) as terminal:
        terminal.wait_for("API key:")
        terminal.type(f"{CANARY}-typed\n")
        terminal.wait_for("Added typed")
        assert CANARY.encode() not in seen_by_others(terminal.process.pid)
        assert terminal.end() == 0
    gateway.wait_ready("typed")
    kruxos.well("chat", "--provider", "typed", "hello")
    assert upstream.seen[-1][1] == f"{CANARY}-typed"  # it does go where it should
    token = re.findall("Token: (.*)", kruxos.well("agent", "create", "--name", "bot"))[0]
    kruxos.well("chat", "--agent", "bot", "--provider", "typed", "hello", KRUXOS_AGENT_TOKEN=token)
    kruxos("vault", "add", "model-provider:by-hand", "api-key", CANARY)
    for words in (["status"], ["status", "--json"], ["model", "list", "--json"], ["vault", "list", "--json"],
                  ["worker", "list", "--json"], ["usage", "--json"], ["agent", "list", "--json"]):  # fmt: skip
        kruxos(*words)

    assert [text for text in kruxos.outputs if CANARY in text] == []
    assert CANARY not in gateway.log
    assert files_with(kruxos.root, CANARY) == []
    assert files_with(kruxos.root, token) == []
    processes = family(gateway.pid)
    assert len(processes) >= 4  # the gateway, its launcher, and workers
    assert [pid for pid in processes if CANARY.encode() in seen_by_others(pid)] == []
    assert os.getpid() not in processes
