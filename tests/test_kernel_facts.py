"""What the design takes for granted of the kernel: processes, sockets, descriptors.

The process that runs the tests has nng's threads and cannot fork, so whatever forks does it in a process of its own.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.apart import run_apart

pytestmark = pytest.mark.real
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="a fact of Linux")


def test_the_other_end_of_a_socketpair_sees_the_end_behind_what_was_written() -> None:
    done = run_apart("""
        import os, signal, socket
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            theirs.sendall(b"last words")
            os.kill(os.getpid(), signal.SIGKILL)
        theirs.close()
        os.waitpid(pid, 0)
        print(ours.recv(100), ours.recv(100))
    """)
    assert done.stdout.strip() == "b'last words' b''"


@linux_only
def test_a_subreaper_becomes_the_parent_of_a_double_forked_child_and_gets_its_exit_code() -> None:
    done = run_apart("""
        import ctypes, os
        PR_SET_CHILD_SUBREAPER = 36
        assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
        supervisor = os.getpid()
        go_read, go_write = os.pipe()
        launcher = os.fork()
        if launcher == 0:
            middle = os.fork()
            if middle == 0:
                if os.fork() == 0:
                    os.read(go_read, 1)
                    os._exit(7 if os.getppid() == supervisor else 1)
                os._exit(0)
            os.waitpid(middle, 0)
            os.write(go_write, b"!")
            os._exit(0)
        codes = {os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(2)}
        print(sorted(codes))
    """)
    assert done.stdout.strip() == "[0, 7]"


@linux_only
def test_a_parent_death_signal_set_after_reparenting_fires_when_the_subreaper_dies() -> None:
    script = """
        import ctypes, os, signal, sys
        PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
        prctl = ctypes.CDLL(None).prctl
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        supervisor = os.getpid()
        go_read, go_write = os.pipe()
        ready_read, ready_write = os.pipe()
        if os.fork() == 0:
            if os.fork() == 0:
                os.read(go_read, 1)
                assert os.getppid() == supervisor
                prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                os.write(ready_write, b"!")
                signal.pause()
            os._exit(0)
        os.wait()
        os.write(go_write, b"!")
        os.read(ready_read, 1)
        os.kill(supervisor, signal.SIGKILL)
    """
    alive_read, alive_write = os.pipe()
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], pass_fds=[alive_write])
    os.close(alive_write)
    assert process.wait(30) == -signal.SIGKILL
    assert select.select([alive_read], [], [], 10)[0], "whoever holds the pipe has not died"
    assert os.read(alive_read, 1) == b""
    os.close(alive_read)


@linux_only
def test_a_parent_death_signal_fires_when_the_spawning_thread_ends() -> None:
    """So children are spawned from the main thread."""
    done = run_apart("""
        import ctypes, os, signal, subprocess, threading
        prctl = ctypes.CDLL(None).prctl
        started = []
        def spawn():
            process = subprocess.Popen(
                ["sleep", "60"], preexec_fn=lambda: prctl(1, signal.SIGKILL, 0, 0, 0))
            started.append(process)
        thread = threading.Thread(target=spawn)
        thread.start()
        thread.join()
        print(started[0].wait(30))
    """)
    assert int(done.stdout) == -signal.SIGKILL


def test_a_socket_carries_descriptors() -> None:
    ours, theirs = socket.socketpair()
    read_end, write_end = os.pipe()
    with ours, theirs:
        socket.send_fds(ours, [b"one descriptor"], [write_end])
        os.close(write_end)
        words, (received,), _, _ = socket.recv_fds(theirs, 100, 1)
    assert words == b"one descriptor"
    os.write(received, b"the same pipe")
    os.close(received)
    assert os.read(read_end, 100) == b"the same pipe"
    os.close(read_end)


@linux_only
def test_a_listener_whose_queue_is_full_says_again_at_once(tmp_path: Path) -> None:
    """And no descriptor tells when there is room: so clients try again."""
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as caller:
        path = str(tmp_path / "s.sock")
        listener.bind(path)
        listener.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(path)
            caller.settimeout(0)
            with pytest.raises(BlockingIOError):
                caller.connect(path)


def test_a_childs_copy_of_a_socket_can_be_closed_without_ending_the_connection() -> None:
    done = run_apart("""
        import os, socket
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            os.close(ours.detach())
            os._exit(0)
        os.waitpid(pid, 0)
        ours.sendall(b"still connected")
        print(theirs.recv(100))
    """)
    assert done.stdout.strip() == "b'still connected'"
