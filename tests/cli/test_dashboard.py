"""``kruxos dashboard``."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from tests.cli.running import Gateway, Kruxos

pytestmark = pytest.mark.real


def test_on_a_default_install_it_prints_a_link_that_signs_in_once(kruxos: Kruxos) -> None:
    with Gateway(kruxos):
        link = kruxos.well("dashboard").strip()
        assert link.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(link, timeout=10) as answer:
            assert "You are signed in." in answer.read().decode()
        found = json.loads(kruxos.well("dashboard", "--json"))
        assert found["url"] != link
        assert found["valid_s"] == 300


def test_without_a_gateway_it_says_how_to_start_one(kruxos: Kruxos) -> None:
    done = kruxos("dashboard")
    assert done.code == 3
    assert "kruxos serve" in done.err


def test_a_browser_is_given_a_private_file_and_no_link_in_its_arguments(kruxos: Kruxos, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$@" > {seen}\n')
    browser.chmod(0o700)
    with Gateway(kruxos):
        assert "opens in your browser" in kruxos.well("dashboard", "--open", BROWSER=str(browser))
    assert "token" not in seen.read_text()
    leading = kruxos.root / "dashboard.html"
    assert leading.stat().st_mode & 0o777 == 0o600
    assert "/dashboard/enter?token=" in leading.read_text()


def test_where_no_browser_opens_the_link_is_printed(kruxos: Kruxos) -> None:
    with Gateway(kruxos):
        assert "http://127.0.0.1:" in kruxos.well("dashboard", "--open", BROWSER="/nothing/here")
