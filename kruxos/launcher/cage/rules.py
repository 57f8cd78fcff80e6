"""Which system calls a worker may make, as data, and the filter that says so. Pure.

A call that no rule names is refused (EPERM); one that the rules cannot know yet does not exist (ENOSYS), so that the C
library falls back to what it did before. The calls of another machine's table end the process.

What is not here is the point: no program is executed, no process made, none traced, signalled or read; nothing
listens; no socket but plain TCP is made, and none is sent to by address, so neither UDP, nor Unix sockets, nor
TCP's fast open, which connects without a connect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from kruxos.launcher.cage import bpf
from kruxos.launcher.cage.syscalls import KNOWN_MAX, Machine

ALLOW = 0x7FFF_0000
KILL = 0x8000_0000
REFUSE = 0x0005_0000 | 1  # SECCOMP_RET_ERRNO, EPERM
UNKNOWN = 0x0005_0000 | 38  # SECCOMP_RET_ERRNO, ENOSYS

THIS_PROCESS = 0x7FFF_FFFE
"""Stands for the number of the process that the filter is for; no process has it."""

_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16
_LOW = 0xFFFF_FFFF

_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_SOCK_STREAM = 1
_SOCKET_TYPE = _LOW & ~0x80800  # but SOCK_CLOEXEC and SOCK_NONBLOCK
_TCP = 6
_SOL_SOCKET = 1
_MSG_FASTOPEN = 0x2000_0000
_CLONE_THREAD = 0x0001_0000
_CLONE_ELSE = 0x7E02_2000  # new namespaces of every kind, and being traced
_WRITING = 0o3 | 0o100 | 0o1000  # O_ACCMODE, O_CREAT, O_TRUNC


@dataclass(frozen=True, slots=True)
class Check:
    """Argument ``at``, its low half under ``mask``, is one of ``values``; ``high`` looks at the high half instead.

    The kernel itself reads an int from the low half only, so that is all of it.
    """

    at: int
    values: tuple[int, ...]
    mask: int = _LOW
    high: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """The call ``name`` is allowed when all checks hold. Several rules for one name: when any of them does."""

    name: str
    checks: tuple[Check, ...] = ()


FREE = (
    # What it has open already
    "read", "readv", "write", "writev", "pread64", "lseek", "fstat", "close", "close_range", "dup", "dup2", "dup3",
    # Files; Landlock decides which
    "newfstatat", "statx", "stat", "lstat", "access", "faccessat", "faccessat2", "readlink", "readlinkat",
    "getdents64", "getcwd",
    # Memory
    "mmap", "munmap", "mremap", "mprotect", "madvise", "brk",
    # Waiting
    "poll", "ppoll", "select", "pselect6", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
    "eventfd2", "pipe", "pipe2", "nanosleep", "clock_nanosleep", "restart_syscall",
    # Time and chance
    "clock_gettime", "clock_getres", "gettimeofday", "time", "times", "getrandom",
    # Threads and its own signals' handlers
    "futex", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "getcpu", "exit", "exit_group",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "sigaltstack",
    # What it is
    "getpid", "gettid", "getppid", "getpgid", "getpgrp", "getsid", "getuid", "geteuid", "getgid", "getegid",
    "getresuid", "getresgid", "getgroups", "uname", "sysinfo", "getrusage", "getrlimit",
    # Sockets; Landlock decides which ports
    "connect", "recvfrom", "shutdown", "getsockname", "getpeername", "getsockopt",
)  # fmt: skip
"""Calls that are allowed whatever their arguments."""


RULES = (
    Rule("socket", (Check(0, (_AF_INET, _AF_INET6)), Check(1, (_SOCK_STREAM,), _SOCKET_TYPE), Check(2, (0, _TCP)))),
    # For the event loop to wake itself: a pair that is connected, and can be connected to nothing else.
    Rule("socketpair", (Check(0, (_AF_UNIX,)), Check(1, (_SOCK_STREAM,), _SOCKET_TYPE), Check(2, (0,)))),
    # Without an address: what is connected is all there is.
    Rule("sendto", (Check(3, (0,), _MSG_FASTOPEN), Check(4, (0,)), Check(4, (0,), high=True))),
    # SO_REUSEADDR, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE, SO_LINGER
    Rule("setsockopt", (Check(1, (_SOL_SOCKET,)), Check(2, (2, 7, 8, 9, 13)))),
    # TCP_NODELAY, keep-alive's three, TCP_QUICKACK, TCP_USER_TIMEOUT; not TCP_ULP, which makes another protocol of it
    Rule("setsockopt", (Check(1, (_TCP,)), Check(2, (1, 4, 5, 6, 12, 18)))),
    Rule("openat", (Check(2, (0,), _WRITING),)),
    Rule("open", (Check(1, (0,), _WRITING),)),
    # Descriptors' own flags, and copies; not F_SETOWN, by which the kernel sends signals to others
    Rule("fcntl", (Check(1, (0, 1, 2, 3, 4, 1030)),)),
    # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
    Rule("ioctl", (Check(1, (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)),)),
    Rule("clone", (Check(0, (_CLONE_THREAD,), _CLONE_THREAD | _CLONE_ELSE),)),
    Rule("kill", (Check(0, (THIS_PROCESS,)),)),
    Rule("tgkill", (Check(0, (THIS_PROCESS,)),)),
    Rule("prlimit64", (Check(0, (0,)),)),
    # Names of threads and of memory, and reading what was set; not being dumpable again
    Rule("prctl", (Check(0, (15, 16, 2, 3, 21, 39, 0x53564D41)),)),
    *(Rule(name) for name in FREE),
)
"""All of them, those with checks first. The rules of one name stand together."""


def program(machine: Machine) -> bytes:
    """The filter on ``machine``, as the kernel takes it; ``for_process`` makes it one process's own."""
    return bpf.assemble([*_prologue(machine), *_body(machine), bpf.Step(bpf.RETURN, REFUSE)])


def for_process(assembled: bytes, pid: int) -> bytes:
    """The same filter for the process ``pid``: assembled once, it is needed for each worker."""
    return b"".join(
        bpf.INSTRUCTION.pack(code, near, far, pid if value == THIS_PROCESS else value)
        for code, near, far, value in bpf.INSTRUCTION.iter_unpack(assembled)
    )


def _prologue(machine: Machine) -> Iterator[bpf.Line]:
    yield bpf.Step(bpf.LOAD_WORD, _MACHINE_AT)
    yield bpf.Step(bpf.JUMP_IF_EQUAL, machine.audit, "at home")
    yield bpf.Step(bpf.RETURN, KILL)
    yield bpf.Label("at home")
    yield bpf.Step(bpf.LOAD_WORD, _NUMBER_AT)
    yield bpf.Step(bpf.JUMP_IF_EQUAL, machine.numbers["clone3"], "unknown")  # its flags are in memory, out of reach
    yield bpf.Step(bpf.JUMP_IF_AT_LEAST, KNOWN_MAX + 1, "above")
    yield bpf.Step(bpf.JUMP, to="known")
    yield bpf.Label("above")
    if machine.other_abi_bit:
        yield bpf.Step(bpf.JUMP_IF_AT_LEAST, machine.other_abi_bit, "other table")
    yield bpf.Label("unknown")
    yield bpf.Step(bpf.RETURN, UNKNOWN)
    yield bpf.Label("other table")
    yield bpf.Step(bpf.RETURN, KILL)
    yield bpf.Label("known")


def _body(machine: Machine) -> Iterator[bpf.Line]:
    for name, group in groupby(RULES, key=lambda rule: rule.name):
        number = machine.numbers.get(name)
        if number is not None:
            yield from _call(number, name, list(group))


def _call(number: int, name: str, alternatives: list[Rule]) -> Iterator[bpf.Line]:
    """The number is loaded before, and after wherever the call was another."""
    yield bpf.Step(bpf.JUMP_IF_EQUAL, number, f"{name}?")
    yield bpf.Step(bpf.JUMP, to=f"not {name}")
    yield bpf.Label(f"{name}?")
    for at, rule in enumerate(alternatives):
        for check in rule.checks:
            yield from _check(check, f"{name} {at} {check}", f"{name} not {at}")
        yield bpf.Step(bpf.RETURN, ALLOW)
        yield bpf.Label(f"{name} not {at}")
    if alternatives[-1].checks:
        yield bpf.Step(bpf.RETURN, REFUSE)
    yield bpf.Label(f"not {name}")


def _check(check: Check, held: str, failed: str) -> Iterator[bpf.Line]:
    yield bpf.Step(bpf.LOAD_WORD, _ARGUMENTS_AT + 8 * check.at + 4 * check.high)
    if check.mask != _LOW:
        yield bpf.Step(bpf.MASK, check.mask)
    for value in check.values:
        yield bpf.Step(bpf.JUMP_IF_EQUAL, value, held)
    yield bpf.Step(bpf.JUMP, to=failed)
    yield bpf.Label(held)
