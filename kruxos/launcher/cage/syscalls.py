"""The numbers of the system calls that the filter knows by name, for the machines that it knows. Data.

Source: Linux, arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h (aarch64).
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

KNOWN_MAX = 469
"""The highest number that had a meaning when the rules were written. What is above does not exist for a worker."""

_BOTH: Mapping[str, tuple[int, int]] = {
    "access": (21, -1), "brk": (12, 214), "clock_getres": (229, 114), "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115), "clone": (56, 220), "clone3": (435, 435), "close": (3, 57),
    "close_range": (436, 436), "connect": (42, 203), "dup": (32, 23), "dup2": (33, -1), "dup3": (292, 24),
    "epoll_create1": (291, 20), "epoll_ctl": (233, 21), "epoll_pwait": (281, 22), "epoll_pwait2": (441, 441),
    "epoll_wait": (232, -1), "eventfd2": (290, 19), "exit": (60, 93), "exit_group": (231, 94), "faccessat": (269, 48),
    "faccessat2": (439, 439), "fcntl": (72, 25), "fstat": (5, 80), "futex": (202, 98), "getcpu": (309, 168),
    "getcwd": (79, 17), "getdents64": (217, 61), "getegid": (108, 177), "geteuid": (107, 175), "getgid": (104, 176),
    "getgroups": (115, 158), "getpeername": (52, 205), "getpgid": (121, 155), "getpgrp": (111, -1),
    "getpid": (39, 172), "getppid": (110, 173), "getrandom": (318, 278), "getresgid": (120, 150),
    "getresuid": (118, 148), "getrlimit": (97, 163), "getrusage": (98, 165), "getsid": (124, 156),
    "getsockname": (51, 204), "getsockopt": (55, 209), "gettid": (186, 178), "gettimeofday": (96, 169),
    "getuid": (102, 174), "ioctl": (16, 29), "kill": (62, 129), "lseek": (8, 62), "lstat": (6, -1),
    "madvise": (28, 233), "mmap": (9, 222), "mprotect": (10, 226), "mremap": (25, 216), "munmap": (11, 215),
    "nanosleep": (35, 101), "newfstatat": (262, 79), "open": (2, -1), "openat": (257, 56), "pipe": (22, -1),
    "pipe2": (293, 59), "poll": (7, -1), "ppoll": (271, 73), "prctl": (157, 167), "pread64": (17, 67),
    "prlimit64": (302, 261), "pselect6": (270, 72), "read": (0, 63), "readlink": (89, -1), "readlinkat": (267, 78),
    "readv": (19, 65), "recvfrom": (45, 207), "restart_syscall": (219, 128), "rseq": (334, 293),
    "rt_sigaction": (13, 134), "rt_sigpending": (127, 136), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "sched_getaffinity": (204, 123), "sched_yield": (24, 124), "select": (23, -1), "sendto": (44, 206),
    "set_robust_list": (273, 99), "setsockopt": (54, 208), "shutdown": (48, 210), "sigaltstack": (131, 132),
    "socket": (41, 198), "socketpair": (53, 199), "stat": (4, -1), "statx": (332, 291), "sysinfo": (99, 179),
    "tgkill": (234, 131), "time": (201, -1), "times": (100, 153), "uname": (63, 160), "write": (1, 64),
    "writev": (20, 66),
}  # fmt: skip
"""Name to its number on x86_64 and on aarch64; -1: it has none there."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One kind of processor. ``audit``: how the filter is told of it; ``other_abi_bit``: marks x32's calls."""

    name: str
    audit: int
    numbers: Mapping[str, int]
    other_abi_bit: int = 0


def _numbers(column: int) -> dict[str, int]:
    return {name: both[column] for name, both in _BOTH.items() if both[column] >= 0}


MACHINES: Mapping[str, Machine] = {
    "x86_64": Machine("x86_64", 0xC000003E, _numbers(0), 0x4000_0000),
    "aarch64": Machine("aarch64", 0xC00000B7, _numbers(1)),
}


def this_machine() -> Machine | None:
    """The machine that this process runs on; None where the filter does not know it, or it runs in a 32-bit mode."""
    wide = ctypes.sizeof(ctypes.c_void_p) == 8 and sys.byteorder == "little"
    return MACHINES.get(os.uname().machine) if wide else None
