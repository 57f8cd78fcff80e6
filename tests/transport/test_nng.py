"""What only the nng transport has: files, descriptors, threads, and the bounds of its queues."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
import trio.testing
from pynng import lib

from kruxos.client import sp
from kruxos.transport import AddressUnusableError, Peer, PeerGoneError
from kruxos.transport.base import PATH_BYTES_MAX, RECEIVE_BYTES_MAX, REPLIES_WAITING_MAX, REPLY_BYTES_WAITING_MAX
from kruxos.transport.nng import NngDoor, NngTransport
from kruxos.transport.sockets import probe

pytestmark = pytest.mark.real
ME = Peer(os.getuid(), os.getpid())
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def everybody(_: Peer) -> bool:
    return True


def mode_of(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def run(scenario: Callable[[NngTransport], Awaitable[None]]) -> None:
    async def main() -> None:
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                await scenario(NngTransport(nursery))
                nursery.cancel_scope.cancel()

    trio.run(main)


def dial(path: str, protocol: sp.Protocol) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(path)
    connection.sendall(sp.greeting(protocol))
    assert len(connection.recv(8)) == 8
    return connection


def test_a_doors_socket_is_its_owners_alone_and_the_umask_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "door.sock"
    umask = os.umask(0o022)

    async def scenario(transport: NngTransport) -> None:
        door = transport.open_door(str(path), admit=everybody)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        door.close()

    try:
        run(scenario)
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(umask)
    assert not path.exists()


def test_a_door_can_be_for_a_group(tmp_path: Path) -> None:
    path = tmp_path / "door.sock"
    group = os.getgroups()[-1] if os.getgroups() else os.getgid()

    async def scenario(transport: NngTransport) -> None:
        door = transport.open_door(str(path), admit=everybody, mode=0o660, group=group)
        assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_gid) == (0o660, group)
        door.close()

    run(scenario)


def test_a_door_that_cannot_be_given_to_its_group_is_closed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "not allowed")

    monkeypatch.setattr(os, "chown", refuse)
    path = tmp_path / "door.sock"

    async def scenario(transport: NngTransport) -> None:
        with pytest.raises(PermissionError):
            transport.open_door(str(path), admit=everybody, group=0)
        assert probe(str(path)) == "absent"

    run(scenario)


@pytest.mark.parametrize("kind", ["file", "symlink", "directory", "dangling symlink"])
def test_a_door_refuses_a_path_where_something_else_is_and_leaves_that_alone(tmp_path: Path, kind: str) -> None:
    path, target = tmp_path / "door.sock", tmp_path / "precious"
    target.write_text("precious")
    match kind:
        case "file":
            path.write_text("precious")
        case "symlink":
            path.symlink_to(target)
        case "directory":
            path.mkdir()
        case _:
            path.symlink_to(tmp_path / "nowhere")
    before = os.lstat(path)

    async def scenario(transport: NngTransport) -> None:
        with pytest.raises(AddressUnusableError, match="not a socket of this user"):
            transport.open_door(str(path), admit=everybody)

    run(scenario)
    assert os.lstat(path).st_ino == before.st_ino
    assert target.read_text() == "precious"


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "door.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
        left_behind.listen()
    assert probe(str(path)) == "stale"

    async def scenario(transport: NngTransport) -> None:
        door = transport.open_door(str(path), admit=everybody)
        assert probe(str(path)) == "live"
        door.close()

    run(scenario)
    assert probe(str(path)) == "absent"


def test_a_live_socket_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "door.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()

        async def scenario(transport: NngTransport) -> None:
            with pytest.raises(AddressUnusableError, match="another gateway is running"):
                transport.open_door(str(path), admit=everybody)

        run(scenario)
        assert probe(str(path)) == "live"


def test_a_listener_whose_queue_is_full_counts_as_live(tmp_path: Path) -> None:
    path = str(tmp_path / "door.sock")
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(path)
        busy.listen(0)
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for each in waiting:
            each.settimeout(0)
            each.connect_ex(path)
        assert probe(path) == "live"
        for each in waiting:
            each.close()


@pytest.mark.parametrize("mode", [0o777, 0o720])
def test_a_directory_that_others_may_write_in_is_refused(tmp_path: Path, mode: int) -> None:
    directory = tmp_path / "open"
    directory.mkdir()
    directory.chmod(mode)

    async def scenario(transport: NngTransport) -> None:
        with pytest.raises(AddressUnusableError, match="only the owner may write"):
            transport.open_session(str(directory), ME)

    run(scenario)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    async def scenario(transport: NngTransport) -> None:
        with pytest.raises(AddressUnusableError, match="gone cannot be used: No such file"):
            transport.open_door(str(tmp_path / "gone" / "door.sock"), admit=everybody)

    run(scenario)


def test_a_path_that_some_systems_do_not_take_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / ("x" * PATH_BYTES_MAX))

    async def scenario(transport: NngTransport) -> None:
        with pytest.raises(AddressUnusableError, match="use a shorter data directory"):
            transport.open_door(path, admit=everybody)

    run(scenario)


def test_every_socket_has_a_cap_on_what_it_receives(tmp_path: Path) -> None:
    async def scenario(transport: NngTransport) -> None:
        door = transport.open_door(str(tmp_path / "door.sock"), admit=everybody)
        session = transport.open_session(str(tmp_path), ME)
        for each in (door, session):
            assert each._socket._nng.recv_max_size == RECEIVE_BYTES_MAX
            each.close()

    run(scenario)


def test_an_admission_that_fails_is_a_refusal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = str(tmp_path / "door.sock")

    def broken(_: Peer) -> bool:
        raise RuntimeError("no list of users")

    async def scenario(transport: NngTransport) -> None:
        door = transport.open_door(path, admit=broken)
        connection = await trio.to_thread.run_sync(dial, path, sp.Protocol.REQ0)
        assert await trio.to_thread.run_sync(connection.recv, 1) == b""
        assert (door.statistics().refused, door.statistics().connections) == (1, 0)
        connection.close()
        door.close()

    run(scenario)
    assert "no list of users" in caplog.text


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_is_refused_by_the_kernels_word() -> None:
    script = (
        "import os, socket, sys\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "connection = socket.socket(socket.AF_UNIX)\n"
        "connection.connect(sys.argv[1])\n"
        "connection.sendall(bytes.fromhex('0053500000300000'))\n"
        "print(len(connection.recv(8)), len(connection.recv(1)))\n"
    )
    seen: list[Peer] = []

    def admit(peer: Peer) -> bool:
        seen.append(peer)
        return peer.uid == os.getuid()

    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "door.sock")
        Path(directory).chmod(0o711)

        async def scenario(transport: NngTransport) -> None:
            door = transport.open_door(path, admit=admit, mode=0o666)
            done = await trio.run_process([sys.executable, "-I", "-c", script, path], capture_stdout=True)
            assert done.stdout.split() == [b"8", b"0"]
            assert [peer.uid for peer in seen] == [65534]
            door.close()

        run(scenario)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_session_can_be_for_a_process_of_another_user() -> None:
    script = (
        "import os, socket\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "print(os.getpid(), flush=True)\n"
        "connection = socket.socket(socket.AF_UNIX)\n"
        "connection.connect(input())\n"
        "connection.sendall(bytes.fromhex('0053500000100000' '010000000000000002') + b'hi')\n"
        "input()\n"
    )
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)
        child = subprocess.Popen(
            [sys.executable, "-I", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        expected = Peer(65534, int(child.stdout.readline()))

        async def scenario(transport: NngTransport) -> None:
            session = transport.open_session(directory, expected, mode=0o666)
            await trio.to_thread.run_sync(tell, child, session.address.removeprefix("ipc://"))
            assert await session.wait_peer(10) == expected
            assert await session.receive() == b"hi"
            session.close()

        run(scenario)
        child.communicate("that was all\n", timeout=10)
        assert child.returncode == 0


def tell(child: subprocess.Popen[str], words: str) -> None:
    assert child.stdin is not None
    child.stdin.write(words + "\n")
    child.stdin.flush()


def test_replies_that_cannot_leave_wait_within_bounds_and_leave_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "door.sock")

    async def scenario(transport: NngTransport) -> None:
        door = transport.open_door(path, admit=everybody)
        connection = await trio.to_thread.run_sync(dial, path, sp.Protocol.REQ0)
        connection.sendall(sp.frame(sp.request_id(1) + b"question"))
        asked = await door.receive()
        with monkeypatch.context() as patch:
            patch.setattr(NngDoor, "_send_now", lambda *_: False)
            for _ in range(REPLIES_WAITING_MAX + 10):
                door.reply(asked.to, b"12345")
            statistics = door.statistics()
            assert statistics.replies_waiting == REPLIES_WAITING_MAX
            assert statistics.reply_bytes_waiting == 5 * REPLIES_WAITING_MAX
            assert statistics.replies_dropped == 10
        while door.statistics().replies_waiting:
            await trio.lowlevel.checkpoint()
        assert door.statistics().reply_bytes_waiting == 0
        assert door.statistics().replies == REPLIES_WAITING_MAX
        connection.close()
        door.close()

    run(scenario)


def test_replies_wait_within_a_bound_of_bytes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "door.sock")
    monkeypatch.setattr(NngDoor, "_send_now", lambda *_: False)

    async def scenario(transport: NngTransport) -> None:
        door = transport.open_door(path, admit=everybody)
        connection = await trio.to_thread.run_sync(dial, path, sp.Protocol.REQ0)
        connection.sendall(sp.frame(sp.request_id(1) + b"question"))
        asked = await door.receive()
        big = bytes(REPLY_BYTES_WAITING_MAX // 2)
        for _ in range(4):
            door.reply(asked.to, big)
        assert (door.statistics().replies_waiting, door.statistics().replies_dropped) == (2, 2)
        connection.close()
        door.close()

    run(scenario)


@needs_proc
def test_a_session_takes_four_descriptors_and_gives_them_all_back(tmp_path: Path) -> None:
    def descriptors() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    async def until(count: int) -> None:
        while descriptors() != count:  # nng closes what it no longer needs on a thread of its own
            await trio.lowlevel.checkpoint()

    async def scenario(transport: NngTransport) -> None:
        transport.open_session(str(tmp_path), ME).close()  # nng's own descriptors come with the first socket
        before = -1
        while descriptors() != before:
            before = descriptors()
            await trio.testing.wait_all_tasks_blocked(0.1)
        for _ in range(20):
            session = transport.open_session(str(tmp_path), ME)
            with await trio.to_thread.run_sync(dial, session.address.removeprefix("ipc://"), sp.Protocol.PAIR0):
                await session.wait_peer(5)
                await until(before + 4 + 1)  # and the far end's own
            with pytest.raises(PeerGoneError):
                await session.receive()
            session.close()
        await until(before)

    run(scenario)
    assert list(tmp_path.iterdir()) == []


def test_a_sessions_path_is_gone_once_its_peer_is_there(tmp_path: Path) -> None:
    async def scenario(transport: NngTransport) -> None:
        session = transport.open_session(str(tmp_path), ME)
        path = session.address.removeprefix("ipc://")
        assert mode_of(path) == 0o600
        far = await trio.to_thread.run_sync(dial, path, sp.Protocol.PAIR0)
        await session.wait_peer(5)
        assert probe(path) == "absent"
        far.close()
        session.close()

    run(scenario)


def test_a_peer_of_the_wrong_protocol_uses_a_session_up(tmp_path: Path) -> None:
    async def scenario(transport: NngTransport) -> None:
        session = transport.open_session(str(tmp_path), ME)
        far = await trio.to_thread.run_sync(dial, session.address.removeprefix("ipc://"), sp.Protocol.REQ0)
        with pytest.raises(PeerGoneError):
            await session.wait_peer(10)
        far.close()
        session.close()

    run(scenario)


@needs_proc
def test_nng_runs_with_few_threads(tmp_path: Path) -> None:
    script = (
        "import os, sys, trio\n"
        "from kruxos.transport.nng import NngTransport\n"
        "async def main():\n"
        "    async with trio.open_nursery() as nursery:\n"
        "        door = NngTransport(nursery).open_door(sys.argv[1], admit=lambda _: True)\n"
        "        print(len(os.listdir('/proc/self/task')))\n"
        "        door.close()\n"
        "trio.run(main)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "door.sock")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
    )
    assert int(done.stdout) == 7


def test_what_nng_says_is_told() -> None:
    from kruxos.transport.nng_socket import check

    with pytest.raises(RuntimeError, match="nng: Object closed"):
        check(lib.NNG_ECLOSED)
