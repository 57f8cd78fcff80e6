"""What the commands' tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.cli.running import Gateway, Kruxos
from tests.cli.upstream import Upstream, running_upstream


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    with running_upstream() as server:
        yield server


@pytest.fixture
def kruxos(tmp_path_factory: pytest.TempPathFactory) -> Kruxos:
    home = tmp_path_factory.mktemp("k")  # a socket's path is short, and a test's name need not be
    return Kruxos(home / "data", home)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], tuple[Kruxos, Gateway]]]:
    """Starts a gateway with a models.yaml; it runs until the module's tests are done."""
    running: list[Gateway] = []

    def start(models: str) -> tuple[Kruxos, Gateway]:
        home = tmp_path_factory.mktemp("k")
        command = Kruxos(home / "data", home)
        command.write_models(models)
        gateway = Gateway(command)
        running.append(gateway)
        return command, gateway.__enter__()

    yield start
    for gateway in running:
        gateway.stop()
