"""Another process of the same user against a worker: an ordinary user, whoever runs the tests."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.apart import run_apart
from tests.cage.conftest import Captive, captive
from tests.launcher.harness import Launcher, wait_code

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(sys.platform != "linux", reason="what keeps them out is Linux's"),
]

ATTACKER = """
    import ctypes, json, os, sys
    sys.path[:0] = json.loads(sys.argv[1])
    from tests.cage import attempts, ordinary
    ordinary.become_ordinary()
    attempts.LIBC.prctl(4, 1, 0, 0, 0)
    read_end, write_end = os.pipe()
    child = os.fork()  # another process of this user, which has not shut itself off
    if child == 0:
        os.close(write_end)
        os.read(read_end, 1)
        os._exit(0)
    names = {names}
    found = {{}}
    for name in names:
        attempt = getattr(attempts, name)
        found[name] = [attempts.outcome(attempt, [int(pid), 4096]) for pid in (child, sys.argv[2])]
    print(json.dumps(found))
    os.close(write_end)
    os.waitpid(child, 0)
"""
NAMES = [
    "read_environment", "read_memory_map", "read_memory_by_file", "read_memory_by_call", "list_descriptors",
    "take_descriptor", "trace",
]  # fmt: skip
REFUSED = {errno.EPERM, errno.EACCES}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Generator[Launcher]:
    made = Launcher(tmp_path_factory.mktemp("ordinary") / "log", "tests.cage.ordinary")
    yield made
    made.close()


@pytest.fixture(scope="module", params=[True, False], ids=["caged", "isolation off"])
def worker(request: pytest.FixtureRequest, own: Launcher) -> Generator[Captive]:
    made = captive(own, caged=request.param)
    yield made
    made.link.close()
    wait_code(made.pid)


@pytest.fixture(scope="module")
def found(worker: Captive) -> dict[str, list[int]]:
    """What each attempt came to: against a process that is open, and against the worker."""
    paths = json.dumps([str(Path.cwd()), str(Path.cwd() / "workers")])
    done = run_apart(ATTACKER.format(names=NAMES), paths, str(worker.pid))
    assert done.returncode == 0, done.stderr
    outcomes: dict[str, list[int]] = json.loads(done.stdout)
    return outcomes


@pytest.mark.parametrize("name", NAMES)
def test_a_worker_is_not_looked_into_by_its_own_user(found: dict[str, list[int]], name: str) -> None:
    open_one, worker = found[name]
    assert open_one not in REFUSED, "the attempt is worth nothing: it fails against any process"
    assert worker in REFUSED
