"""As the first process of a container, and beside agents of another one; what an engine would do, without one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from kruxos.cli.main import NOUNS, parser_of
from tests.cli.running import COMMAND, ROOT, WITHIN_S, Gateway, Kruxos
from tests.cli.upstream import running_upstream

CONTAINER = ROOT / "docs/container"
NAMESPACE = ["unshare", "-r", "-p", "-f", "--mount-proc", "--kill-child=SIGKILL"]
PAUSE_S = 0.05
MINE = """\
providers:
  mine:
    type: openai
    base_url: {root}/v1
    auth: none
    model: m
defaults:
  chat: mine
"""


def may_unshare() -> bool:
    return (
        sys.platform == "linux"
        and not subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode
    )


needs_namespaces = pytest.mark.skipif(not may_unshare(), reason="this system gives no process namespace")


@contextmanager
def first_process(kruxos: Kruxos) -> Generator[tuple[subprocess.Popen[str], int]]:
    """`kruxos serve` as process 1 beside somebody's orphan: who holds its namespace, and its pid as seen from here."""
    script = f'(sleep 1000 &) ; exec "{sys.executable}" -m kruxos.cli serve'
    holder = subprocess.Popen(
        [*NAMESPACE, "sh", "-c", script], env=kruxos.environment(), stderr=subprocess.PIPE, text=True
    )
    try:
        assert holder.stderr is not None
        assert any("listening at" in line for line in holder.stderr)
        (pid,) = children(holder.pid)
        yield holder, pid
    finally:
        holder.kill()
        holder.communicate()


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


@pytest.mark.real
@needs_namespaces
def test_as_process_one_it_reaps_orphans_and_stops_when_it_is_told_to(kruxos: Kruxos) -> None:
    with first_process(kruxos) as (holder, pid):
        (orphan,) = [each for each in children(pid) if name_of(each) == "sleep"]
        os.kill(orphan, signal.SIGKILL)
        for _ in range(round(WITHIN_S / PAUSE_S)):
            if not Path(f"/proc/{orphan}").exists():
                break
            with pytest.raises(subprocess.TimeoutExpired):  # the gateway goes on meanwhile
                holder.wait(PAUSE_S)
        assert orphan not in children(pid)
        os.kill(pid, signal.SIGTERM)
        assert holder.wait(WITHIN_S) == 0


@pytest.mark.real
@needs_namespaces
def test_an_agent_of_another_process_namespace_is_answered(kruxos: Kruxos) -> None:
    with running_upstream() as upstream:
        kruxos.write_models(MINE.format(root=upstream.root))
        with Gateway(kruxos) as gateway:
            gateway.wait_ready("mine")
            words = [*COMMAND, "chat", "--agent", "code-bot", "hello"]
            done = subprocess.run(
                ["unshare", "-r", "-p", "-f", "--mount-proc", *words],
                env=kruxos.environment(), capture_output=True, text=True, timeout=WITHIN_S, check=False,
            )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "Ready and waiting.\n"), done.stderr


def test_the_image_runs_as_nobody_special_and_its_health_is_what_verify_says() -> None:
    lines = (CONTAINER / "Dockerfile").read_text().splitlines()
    user = [line for line in lines if line.startswith("USER ")][-1]
    assert not re.match(r"USER (0|root)\b", user)
    (health,) = [line.partition(" CMD ")[2] for line in lines if line.startswith("HEALTHCHECK")]
    noun, *options = yaml.safe_load(health)[1:]
    assert noun in NOUNS
    known = {option for action in parser_of(noun).commands[noun].actions for option in action.option_strings}
    assert set(options) <= known
    assert 'ENTRYPOINT ["kruxos"]' in lines


def test_the_compose_file_shares_the_agents_sockets_and_nothing_else() -> None:
    compose = yaml.safe_load((CONTAINER / "compose.yaml").read_text())
    gateway, agent = (compose["services"][name]["volumes"] for name in ("gateway", "agent"))
    assert set(agent) <= set(gateway)
    assert agent == ["agents:/data/kruxos/run/agents"]
    assert "environment" not in str(compose["services"])


@pytest.mark.real
def test_the_key_goes_from_its_file_to_the_vault_once(kruxos: Kruxos, tmp_path: Path) -> None:
    compose = yaml.safe_load((CONTAINER / "compose.yaml").read_text())
    (command,) = compose["services"]["provision"]["command"]
    secret = tmp_path / "anthropic-key"
    secret.write_text("sk-made-up-0123456789abcdef\n")
    program = tmp_path / "kruxos"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kruxos.cli "$@"\n')
    program.chmod(0o755)
    line = command.replace("/run/secrets/anthropic-key", str(secret))
    environment = kruxos.environment(PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    said = [
        subprocess.run(["sh", "-c", line], env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert said[0].startswith("Added anthropic: ")
    assert said[1] == ""
