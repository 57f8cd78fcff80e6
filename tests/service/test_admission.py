"""User mode and system mode: who may open which socket, with which mode, and as which agent."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kruxos.config.load import load
from kruxos.config.problems import SetupError
from kruxos.service.admission import Admission
from kruxos.transport import Peer
from tests.cli.running import Gateway, Kruxos
from tests.cli.upstream import running_upstream

OWNER = 4000
STRANGER = 3999

MODELS = """\
providers:
  mine: {{type: openai, base_url: "{root}/v1", auth: none, model: m}}
defaults: {{chat: mine}}
"""


def admission(text: str) -> Admission:
    return Admission.of(load(text), OWNER)


def test_in_user_mode_nobody_else_comes_in() -> None:
    user = admission("")
    assert (oct(user.agents_mode), oct(user.control_mode)) == ("0o600", "0o600")
    assert user.may_ask(Peer(OWNER, 1))
    assert not user.may_ask(Peer(0, 1))
    assert not user.may_ask(Peer(None, None))
    assert user.may_operate(Peer(0, 1))
    assert not user.may_operate(Peer(STRANGER, 1))


def test_agents_that_are_named_may_ask_and_not_operate() -> None:
    system = admission(f"agents: [{STRANGER}]")
    assert oct(system.agents_mode) == "0o666"
    assert (system.may_ask(Peer(STRANGER, 1)), system.may_operate(Peer(STRANGER, 1))) == (True, False)
    assert oct(system.control_mode) == "0o600"


def test_operators_that_are_named_may_operate_and_not_ask() -> None:
    system = admission(f"operators: [{STRANGER}]")
    assert (system.may_ask(Peer(STRANGER, 1)), system.may_operate(Peer(STRANGER, 1))) == (False, True)
    assert oct(system.control_mode) == "0o666"


def test_a_group_comes_in_by_the_files_own_mode() -> None:
    first = pwd.getpwall()[-1]
    system = admission(f"agents_group: {first.pw_gid}")
    assert (oct(system.agents_mode), system.group) == ("0o660", first.pw_gid)
    assert system.may_ask(Peer(first.pw_uid, 1))
    assert not system.may_ask(Peer(STRANGER, 1))


@pytest.mark.parametrize(
    "text", ["agents: [nobody-of-this-name]", "agents_group: no-such-group", "operators: [no-one]"]
)
def test_whom_the_machine_does_not_have_keeps_the_gateway_from_starting(text: str) -> None:
    with pytest.raises(SetupError, match="does not have"):
        admission(text)


# As another user, for real

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
_SCRIPT = """\
import os, sys
from kruxos import BlockingClient, KruxosError
import kruxos.client.blocking_connector, kruxos.client.control, kruxos.events, kruxos.messages, encodings.idna
uid, gid, root, op = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
os.setgroups([gid]); os.setgid(gid); os.setuid(uid)
try:
    if op == "control":
        kruxos.client.control.ControlClient(address=root + "/run/control/control.sock").call("status", timeout_s=5)
        print("operated")
    else:
        with BlockingClient(address=root + "/run/agents/agent.sock") as client:
            print(client.chat("hello").text)
except KruxosError as error:
    print(error.code)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that others can pass through."""
    root = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    root.chmod(0o711)
    yield root
    shutil.rmtree(root)


def as_user(kruxos: Kruxos, uid: int, op: str = "ask", gid: int | None = None) -> str:
    words = [sys.executable, "-c", _SCRIPT, str(uid), str(uid if gid is None else gid), str(kruxos.root), op]
    done = subprocess.run(words, env=kruxos.environment(), capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip() or done.stderr


@pytest.mark.real
@needs_root
def test_users_that_are_named_are_the_agents_of_their_names_and_others_stay_outside(home: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    kruxos = Kruxos(home / "data", home)
    with running_upstream() as upstream:
        kruxos.write_models(f"agents: [nobody, {STRANGER}]\n{MODELS.format(root=upstream.root)}")
        with Gateway(kruxos) as gateway:
            gateway.wait_ready("mine")
            assert as_user(kruxos, nobody.pw_uid) == "unauthorized"
            kruxos.well("agent", "create", "--name", "nobody")
            assert as_user(kruxos, nobody.pw_uid) == "Ready and waiting."
            assert as_user(kruxos, nobody.pw_uid, "control") == "gateway_unreachable"
            assert as_user(kruxos, STRANGER) == "unauthorized"
            assert as_user(kruxos, STRANGER + 1) == "gateway_unreachable"
            assert "[PASS] Agents' socket" in kruxos("verify").out
    modes = {name: stat.S_IMODE((kruxos.root / name).stat().st_mode) for name in ("run/agents", "run/control", "logs")}
    assert modes == {"run/agents": 0o711, "run/control": 0o700, "logs": 0o700}


@pytest.mark.real
@needs_root
def test_a_group_that_is_named_is_let_in_and_nobody_beside_it(home: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    kruxos = Kruxos(home / "data", home)
    with running_upstream() as upstream:
        kruxos.write_models(f"agents_group: {nobody.pw_gid}\n{MODELS.format(root=upstream.root)}")
        kruxos.well("agent", "create", "--name", "nobody")
        with Gateway(kruxos) as gateway:
            gateway.wait_ready("mine")
            assert as_user(kruxos, nobody.pw_uid, gid=nobody.pw_gid) == "Ready and waiting."
            assert as_user(kruxos, STRANGER) == "gateway_unreachable"
