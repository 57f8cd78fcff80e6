"""Every action of the dashboard in a real browser, against a real gateway and simulated providers."""

from __future__ import annotations

import os
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kruxos.web.dashboard.adding import TITLES
from tests.service.running import Simulator, until
from tests.web.dashboard.running import PASSPHRASE, Dashboard
from tests.web.running import free_port

pytestmark = pytest.mark.real

SETTINGS = "/dashboard/settings"


def go(page: Any, board: Dashboard, path: str) -> None:
    page.goto(board.address + path)


def sees(page: Any, text: str) -> None:
    """Waits until the text is on the page."""
    page.get_by_text(text).first.wait_for()


def press(page: Any, name: str) -> None:
    """Presses a button; the page after it is there when this returns."""
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).click()


def add(page: Any, board: Dashboard, kind: str, **fields: str) -> None:
    """Settings > Model Providers > Add Provider > the type, filled in and sent."""
    go(page, board, f"{SETTINGS}/providers")
    page.get_by_role("link", name="Add Provider").first.click()
    page.get_by_role("link", name=TITLES[kind][0]).first.click()
    page.wait_for_url(f"**?type={kind}")
    for name, value in fields.items():
        page.fill(f"#{name}", value)
    if kind == "openai-codex":
        page.check("#agreed")
    press(page, "Sign in with ChatGPT" if kind == "openai-codex" else "Add provider")


def remove(page: Any, board: Dashboard, name: str) -> None:
    """Removes a provider, as a person does who confirms it."""
    go(page, board, f"{SETTINGS}/providers/{name}")
    page.get_by_role("link", name="Remove provider").click()
    press(page, f"Remove {name}")
    sees(page, f"Removed {name}")


# Workers


def test_all_workers_are_shown_live(page: Any, board: Dashboard) -> None:
    sees(page, "claude")
    board.installation.control("worker.stop", provider="chatty")
    page.locator("section", has=page.get_by_role("heading", name="chatty")).get_by_text("stopped").wait_for()
    press(page, "Start chatty")
    sees(page, "chatty starts")
    board.installation.wait_ready("chatty")


def test_a_worker_is_restarted(page: Any, board: Dashboard) -> None:
    before = board.installation.workers()["claude"]
    press(page, "Restart claude")
    sees(page, "claude restarts")
    board.installation.wait_other("claude", before)
    board.installation.wait_ready("claude")


def test_a_worker_is_stopped_and_its_limits_are_forgotten(page: Any, board: Dashboard) -> None:
    press(page, "Stop gemini")
    board.installation.wait_worker("gemini", state="stopped")
    press(page, "Start gemini")
    board.installation.wait_ready("gemini")
    press(page, "Forget limits of gemini")
    sees(page, "asked again at once")


def test_a_provider_that_cools_has_a_clock_and_advice(page: Any, board: Dashboard) -> None:
    go(page, board, f"{SETTINGS}/providers/tired")
    press(page, "Test now")
    page.locator("#tested.bad-text").wait_for()
    go(page, board, "/dashboard")
    card = page.locator("section", has=page.get_by_role("heading", name="tired"))
    assert re.fullmatch(r"\d+s", card.locator(".clock").inner_text())
    first = card.locator(".clock").inner_text()
    until(lambda: card.locator(".clock").inner_text() != first, "a clock that goes")
    press(page, "Forget limits of tired")
    card.locator(".clock").wait_for(state="detached")


# Providers


@pytest.mark.parametrize("kind", [kind for kind in TITLES if kind not in ("local", "openai-codex")])
def test_a_provider_of_each_type_with_a_key_is_added_and_removed(page: Any, board: Dashboard, kind: str) -> None:
    add(page, board, kind, name=f"my-{kind}", api_key="a-made-up-key")
    sees(page, f"Added my-{kind}")
    entry = next(each for each in board.installation.control("model.list")["providers"] if each["name"] == f"my-{kind}")
    assert entry["credentials"] == "stored"
    assert "a-made-up-key" not in page.content()
    remove(page, board, f"my-{kind}")
    assert f"my-{kind}" not in str(board.installation.control("vault.list"))


def test_openai_with_a_base_url_is_added_tested_and_made_the_default(
    page: Any, board: Dashboard, simulator: Simulator
) -> None:
    add(page, board, "openai", name="deep", base_url=f"{simulator.root}/v1", model="gpt-4o", api_key="a-made-up-key")
    sees(page, "Added deep")
    board.installation.wait_ready("deep")
    press(page, "Test now")
    sees(page, "gpt-4o answered in")
    press(page, "Set default for autonomous")
    sees(page, "deep answers for autonomous")
    assert board.installation.status()["defaults"]["autonomous"] == "deep"
    press(page, "Disable")
    sees(page, "deep is disabled")
    press(page, "Enable")
    remove(page, board, "deep")


def test_a_bad_key_is_told_inline_and_mended_there(page: Any, board: Dashboard) -> None:
    with Simulator("--fast", "--key", "the-good-key") as strict:
        add(page, board, "openai", name="keyed", base_url=f"{strict.root}/v1", model="gpt-4o", api_key="the-bad-key")
        board.installation.wait_ready("keyed")
        go(page, board, f"{SETTINGS}/providers")
        press(page, "Test keyed")
        row = page.locator("tr", has=page.get_by_role("link", name="keyed"))
        row.locator(".bad-text.result").wait_for()
        assert "key" in row.inner_text()
        go(page, board, f"{SETTINGS}/providers/keyed")
        before = board.installation.workers()["keyed"]
        page.fill("#api_key", "the-good-key")
        press(page, "Store key")
        sees(page, "has a new key")
        board.installation.wait_other("keyed", before)
        board.installation.wait_ready("keyed")
        press(page, "Test now")
        sees(page, "gpt-4o answered in")
        remove(page, board, "keyed")


def test_what_was_typed_is_there_again_where_it_cannot_be_added(page: Any, board: Dashboard) -> None:
    add(page, board, "openai", name="gpt", base_url="https://example.test/v1", model="m", api_key="a-made-up-key")
    sees(page, "there is a provider gpt already")
    assert page.input_value("#base_url") == "https://example.test/v1"
    assert page.input_value("#api_key") == ""


def test_a_local_ollama_lists_what_is_pulled_and_its_model_is_chosen(
    page: Any, board: Dashboard, simulator: Simulator
) -> None:
    add(page, board, "local", name="here", base_url=simulator.root, model="llama3.3:8b")
    board.installation.wait_ready("here")
    go(page, board, f"{SETTINGS}/providers/here")
    sees(page, "Models on this machine")
    button = page.get_by_role("button", name=re.compile("^Use ")).first
    wanted = (button.get_attribute("aria-label") or "").removeprefix("Use ")
    press(page, f"Use {wanted}")
    sees(page, f"is asked for {wanted}")
    remove(page, board, "here")


def test_an_ollama_that_is_down_is_told_with_what_to_do(page: Any, board: Dashboard) -> None:
    add(page, board, "local", name="gone", base_url=f"http://127.0.0.1:{free_port()}")
    board.installation.wait_ready("gone")
    go(page, board, f"{SETTINGS}/providers/gone")
    sees(page, "ollama serve")
    press(page, "Test now")
    page.locator("#tested.bad-text").wait_for()
    remove(page, board, "gone")


# Codex


@pytest.fixture
def issuer(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with Simulator("--fast", "--logins", getattr(request, "param", "ask")) as server:
        yield server


def begin_login(page: Any, board: Dashboard, issuer: Simulator) -> None:
    add(page, board, "openai-codex", base_url=f"{issuer.root}/backend-api/codex")
    page.wait_for_url("**/settings/logins/*")


def test_a_codex_login_is_pending_with_its_code_until_it_is_approved(
    page: Any, board: Dashboard, issuer: Simulator
) -> None:
    begin_login(page, board, issuer)
    page.locator("#code").wait_for()
    code = page.inner_text("#code")
    assert re.fullmatch(r"[A-Z0-9]{4}-[A-Z0-9]{5}", code)
    sees(page, "Pending")
    approve(issuer, code)
    sees(page, "Signed in: openai-codex")
    page.get_by_role("link", name="To openai-codex").click()
    board.installation.wait_ready("openai-codex")
    remove(page, board, "openai-codex")


def approve(issuer: Simulator, code: str) -> None:
    where = f"{issuer.root}/codex/device?user_code={code}&answer=approve"
    with urllib.request.urlopen(where, timeout=10) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("issuer", "words"),
    [("deny", "The login was denied."), ("expire", "Nobody approved the code in time.")],
    indirect=["issuer"],
)
def test_a_codex_login_that_is_denied_or_expires_says_so_and_leaves_nothing(
    page: Any, board: Dashboard, issuer: Simulator, words: str
) -> None:
    begin_login(page, board, issuer)
    sees(page, words)
    assert "openai-codex" not in str(board.installation.control("model.list"))


def test_a_codex_login_is_given_up(page: Any, board: Dashboard, issuer: Simulator) -> None:
    begin_login(page, board, issuer)
    page.locator("#code").wait_for()
    press(page, "Give up")
    sees(page, "You gave this login up.")


# The vault


def test_a_locked_vault_is_told_everywhere_and_unlocked_with_its_passphrase(context: Any, sealed: Dashboard) -> None:
    page = context.new_page()
    page.goto(sealed.link())
    page.wait_for_url("**/dashboard")
    go(page, sealed, f"{SETTINGS}/vault")
    press(page, "Lock")
    sees(page, "The vault is locked.")
    go(page, sealed, "/dashboard")
    sees(page, "The vault is locked: workers that start now get no key.")
    go(page, sealed, f"{SETTINGS}/add-provider?type=anthropic")
    sees(page, "so its credentials cannot be stored")
    go(page, sealed, f"{SETTINGS}/vault")
    page.fill("#passphrase", "not the passphrase")
    press(page, "Unlock")
    page.locator("#problem").wait_for()
    page.fill("#passphrase", PASSPHRASE)
    press(page, "Unlock")
    sees(page, "The vault is unlocked.")
    add(page, sealed, "anthropic", name="late", api_key="a-made-up-key")
    sees(page, "Added late")
    page.close()


# Agents


def test_an_agents_token_is_shown_once_and_it_is_rotated_revoked_and_restored(page: Any, board: Dashboard) -> None:
    go(page, board, "/dashboard/agents")
    page.fill("#name", "code-bot")
    page.fill("#model", "claude")
    page.fill("#purpose", "writes code")
    page.fill("#limits", "5usd/day")
    press(page, "Create agent")
    first = page.inner_text(".token")
    with board.installation.client("code-bot", first) as agent:
        assert agent.chat("hello").text
    page.reload()
    assert page.locator(".token").count() == 0
    sees(page, "5usd/day")
    press(page, "New token")
    second = page.inner_text(".token")
    assert second != first
    press(page, "Revoke")
    sees(page, "code-bot is revoked")
    press(page, "Restore with a new token")
    assert page.inner_text(".token") not in (first, second)


def test_an_agents_policy_and_model_are_changed(page: Any, board: Dashboard) -> None:
    board.installation.control("agent.create", name="limited")
    go(page, board, "/dashboard/agents/limited")
    page.fill("#limits", "2usd/day 30calls/minute")
    page.fill("#providers", "claude gpt")
    page.select_option("#fallback", "none")
    press(page, "Save policy")
    sees(page, "policy holds from its next call on")
    found = board.installation.control("agent.show", name="limited")
    assert sorted(found["limits"]) == ["2usd/day", "30/min"]
    assert found["providers_allowed"] == ["claude", "gpt"]
    page.fill("#limits", "a lot")
    press(page, "Save policy")
    page.locator("#problem").wait_for()
    page.fill("#model", "claude")
    press(page, "Set")
    assert board.installation.control("agent.show", name="limited")["provider"] == "claude"


# What was


def test_calls_have_their_attempts_and_costs_are_charted(page: Any, board: Dashboard) -> None:
    with board.installation.client() as agent:
        assert agent.chat("hello", provider="tired", fallback="any").provider != "tired"
    go(page, board, "/dashboard/calls")
    page.locator("svg.timeline rect.missed").first.wait_for()
    page.locator("ol.attempts li", has_text="tired: rate limited").first.wait_for()
    go(page, board, "/dashboard/usage")
    page.locator("svg.chart").first.locator("rect.bar").last.wait_for()
    page.get_by_role("link", name="30 days").click()
    page.wait_for_url("**days=30")
    assert page.locator("svg.chart").first.locator("g").count() == 30
    board.installation.control("worker.reset", provider="tired")


def test_events_come_in_while_one_looks_on(page: Any, board: Dashboard) -> None:
    go(page, board, "/dashboard/events")
    board.installation.control("agent.create", name="newcomer")
    page.get_by_role("cell", name="newcomer", exact=True).wait_for()
    page.get_by_role("link", name="operator", exact=True).first.click()
    page.wait_for_url("**kind=operator")


def test_batches_without_any_say_how_to_begin(page: Any, board: Dashboard) -> None:
    go(page, board, "/dashboard/batches")
    sees(page, "kruxos batch submit")


# Keyboard, accessibility, signing out

PAGES = (
    "", "/calls", "/usage", "/agents", "/agents/limited", "/batches", "/events", "/settings/providers",
    "/settings/providers/gpt", "/settings/providers/gpt/remove", "/settings/add-provider", "/settings/vault",
    *(f"/settings/add-provider?type={kind}" for kind in ("anthropic", "openai", "openai-codex", "local")),
)  # fmt: skip


def test_a_page_works_by_keyboard(page: Any, board: Dashboard) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.getElementById('main').contains(document.activeElement)")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.get_by_role("button", name="Restart claude").focus()
    seen = page.inner_text("#live-gateway")
    page.wait_for_function("before => document.getElementById('live-gateway').innerText !== before", arg=seen)
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Restart claude"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(page: Any, board: Dashboard, path: str, scheme: str) -> None:
    source = Path(os.environ.get("KRUXOS_AXE", ""))
    if not source.is_file():
        pytest.skip("axe-core is not here: KRUXOS_AXE names its axe.min.js")
    if path == "/agents/limited" and "limited" not in str(board.installation.control("agent.list")):
        board.installation.control("agent.create", name="limited")
    page.emulate_media(color_scheme=scheme)
    go(page, board, f"/dashboard{path}")
    page.evaluate(source.read_text())
    found = page.evaluate("axe.run()")["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []


@pytest.mark.parametrize("path", PAGES[:9])
def test_a_page_fits_a_phone(page: Any, board: Dashboard, path: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    go(page, board, f"/dashboard{path}" if path != "/agents/limited" else "/dashboard/agents")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_signing_out_ends_the_session(page: Any, board: Dashboard) -> None:
    press(page, "Sign out")
    sees(page, "You are signed out.")
    go(page, board, "/dashboard")
    sees(page, "You are not signed in.")


def test_a_gateway_that_is_gone_is_told_and_comes_back_by_itself(page: Any, board: Dashboard) -> None:
    page.route("**/dashboard", lambda route: route.abort())
    sees(page, "The gateway does not answer.")
    page.unroute("**/dashboard")
    page.locator("#lost").wait_for(state="hidden")
    until(lambda: page.inner_text("#fresh") == "live", "a live page")
