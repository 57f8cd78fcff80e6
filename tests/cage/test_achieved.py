"""What is said of a cage where the kernel has less, and which files are named."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from kruxos.launcher.cage import landlock, places
from kruxos.launcher.cage.landlock import Restricted
from kruxos.launcher.cage.putting_on import summed_up
from tests.apart import run_apart

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the cage is Linux's")


@pytest.mark.parametrize(
    ("restricted", "calls", "unreadable", "level", "missing"),
    [
        (Restricted(7, files=True, ports=(443,), scopes=True), "x86_64", True, "full", ()),
        (Restricted(4, files=True, ports=(443,)), "x86_64", True, "full", ()),
        (Restricted(3, files=True), "x86_64", True, "partial", ("ports",)),
        (Restricted(), "aarch64", True, "partial", ("files", "ports")),
        (Restricted(7, files=True, ports=()), "", True, "partial", ("system calls",)),
        (Restricted(7, files=True, ports=(1,)), "x86_64", False, "partial", ("memory",)),
        (Restricted(), "", False, "none", ("files", "ports", "system calls", "memory")),
    ],
)
def test_a_word_for_what_holds_and_a_name_for_what_does_not(
    restricted: Restricted, calls: str, unreadable: bool, level: str, missing: tuple[str, ...]
) -> None:
    cage = summed_up(restricted, calls, unreadable=unreadable)
    assert (cage.level, cage.missing) == (level, missing)


@pytest.mark.parametrize(("version", "size"), [(1, 8), (2, 8), (3, 8), (4, 16), (5, 16), (6, 24), (7, 24), (12, 24)])
def test_no_more_is_asked_than_the_kernels_landlock_knows(version: int, size: int) -> None:
    attributes, length = landlock._attributes(version)
    assert (len(attributes), length) == (size, size)
    assert int.from_bytes(attributes[:8], "little").bit_length() == {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)


OLD_KERNEL = """
    import json, sys
    sys.path[:0] = json.loads(sys.argv[1])
    from kruxos.launcher import linux
    from kruxos.launcher.cage import landlock
    linux.forbid_new_privileges()
    landlock.version = lambda: int(sys.argv[2])
    found = landlock.restrict(["/usr/lib"], [443])
    try:
        open("/etc/passwd").close()
        read = True
    except PermissionError:
        read = False
    print(json.dumps([found.files, found.ports, found.scopes, read]))
"""
PATHS = json.dumps([str(Path.cwd())])


@linux_only
@pytest.mark.real
@pytest.mark.parametrize(
    ("version", "achieved"),
    [(1, [True, None, False, False]), (4, [True, [443], False, False]), (6, [True, [443], True, False]),
     (0, [False, None, False, True])],
)  # fmt: skip
def test_what_an_older_landlock_restricts_holds_and_the_rest_is_not_claimed(
    version: int, achieved: list[object]
) -> None:
    if landlock.version() < version:
        pytest.skip(f"this kernel's Landlock is older than {version}")
    done = run_apart(OLD_KERNEL, PATHS, str(version))
    assert json.loads(done.stdout) == achieved, done.stderr


WITHOUT = """
    import json, os, sys
    sys.path[:0] = json.loads(sys.argv[1])
    from kruxos.launcher import linux
    from kruxos.launcher.cage import prepare, put_on, seccomp
    linux.forbid_new_privileges()
    places = prepare()
    assert seccomp.restrict_calls(os.getpid())  # like a container that allows neither
    print(json.dumps(put_on(places, [443], 2 << 30, caged=True).to_wire()))
"""


@linux_only
@pytest.mark.real
def test_where_the_kernel_allows_nothing_it_says_so_and_goes_on() -> None:
    done = run_apart(WITHOUT, PATHS)
    achieved = json.loads(done.stdout)
    assert achieved["level"] == "none", done.stderr
    assert achieved["missing"] == ["files", "ports", "system calls", "memory"]
    assert (achieved["files"], achieved["ports"], achieved["system_calls"]) == (False, None, None)


def test_of_a_checkout_only_the_packages_are_readable_and_nothing_beside_them() -> None:
    found = places.readable()
    root = os.path.realpath(Path.cwd())
    assert f"{root}/kruxos" in found
    assert root not in found
    assert not any(root.startswith(f"{place}/") or place in ("/", "/home", "/etc") for place in found)
    assert str(Path.home()) not in found


def test_places_within_others_are_left_out() -> None:
    found = places.readable()
    assert not [one for one in found for other in found if one != other and one.startswith(f"{other}/")]
    assert all(Path(place).exists() for place in found)
