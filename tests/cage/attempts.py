"""What a captured worker, or an agent of the same user, might try. Each raises ``OSError`` where it is refused.

All that they need is imported with this module: where they run, nothing else may be found.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
ANY = 0

SYSCALLS = {
    "x86_64": {
        "ptrace": 101, "process_vm_readv": 310, "mount": 165, "unshare": 272, "setns": 308, "keyctl": 250, "bpf": 321,
        "personality": 135, "userfaultfd": 323, "open_by_handle_at": 304, "perf_event_open": 298, "execve": 59,
        "execveat": 322, "chroot": 161, "sendmmsg": 307, "kcmp": 312, "fork": 57, "vfork": 58, "tkill": 200,
        "init_module": 175, "capset": 126, "seccomp": 317, "rt_sigqueueinfo": 129, "timer_create": 222,
    },
    "aarch64": {
        "ptrace": 117, "process_vm_readv": 270, "mount": 40, "unshare": 97, "setns": 268, "keyctl": 219, "bpf": 280,
        "personality": 92, "userfaultfd": 282, "open_by_handle_at": 265, "perf_event_open": 241, "execve": 221,
        "execveat": 281, "chroot": 51, "sendmmsg": 269, "kcmp": 272, "tkill": 130, "init_module": 105, "capset": 91,
        "seccomp": 277, "rt_sigqueueinfo": 138, "timer_create": 107,
    },
}.get(os.uname().machine, {}) | {
    "io_uring_setup": 425, "io_uring_enter": 426, "pidfd_open": 434, "pidfd_getfd": 438, "pidfd_send_signal": 424,
    "memfd_secret": 447, "landlock_create_ruleset": 444, "process_madvise": 440, "clone3": 435, "mount_setattr": 442,
    "openat2": 437, "fsopen": 430,
}  # fmt: skip
PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17
CLONE_NEWUSER = 0x1000_0000
IPPROTO_MPTCP = 262
PR_SET_DUMPABLE = 4
TCP_ULP = 31


class NotHereError(Exception):
    """This machine lacks what an attempt is made with."""


def raw(name: str, *arguments: int | bytes) -> int:
    """A system call by its number."""
    if name not in SYSCALLS:
        raise NotHereError(f"this machine has no {name}")
    given = [ctypes.c_long(each) if isinstance(each, int) else ctypes.c_char_p(each) for each in arguments]
    given += [ctypes.c_long(0)] * (6 - len(given))
    result = int(LIBC.syscall(ctypes.c_long(SYSCALLS[name]), *given))
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


# Files


def read(path: str) -> None:
    Path(path).read_bytes()


def list_directory(path: str) -> None:
    list(Path(path).iterdir())


def write(path: str) -> None:
    Path(path, "new").write_bytes(b"x")


def overwrite(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_TRUNC))


def truncate(path: str) -> None:
    os.truncate(path, 0)


def delete(path: str) -> None:
    Path(path).unlink()


def make_directory(path: str) -> None:
    Path(path, "made").mkdir()


def link_out(path: str) -> None:
    Path(path, "link").symlink_to("/etc/passwd")


def open_by_handle() -> None:
    raw("open_by_handle_at", -100, struct.pack("=Ii", 8, 1) + bytes(8), os.O_RDONLY)


# Other processes


def read_memory_by_call(pid: int, address: int) -> None:
    here = ctypes.create_string_buffer(8)
    local = struct.pack("=QQ", ctypes.addressof(here), 8)
    remote = struct.pack("=QQ", address, 8)
    raw("process_vm_readv", pid, local, 1, remote, 1, 0)


def read_memory_by_file(pid: int, address: int) -> None:
    opened = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        os.pread(opened, 8, address)
    finally:
        os.close(opened)


def read_environment(pid: int, address: int) -> None:
    Path(f"/proc/{pid}/environ").read_bytes()


def read_memory_map(pid: int, address: int) -> None:
    Path(f"/proc/{pid}/maps").read_bytes()


def list_descriptors(pid: int, address: int) -> None:
    list(Path(f"/proc/{pid}/fd").iterdir())


def take_descriptor(pid: int, address: int) -> None:
    handle = os.pidfd_open(pid)
    os.close(raw("pidfd_getfd", handle, 1))


def trace(pid: int, address: int) -> None:
    raw("ptrace", PTRACE_SEIZE, pid)


def send_signal(pid: int) -> None:
    os.kill(pid, signal.SIGURG)


def send_signal_by_descriptor(pid: int) -> None:
    handle = raw("pidfd_open", pid)
    raw("pidfd_send_signal", handle, signal.SIGURG)


def send_signal_by_ownership(pid: int) -> None:
    """The kernel signals the owner of a descriptor, so another process is made the owner."""
    import fcntl

    ours, theirs = socket.socketpair()
    with ours, theirs:
        fcntl.fcntl(ours, fcntl.F_SETOWN, pid)


def lower_limit_of(pid: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def vfork() -> None:
    if raw("fork") == 0:
        os._exit(0)


def fork_by_new_call() -> None:
    if raw("clone3", struct.pack("=8Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0), 64) == 0:
        os._exit(0)


def execute() -> None:
    """A program that is not there: whoever may execute hears that."""
    os.execv("/nowhere/program", ["program"])


def execute_from_memory() -> None:
    opened = os.memfd_create("program")
    os.write(opened, b"not a program")
    raw("execveat", opened, b"", 0, 0, 0x1000)


def memory_file() -> None:
    os.close(os.memfd_create("hidden"))


# Sockets


def connect_path(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.connect(path)


def connect_abstract(name: str) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.connect("\0" + name)


def pair_of_datagrams() -> None:
    """Each of which could be connected anew, to any socket of its kind."""
    for each in socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM):
        each.close()


def connect_port(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 5):
        pass


def connect_port_by_mptcp(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP) as made:
        made.connect(("127.0.0.1", port))


def connect_port_by_fast_open(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        made.sendto(b"x", socket.MSG_FASTOPEN, ("127.0.0.1", port))


def connect_port_by_fast_open_message(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        made.sendmsg([b"x"], [], socket.MSG_FASTOPEN, ("127.0.0.1", port))


def other_protocol_on_tcp() -> None:
    with socket.socket() as made:
        made.setsockopt(socket.IPPROTO_TCP, TCP_ULP, b"tls")


def bind() -> None:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))


def listen() -> None:
    with socket.socket() as made:
        made.listen()


def open_socket(family: int, kind: int, protocol: int = 0) -> None:
    socket.socket(family, kind, protocol).close()


# The kernel


def set_up_ring() -> None:
    os.close(raw("io_uring_setup", 1, ctypes.create_string_buffer(120).raw))


def unshare() -> None:
    raw("unshare", CLONE_NEWUSER)


def use(name: str, *arguments: int) -> None:
    """Any call, with arguments that are good for nothing: whoever may make it hears that they are."""
    raw(name, *arguments)


def be_dumpable() -> None:
    if LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def call_of_other_table() -> None:
    """getpid by x32's number."""
    if LIBC.syscall(ctypes.c_long(0x4000_0000 | 39)) < 0:
        raise OSError(ctypes.get_errno(), "x32")


def call_of_old_machine() -> None:
    """getpid by the gate of 32-bit programs."""
    if os.uname().machine != "x86_64":
        raise NotHereError("this machine has no such gate")
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20; int 0x80; ret
    result = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
    if result < 0:
        raise OSError(-result, "int 0x80")


def outcome(attempt: Callable[..., None], arguments: list[Any]) -> int:
    """0 where it was done, else the error's number."""
    try:
        attempt(*arguments)
    except OSError as error:
        return error.errno or -1
    return 0
