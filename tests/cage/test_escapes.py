"""What somebody might try whose code runs in a worker. Each attempt is first made without the cage, where it works.

What this kernel refuses without a cage too, or does not have, is skipped by name.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from kruxos.launcher.cage import landlock, syscalls
from tests.cage.attempts import IPPROTO_MPTCP
from tests.cage.conftest import Captive, Victim, captive
from tests.launcher.harness import Launcher, wait_code

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(sys.platform != "linux", reason="the cage is Linux's"),
    pytest.mark.skipif(sys.platform == "linux" and syscalls.this_machine() is None, reason="not a machine we know"),
]

REFUSALS = {errno.EPERM, errno.EACCES, errno.ENOSYS}
needs_files = pytest.mark.skipif(landlock.version() < 1, reason="this kernel has no Landlock")
needs_ports = pytest.mark.skipif(landlock.version() < 4, reason="this kernel's Landlock knows no ports (Linux 6.7)")


def refused(free: Captive, caged: Captive, name: str, *arguments: object) -> bool:
    """Whether the cage refuses what works without one; skips where nothing can be shown."""
    without = free.attempt(name, *arguments)
    if without in REFUSALS:
        pytest.skip(f"{name}{arguments}: refused here without a cage too ({errno.errorcode[without]})")
    return caged.attempt(name, *arguments) in REFUSALS


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home directory with what people have in theirs."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519").write_text("a private key")
    (tmp_path / "victim").write_text("a file")
    return tmp_path


@needs_files
@pytest.mark.parametrize("path", [".ssh/id_ed25519", "victim"])
def test_no_file_of_the_users_home_is_read(free: Captive, caged: Captive, home: Path, path: str) -> None:
    assert refused(free, caged, "read", str(home / path))


@needs_files
@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/etc/hostname", "/proc/self/environ", "/proc/self/maps", "/proc/1/stat"]
)
def test_no_file_of_the_system_is_read(free: Captive, caged: Captive, path: str) -> None:
    if not Path(path).exists():
        pytest.skip(f"{path} is not there")
    assert refused(free, caged, "read", path)


@needs_files
def test_a_file_beside_the_packages_is_not_read(free: Captive, caged: Captive) -> None:
    assert refused(free, caged, "read", str(Path.cwd() / "pyproject.toml"))


@needs_files
@pytest.mark.parametrize("path", ["/", "/etc", "/proc", "/tmp", "/home"])
def test_no_directory_is_listed(free: Captive, caged: Captive, path: str) -> None:
    assert refused(free, caged, "list_directory", path)


@pytest.mark.parametrize("name", ["write", "make_directory", "link_out"])
def test_nothing_is_made_in_a_directory_that_the_user_may_write_to(
    free: Captive, caged: Captive, home: Path, name: str
) -> None:
    for each in ("first", "second"):
        (home / each).mkdir()
    assert free.attempt(name, str(home / "first")) == 0
    assert caged.attempt(name, str(home / "second")) in REFUSALS
    assert list((home / "second").iterdir()) == []


@pytest.mark.parametrize("name", ["overwrite", "truncate", "delete"])
def test_no_file_is_changed_or_deleted(free: Captive, caged: Captive, home: Path, name: str) -> None:
    (home / "other").write_text("other")
    assert free.attempt(name, str(home / "other")) == 0
    assert caged.attempt(name, str(home / "victim")) in REFUSALS
    assert (home / "victim").read_text() == "a file"


def test_a_package_that_may_be_read_is_not_changed(caged: Captive) -> None:
    assert caged.attempt("read", landlock.__file__) == 0
    assert caged.attempt("write", str(Path(landlock.__file__).parent)) in REFUSALS


def test_a_unix_socket_such_as_control_sock_is_not_connected_to(free: Captive, caged: Captive, home: Path) -> None:
    path = str(home / "control.sock")
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(path)
        control.listen()
        assert refused(free, caged, "connect_path", path)


def test_an_abstract_socket_is_not_connected_to(free: Captive, caged: Captive) -> None:
    name = f"kruxos-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as desktop:
        desktop.bind("\0" + name)
        desktop.listen()
        assert refused(free, caged, "connect_abstract", name)


def test_no_pair_of_datagram_sockets_is_made_that_could_be_connected_elsewhere(free: Captive, caged: Captive) -> None:
    assert refused(free, caged, "pair_of_datagrams")


@pytest.mark.parametrize(
    "name", ["read_memory_by_call", "read_memory_by_file", "read_environment", "read_memory_map", "list_descriptors",
             "take_descriptor"]
)  # fmt: skip
def test_another_process_is_not_looked_into(free: Captive, caged: Captive, victim: Victim, name: str) -> None:
    assert refused(free, caged, name, victim.pid, victim.address)


def test_another_process_is_not_traced(launcher: Launcher, caged: Captive, victim: Victim) -> None:
    tracer = captive(launcher, caged=False)
    without = tracer.attempt("trace", victim.pid, 0)
    tracer.link.close()  # its end lets the victim go
    wait_code(tracer.pid)
    if without in REFUSALS:
        pytest.skip("tracing is refused here without a cage too")
    assert caged.attempt("trace", victim.pid, 0) in REFUSALS


@pytest.mark.parametrize(
    "name", ["send_signal", "send_signal_by_descriptor", "send_signal_by_ownership", "lower_limit_of"]
)
def test_another_process_is_not_signalled_or_limited(free: Captive, caged: Captive, victim: Victim, name: str) -> None:
    assert refused(free, caged, name, victim.pid)


def test_the_supervisor_is_not_signalled(caged: Captive) -> None:
    assert caged.attempt("send_signal", os.getpid()) in REFUSALS


@pytest.mark.parametrize("name", ["fork", "vfork", "fork_by_new_call"])
def test_no_process_is_made_so_that_none_can_multiply(free: Captive, caged: Captive, name: str) -> None:
    assert refused(free, caged, name)


@pytest.mark.parametrize("name", ["execute", "execute_from_memory", "memory_file"])
def test_no_program_is_executed_from_a_file_or_from_memory(free: Captive, caged: Captive, name: str) -> None:
    assert refused(free, caged, name)


@pytest.mark.parametrize("name", ["bind", "listen"])
def test_nothing_listens(free: Captive, caged: Captive, name: str) -> None:
    assert refused(free, caged, name)


SOCKETS = {
    "udp": (socket.AF_INET, socket.SOCK_DGRAM),
    "udp over ipv6": (socket.AF_INET6, socket.SOCK_DGRAM),
    "mptcp": (socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP),
    "sctp": (socket.AF_INET, socket.SOCK_STREAM, 132),
    "smc": (43, socket.SOCK_STREAM),
    "raw": (socket.AF_INET, socket.SOCK_RAW, 1),
    "ping": (socket.AF_INET, socket.SOCK_DGRAM, 1),
    "packet": (17, socket.SOCK_RAW),
    "netlink": (16, socket.SOCK_RAW),
    "unix": (socket.AF_UNIX, socket.SOCK_STREAM),
    "unix datagram": (socket.AF_UNIX, socket.SOCK_DGRAM),
    "vsock": (40, socket.SOCK_STREAM),
    "kernel crypto": (38, socket.SOCK_SEQPACKET),
    "bluetooth": (31, socket.SOCK_RAW, 1),
}


@pytest.mark.parametrize("kind", SOCKETS)
def test_no_socket_is_made_but_for_tcp(free: Captive, caged: Captive, kind: str) -> None:
    family, *rest = SOCKETS[kind]
    without = free.attempt("open_socket", family, *rest)
    if without:
        pytest.skip(f"{kind}: not to be had here without a cage either ({errno.errorcode.get(without, without)})")
    assert caged.attempt("open_socket", family, *rest) == errno.EPERM


@needs_ports
def test_tcp_goes_to_the_providers_port_and_to_no_other(
    free: Captive, caged: Captive, own_port: int, foreign_port: int
) -> None:
    assert caged.attempt("connect_port", own_port) == 0
    assert refused(free, caged, "connect_port", foreign_port)


@pytest.mark.parametrize(
    "name", ["connect_port_by_mptcp", "connect_port_by_fast_open", "connect_port_by_fast_open_message"]
)
def test_ports_are_not_got_round(free: Captive, caged: Captive, own_port: int, foreign_port: int, name: str) -> None:
    assert refused(free, caged, name, foreign_port)
    assert caged.attempt(name, own_port) in REFUSALS


def test_tcp_is_not_made_another_protocol(caged: Captive) -> None:
    assert caged.attempt("other_protocol_on_tcp") == errno.EPERM


def test_there_is_no_ring_that_makes_calls_behind_the_filters_back(free: Captive, caged: Captive) -> None:
    assert refused(free, caged, "set_up_ring")


KERNEL = (
    "mount", "mount_setattr", "fsopen", "chroot", "setns", "bpf", "userfaultfd", "keyctl", "open_by_handle_at",
    "perf_event_open", "personality", "kcmp", "process_madvise", "io_uring_enter", "init_module", "capset",
    "openat2", "memfd_secret", "sendmmsg", "tkill", "rt_sigqueueinfo", "pidfd_getfd",
)  # fmt: skip


@pytest.mark.parametrize("name", KERNEL)
def test_calls_that_no_worker_needs_are_refused(free: Captive, caged: Captive, name: str) -> None:
    assert refused(free, caged, "use", name)


@pytest.mark.parametrize("name", ["seccomp", "landlock_create_ruleset"])
def test_its_own_cage_is_out_of_reach(free: Captive, caged: Captive, name: str) -> None:
    assert refused(free, caged, "use", name, 99)


def test_no_namespace_is_entered(launcher: Launcher, caged: Captive) -> None:
    another = captive(launcher, caged=False)
    without = another.attempt("unshare")
    another.link.close()
    wait_code(another.pid)
    if without in REFUSALS:
        pytest.skip("namespaces are refused here without a cage too")
    assert caged.attempt("unshare") in REFUSALS


def test_files_are_not_opened_by_handle(free: Captive, caged: Captive) -> None:
    assert refused(free, caged, "open_by_handle")


def test_a_worker_does_not_let_itself_be_read_again(launcher: Launcher, caged: Captive) -> None:
    another = captive(launcher, caged=False)
    assert another.attempt("be_dumpable") == 0
    another.link.close()
    wait_code(another.pid)
    assert caged.attempt("be_dumpable") == errno.EPERM


@pytest.fixture
def doomed(launcher: Launcher) -> Generator[Captive]:
    made = captive(launcher, caged=True)
    yield made
    made.link.close()


@pytest.mark.parametrize("name", ["call_of_other_table", "call_of_old_machine"])
def test_calls_by_another_machines_table_end_the_process(free: Captive, doomed: Captive, name: str) -> None:
    without = free.ask(name)
    if "missing" in without:
        pytest.skip(without["missing"])
    assert doomed.ask(name) == {}
    assert wait_code(doomed.pid) == -signal.SIGSYS
