"""Where a process of ours that starts without site packages finds what it imports."""

from __future__ import annotations

import importlib.util
import os
import sys

_BOOT = (
    "import sys; module, sys.path[:0] = sys.argv[1], sys.argv[2:]; "
    "from importlib import import_module; import_module(module).main()"
)


def module_command(module: str) -> list[str]:
    """The words that run a module's ``main`` in a process of its own, which sees no environment of ours."""
    return [sys.executable, "-I", "-S", "-c", _BOOT, module, *import_paths()]


def import_paths() -> list[str]:
    """Where a worker finds what it imports, without site packages' start-up code."""
    places = [path for path in sys.path if path and os.path.isdir(path)]  # noqa: PTH112 - strings in, strings out
    for name in ("kruxos", "kruxos_workers"):
        spec = importlib.util.find_spec(name)
        for location in (spec.submodule_search_locations or []) if spec is not None else []:
            places.append(os.path.dirname(os.path.abspath(location)))  # noqa: PERF401, PTH100, PTH120
    return list(dict.fromkeys(os.path.abspath(place) for place in places))  # noqa: PTH100
