"""A small assembler for the kernel's packet filters (classic BPF), as seccomp runs them. Pure.

A program is a list of steps, some of them labels that jumps go to; ``assemble`` makes instructions of it. Jumps go
forward only. (Linux: Documentation/userspace-api/seccomp_filter.rst, include/uapi/linux/bpf_common.h.)
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

LOAD_WORD = 0x20  # BPF_LD | BPF_W | BPF_ABS
MASK = 0x54  # BPF_ALU | BPF_AND | BPF_K
JUMP = 0x05  # BPF_JMP | BPF_JA
JUMP_IF_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
JUMP_IF_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
RETURN = 0x06  # BPF_RET | BPF_K

INSTRUCTION = struct.Struct("=HBBI")
INSTRUCTIONS_MAX = 4096
_NEAR_MAX = 255


@dataclass(frozen=True, slots=True)
class Label:
    """A place in the program."""

    name: str


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction. ``to``: where a jump goes when its condition holds; otherwise the next step follows."""

    code: int
    value: int = 0
    to: str = ""


Line: TypeAlias = Label | Step


def assemble(lines: Sequence[Line]) -> bytes:
    """The program as the kernel takes it. Raises ``ValueError`` for a jump that is too far or backward."""
    places, steps = _places(lines)
    if len(steps) > INSTRUCTIONS_MAX:
        raise ValueError(f"a filter of {len(steps)} instructions is longer than the kernel takes")
    return b"".join(_instruction(step, at, places) for at, step in enumerate(steps))


def _places(lines: Sequence[Line]) -> tuple[dict[str, int], list[Step]]:
    places: dict[str, int] = {}
    steps: list[Step] = []
    for line in lines:
        if isinstance(line, Label):
            places[line.name] = len(steps)
        else:
            steps.append(line)
    return places, steps


def _instruction(step: Step, at: int, places: dict[str, int]) -> bytes:
    if not step.to:
        return INSTRUCTION.pack(step.code, 0, 0, step.value)
    distance = places[step.to] - at - 1
    if distance < 0:
        raise ValueError(f"the jump to {step.to} goes backward")
    if step.code == JUMP:
        return INSTRUCTION.pack(step.code, 0, 0, distance)
    if distance > _NEAR_MAX:
        raise ValueError(f"the jump to {step.to} goes too far")
    return INSTRUCTION.pack(step.code, distance, 0, step.value)
