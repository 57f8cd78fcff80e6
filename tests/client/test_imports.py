"""What importing costs: by the modules that come along, not by the clock."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ["pynng", "trio", "httpx", "pydantic"]
LOOPS = ["asyncio", "anyio"]


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import kruxos", [*HEAVY, *LOOPS, "msgpack", "kruxos.wire"]),
        ("from kruxos import Client", [*HEAVY, *LOOPS]),
        ("from kruxos import BlockingClient; BlockingClient(address='/x')", [*HEAVY, *LOOPS]),
        ("from kruxos.client import ControlClient; ControlClient(address='/x')", [*HEAVY, *LOOPS]),
        ("import kruxos.transport", ["pynng", "httpx", "pydantic"]),
        ("import kruxos.client.aio_connector", HEAVY),
    ],
)
def test_an_import_brings_only_what_it_needs(code: str, unwanted: list[str]) -> None:
    script = f"import sys; {code}; print(*(name for name in {unwanted!r} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=_environment()
    )
    assert done.stdout.split() == []


def _environment() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_the_clients_public_names_are_these() -> None:
    import kruxos.client

    assert sorted(kruxos.client.__all__) == [
        "BlockingClient", "BlockingEventStream", "CallOptions", "Client", "ControlClient", "EventStream",
    ]  # fmt: skip
    for name in kruxos.client.__all__:
        assert getattr(kruxos.client, name).__name__ == name
    with pytest.raises(AttributeError, match="Nobody"):
        kruxos.client.Nobody  # noqa: B018
