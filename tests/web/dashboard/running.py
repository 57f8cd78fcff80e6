"""A gateway, its dashboard and a person: with a browser, or with plain HTTP."""

from __future__ import annotations

import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from tests.service.running import Installation
from tests.web.running import free_port

CHROMIUM = "/usr/bin/chromium"
WITHIN_MS = 20_000
PASSPHRASE = "a long passphrase"
_WORD = re.compile(r'name="form_word" value="([^"]+)"')


@dataclass
class Dashboard:
    """A running gateway with its dashboard."""

    installation: Installation

    def link(self) -> str:
        """A fresh one-time link."""
        return cast("str", self.installation.control("web.link")["url"])

    @property
    def address(self) -> str:
        """Where it listens."""
        return cast("str", self.installation.control("web.start")["address"])

    def visitor(self) -> httpx.Client:
        """Somebody without a cookie."""
        return httpx.Client(base_url=self.address, timeout=40.0, trust_env=False)

    def operator(self) -> Operator:
        """Somebody who is signed in, by plain HTTP."""
        client = self.visitor()
        assert client.get(self.link()).status_code == 200
        return Operator(client)


@dataclass
class Operator:
    """A signed-in client that fills forms in."""

    http: httpx.Client

    def form_word(self) -> str:
        """The word that forms of this session repeat."""
        found = _WORD.search(self.http.get("/dashboard").text)
        assert found is not None
        return found[1]

    def post(self, path: str, **fields: str) -> httpx.Response:
        """Sends a form, and follows to the page after it."""
        data = {"form_word": self.form_word(), **fields}
        return self.http.post(f"/dashboard{path}", data=data, follow_redirects=True)


@contextmanager
def dashboard(home: Path, models: str, keyed: tuple[str, ...] = ()) -> Generator[Dashboard]:
    """A gateway with these models, its doors closed, and its web process, for the length of the block."""
    made = Installation.make(home, f"{models}\nhttp:\n  enabled: false\n  port: {free_port()}\n")
    with made.serving():
        made.store_keys(keyed)
        made.control("web.start")
        yield Dashboard(made)


@contextmanager
def browsing(**options: Any) -> Generator[Any]:
    """A headless Chromium's context. The test is skipped where there is no Chromium, or no driver."""
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"no Chromium at {CHROMIUM}")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(**options)
        context.set_default_timeout(WITHIN_MS)
        try:
            yield context
        finally:
            browser.close()
