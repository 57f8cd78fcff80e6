"""The filter of system calls, run by a small interpreter: every machine's, on any machine."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.launcher.cage import bpf, rules
from kruxos.launcher.cage.syscalls import KNOWN_MAX, MACHINES, Machine

PID = 4711
WORD = 0xFFFF_FFFF
FILTERS = {name: rules.for_process(rules.program(machine), PID) for name, machine in MACHINES.items()}
machines = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)


def verdict(program: bytes, audit: int, number: int, *arguments: int) -> int:
    """What the kernel would say."""
    values = [each & (2**64 - 1) for each in (*arguments, 0, 0, 0, 0, 0, 0)[:6]]
    data = struct.pack("<IIQ6Q", number & WORD, audit, 0, *values)
    instructions = list(bpf.INSTRUCTION.iter_unpack(program))
    at, accumulator = 0, 0
    while True:
        code, near, far, value = instructions[at]
        at += 1
        match code:
            case bpf.LOAD_WORD:
                (accumulator,) = struct.unpack_from("<I", data, value)
            case bpf.MASK:
                accumulator &= value
            case bpf.JUMP:
                at += value
            case bpf.JUMP_IF_EQUAL:
                at += near if accumulator == value else far
            case bpf.JUMP_IF_AT_LEAST:
                at += near if accumulator >= value else far
            case bpf.RETURN:
                return int(value)
            case _:
                raise AssertionError(f"no such instruction: {code:#x}")


def call(machine: Machine, name: str, *arguments: int) -> int:
    return verdict(FILTERS[machine.name], machine.audit, machine.numbers[name], *arguments)


@machines
def test_what_a_worker_needs_is_allowed(machine: Machine) -> None:
    for name in rules.FREE:
        if name in machine.numbers:
            assert call(machine, name, WORD, WORD, WORD) == rules.ALLOW, name


ALLOWED = [
    ("socket", 2, 1, 0), ("socket", 10, 1 | 0x80000 | 0x800, 6), ("socketpair", 1, 1 | 0x80000, 0),
    ("sendto", 3, 1, 1, 0x4000), ("setsockopt", 3, 6, 1), ("setsockopt", 3, 1, 9), ("fcntl", 3, 1030, 64),
    ("ioctl", 3, 0x5421), ("openat", -100, 1, 0x80000), ("clone", 0x3D0F00), ("kill", PID, 6), ("tgkill", PID, PID, 6),
    ("prlimit64", 0, 7), ("prctl", 15, 1),
]  # fmt: skip
REFUSED = [
    ("socket", 1, 1, 0), ("socket", 2, 2, 0), ("socket", 2, 2, 17), ("socket", 2, 1, 262), ("socket", 16, 3, 0),
    ("socket", 10, 3, 6), ("socketpair", 1, 2, 0), ("socketpair", 1, 5, 0), ("sendto", 3, 1, 1, 0x2000_0000),
    ("sendto", 3, 1, 1, 0, 0x7FFF), ("sendto", 3, 1, 1, 0, 0x1_0000_0000), ("setsockopt", 3, 6, 31),
    ("setsockopt", 3, 1, 26), ("setsockopt", 3, 0, 1), ("fcntl", 3, 8, 1), ("fcntl", 3, 10, 9), ("ioctl", 3, 0x5412),
    ("openat", -100, 1, 1), ("openat", -100, 1, 0x40), ("openat", -100, 1, 0x200), ("openat", -100, 1, 0x410002),
    ("clone", 17), ("clone", 0x3D0F00 | 0x1000_0000), ("clone", 0x4111), ("kill", 1, 9), ("kill", -1, 9),
    ("kill", 0, 9), ("tgkill", PID + 1, PID + 1, 9), ("prlimit64", PID + 1, 7), ("prctl", 4, 1), ("prctl", 22, 2),
]  # fmt: skip


@machines
@pytest.mark.parametrize("made", ALLOWED, ids=str)
def test_arguments_that_are_needed_are_allowed(machine: Machine, made: tuple[str, int]) -> None:
    assert call(machine, *made) == rules.ALLOW


@machines
@pytest.mark.parametrize("made", REFUSED, ids=str)
def test_arguments_that_lead_out_are_refused(machine: Machine, made: tuple[str, int]) -> None:
    assert call(machine, *made) == rules.REFUSE


@machines
@given(number=st.integers(0, KNOWN_MAX), arguments=st.lists(st.integers(0, 2**64 - 1), max_size=6))
def test_a_call_without_a_rule_is_refused(machine: Machine, number: int, arguments: list[int]) -> None:
    if number not in machine.numbers.values():
        assert verdict(FILTERS[machine.name], machine.audit, number, *arguments) == rules.REFUSE


@machines
def test_a_call_of_a_later_kernel_and_clone3_do_not_exist(machine: Machine) -> None:
    for number in (KNOWN_MAX + 1, 100_000, machine.numbers["clone3"]):
        assert verdict(FILTERS[machine.name], machine.audit, number) == rules.UNKNOWN


def test_x32_and_other_machines_end_the_process() -> None:
    x86 = MACHINES["x86_64"]
    assert verdict(FILTERS["x86_64"], x86.audit, 0x4000_0000 | 39) == rules.KILL
    for machine in MACHINES.values():
        for audit in (0x40000003, 0x40000028, 0xC00000F3, 0):
            assert verdict(FILTERS[machine.name], audit, 39) == rules.KILL


def test_no_rule_names_a_call_that_no_table_knows() -> None:
    known = {name for machine in MACHINES.values() for name in machine.numbers}
    assert {rule.name for rule in rules.RULES} | {"clone3"} == known


HEADERS = {
    "x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
    "aarch64": "/usr/include/asm-generic/unistd.h",
}


@machines
def test_numbers_are_the_kernels(machine: Machine) -> None:
    header = Path(HEADERS[machine.name])
    if not header.exists():
        pytest.skip(f"{header} is not there")
    found = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text()))
    if machine.name == "aarch64":
        found["newfstatat"] = found.get("newfstatat", found.get("fstatat"))
    assert {name: str(number) for name, number in machine.numbers.items()} == {n: found[n] for n in machine.numbers}


def test_jumps_go_forward_and_not_too_far() -> None:
    back: list[bpf.Line] = [bpf.Label("here"), bpf.Step(bpf.JUMP, to="here")]
    with pytest.raises(ValueError, match="goes backward"):
        bpf.assemble(back)
    far: list[bpf.Line] = [bpf.Step(bpf.JUMP_IF_EQUAL, 1, "there"), *[bpf.Step(bpf.RETURN)] * 300, bpf.Label("there")]
    with pytest.raises(ValueError, match="goes too far"):
        bpf.assemble([*far, bpf.Step(bpf.RETURN)])
    with pytest.raises(ValueError, match="longer than the kernel takes"):
        bpf.assemble([bpf.Step(bpf.RETURN)] * 5000)
