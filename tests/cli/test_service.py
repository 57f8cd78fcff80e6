"""`kruxos service`: the unit and the property list, and what systemctl and launchctl are asked."""

from __future__ import annotations

import json
import os
import plistlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kruxos.cli import user_service
from kruxos.cli.user_service import LABEL, Launchd, plist_text, program, service_environment, unit_text
from tests.cli.running import Kruxos
from tests.cli.services import Services, without_services


def test_the_unit_starts_the_command_and_says_where_the_data_is() -> None:
    text = unit_text(["/opt/my tools/kruxos"], {"KRUXOS_DATA_DIR": "/srv/100%/k"})
    assert 'ExecStart="/opt/my tools/kruxos" serve --quiet\n' in text
    assert "Environment=KRUXOS_DATA_DIR=/srv/100%%/k\n" in text
    assert "Type=notify\n" in text


def test_the_property_list_can_be_read_back() -> None:
    found = plistlib.loads(plist_text(["/opt/kruxos"], {"KRUXOS_DATA_DIR": "/srv/k"}))
    assert found["Label"] == LABEL
    assert found["ProgramArguments"] == ["/opt/kruxos", "serve", "--quiet"]
    assert found["EnvironmentVariables"] == {"KRUXOS_DATA_DIR": "/srv/k"}


def test_the_service_is_told_of_the_data_directory_only_where_it_was_said() -> None:
    assert service_environment({}) == {}
    assert service_environment({"KRUXOS_DATA_DIR": "/srv/k", "ANTHROPIC_API_KEY": "x"}) == {"KRUXOS_DATA_DIR": "/srv/k"}


def test_the_command_is_started_by_its_own_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "kruxos"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(command)])
    assert program() == [str(command)]
    monkeypatch.setattr(sys, "argv", ["/x/kruxos/cli/__main__.py"])
    assert program() == [sys.executable, "-m", "kruxos.cli"]


@pytest.fixture
def services(kruxos: Kruxos) -> Iterator[Services]:
    found = Services(kruxos)
    yield found
    found.stop()


@pytest.mark.real
def test_it_is_installed_runs_and_is_removed(kruxos: Kruxos, services: Services) -> None:
    before = kruxos("service", "status", PATH=services.path)
    assert (before.code, before.out) == (1, "No service is installed: kruxos service install\n")
    done = kruxos("service", "install", PATH=services.path)
    assert done.code == 0, done.said
    assert done.out.startswith(f"Installed {services.unit}, and started it.\nThe gateway runs.")
    assert services.asked()[-3:] == [
        "--user daemon-reload", "--user enable kruxos.service", "--user restart kruxos.service",
    ]  # fmt: skip
    assert f"Environment=KRUXOS_DATA_DIR={kruxos.root}\n" in services.unit.read_text()
    assert kruxos("status").code == 0
    state = json.loads(kruxos.well("service", "status", "--json", PATH=services.path))
    assert state == {"manager": "systemd", "file": str(services.unit), "running": True}
    assert kruxos.well("service", "uninstall", PATH=services.path) == f"Stopped it, and removed {services.unit}.\n"
    assert not services.unit.exists()
    assert kruxos.well("service", "uninstall", PATH=services.path) == "No service is installed.\n"


def test_a_system_without_services_for_users_is_told_so(kruxos: Kruxos) -> None:
    done = kruxos("service", "install", PATH=without_services(kruxos.home))
    assert done.err == (
        "error: no systemd answers for this user (systemctl --user)\n"
        "fix: run `kruxos serve` in a terminal, or under whatever starts programs here\n"
    )


def test_launchd_is_asked_in_the_users_own_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = tmp_path / "asked"
    launchctl = tmp_path / "launchctl"
    launchctl.write_text(f'#!/bin/sh\necho "$*" >>{asked}\necho "state = running"\n')
    launchctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "darwin")
    launchd = user_service.manager()
    assert isinstance(launchd, Launchd)
    file = launchd.install()
    assert file == tmp_path / "Library/LaunchAgents/com.kruxos.gateway.plist"
    assert launchd.state() == user_service.ServiceState("launchd", file, running=True)
    assert launchd.uninstall() == file
    assert launchd.uninstall() is None
    domain = f"gui/{os.getuid()}"
    assert asked.read_text().splitlines() == [
        f"bootout {domain}/{LABEL}",
        f"bootstrap {domain} {file}",
        f"print {domain}/{LABEL}",
        f"bootout {domain}/{LABEL}",
    ]
