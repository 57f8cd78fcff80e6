"""`kruxos setup`: from an empty home to a first answer; what it asks, and what it leaves alone."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator

import pytest

from kruxos.cli.found_keys import FoundKey, found_keys, ollama_address
from kruxos.simulator import Simulator
from tests.cli.running import Kruxos
from tests.cli.services import Services, without_services
from tests.simulator.support import served

KEY = "sk-canary-0123456789abcdef"
NOWHERE = "127.0.0.1:1"


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, []),
        ({"ANTHROPIC_API_KEY": "x"}, [FoundKey("ANTHROPIC_API_KEY", "anthropic", None)]),
        ({"ANTHROPIC_API_KEY": "  "}, []),
        (
            {"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": "https://h.example/v1"},
            [FoundKey("OPENAI_API_KEY", "openai", "https://h.example/v1")],
        ),
        ({"GEMINI_API_KEY": "x", "GOOGLE_API_KEY": "y"}, [FoundKey("GEMINI_API_KEY", "gemini", None)]),
    ],
)
def test_keys_in_the_usual_variables_are_found_one_a_type(environment: dict[str, str], found: list[FoundKey]) -> None:
    assert list(found_keys(environment)) == found


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("", "http://localhost:11434"),
        ("0.0.0.0", "http://localhost:11434"),
        ("0.0.0.0:8080", "http://localhost:8080"),
        ("box.example", "http://box.example:11434"),
        ("https://box.example:443", "https://box.example:443"),
        ("[::1]:9000", "http://[::1]:9000"),
        (":70000000", "http://localhost:11434"),
    ],
)
def test_an_ollama_is_looked_for_where_its_own_variable_says(said: str, address: str) -> None:
    assert ollama_address({"OLLAMA_HOST": said}) == address


@pytest.fixture
def provider() -> Iterator[tuple[str, Simulator]]:
    with served() as both:
        yield both


@pytest.fixture
def services(kruxos: Kruxos) -> Iterator[Services]:
    found = Services(kruxos)
    yield found
    found.stop()


def started(text: str) -> int:
    """The pid of the gateway that a setup has started."""
    (pid,) = re.findall(r"it is stopped by: kill (\d+)", text)
    return int(pid)


def test_without_a_terminal_and_without_a_yes_nothing_is_done(kruxos: Kruxos) -> None:
    done = kruxos("setup", ANTHROPIC_API_KEY=KEY)
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("fix: kruxos setup --yes\n")
    assert not kruxos.root.exists()


@pytest.mark.real
def test_from_an_empty_home_to_an_answer_within_a_minute(
    kruxos: Kruxos, services: Services, provider: tuple[str, Simulator]
) -> None:
    url, _ = provider
    environment = {
        "PATH": services.path,
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": url,
        "OLLAMA_HOST": url,
    }
    began_at = time.monotonic()
    done = kruxos("setup", "--yes", **environment)
    assert time.monotonic() - began_at < 60
    assert done.code == 0, done.said
    for words in (
        f"Installed {services.unit}.",
        "The vault is unlocked; its key is kept in",
        f"ANTHROPIC_API_KEY holds a key. Copy it to the vault, for a provider `anthropic` at {url}? yes",
        "Added anthropic: claude-sonnet-4-6, the default for chat.",
        f"An Ollama answers at {url}. Add it as `local-default`? yes",
        "Added local-default: llama3.3:8b.",
        "kruxos agent create --name my-agent",
    ):
        assert words in done.out, done.said
    assert "llama3.3:8b is not pulled: local-default has " in done.err
    assert "claude-sonnet-4-6 at anthropic" in done.err
    assert "canary" not in done.said + "".join(
        path.read_text(errors="replace") for path in kruxos.root.rglob("*") if path.is_file()
    )

    again = kruxos("setup", "--yes", "--no-question", **environment)
    assert again.code == 0, again.said
    assert "The gateway runs.\n" in again.out
    assert "Added" not in again.out


@pytest.mark.real
def test_without_services_the_gateway_is_started_in_the_background_and_that_is_said(
    kruxos: Kruxos, provider: tuple[str, Simulator]
) -> None:
    done = kruxos("setup", "--yes", PATH=without_services(kruxos.home), OLLAMA_HOST=NOWHERE)
    pid = started(done.out)
    os.kill(pid, signal.SIGTERM)
    assert done.code == 0, done.said
    assert "no service is installed" in done.err
    assert "There is no provider yet" in done.out


@pytest.mark.real
def test_nothing_is_copied_and_nothing_started_without_a_yes(kruxos: Kruxos, services: Services) -> None:
    environment = {"PATH": services.path, "ANTHROPIC_API_KEY": KEY, "OLLAMA_HOST": NOWHERE}
    with kruxos.at_terminal("setup", environment=environment) as terminal:
        terminal.wait_for("Install the gateway as a service of yours, and start it? [y/N] ")
        terminal.type("n\n")
        terminal.wait_for("Start the gateway in the background, until this machine is turned off? [y/N] ")
        terminal.type("n\n")
        terminal.wait_for("fix:")
        assert terminal.end() == 1
    assert not services.unit.exists()
    assert not kruxos.root.exists()


@pytest.mark.real
def test_a_key_that_is_not_agreed_to_stays_where_it_is(kruxos: Kruxos, services: Services) -> None:
    environment = {"PATH": services.path, "ANTHROPIC_API_KEY": KEY, "OLLAMA_HOST": NOWHERE}
    with kruxos.at_terminal("setup", environment=environment) as terminal:
        terminal.wait_for("and start it? [y/N] ")
        terminal.type("y\n")
        terminal.wait_for("for a provider `anthropic`? [y/N] ")
        terminal.type("\n")
        terminal.wait_for("There is no provider yet")
        assert terminal.end() == 0
    assert kruxos.well("vault", "list") == "The vault is empty.\n"
