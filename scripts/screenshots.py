"""The pictures of docs/dashboard.md. Everything that they show is simulated; the usage of past days is made up."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "workers")]

from kruxos.config.directory import DataDirectory  # noqa: E402
from kruxos.events import Usage  # noqa: E402
from kruxos.ledger.calls import Call  # noqa: E402
from kruxos.ledger.ledger import Ledger  # noqa: E402
from tests.service.running import Installation, Simulator  # noqa: E402
from tests.web.dashboard.running import Dashboard, browsing  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
DAY_S = 86_400.0
MODELS = """\
providers:
  claude-api: {{type: anthropic, base_url: "{root}", model: claude-sonnet-4-6, label: Claude Sonnet 4.6}}
  openai-api: {{type: openai, profile: openai, base_url: "{root}/v1", model: gpt-5.4, label: GPT-5.4}}
  deepseek: {{type: openai, base_url: "{root}/v1", model: deepseek-chat, label: DeepSeek V3}}
  gemini-api: {{type: gemini, base_url: "{root}/v1beta", model: gemini-2.5-flash, label: Gemini 2.5 Flash}}
  groq: {{type: openai, base_url: "{root}/v1", model: gpt-5-mini, headers: {{x-simulate: "429 retry_after=180"}}}}
  mistral: {{type: openai, base_url: "{root}/v1", model: gpt-4o}}
defaults: {{chat: claude-api, fallback: openai-api}}
http: {{enabled: false, port: 0}}
"""
KEYED = ("claude-api", "openai-api", "deepseek", "gemini-api", "groq")
AGENTS = {"code-bot": "claude-api", "research": "deepseek", "helper": "openai-api"}
SHOTS = (
    ("workers", "/dashboard"),
    ("usage", "/dashboard/usage"),
    ("calls", "/dashboard/calls"),
    ("providers", "/dashboard/settings/providers"),
    ("add", "/dashboard/settings/add-provider?type=openai"),
    ("agents", "/dashboard/agents"),
)
DARK = ("workers", "usage")


def main() -> None:
    """Takes all pictures."""
    with Simulator(
        "--model", "deepseek-chat", "--requests-per-minute", "12", "--input-tokens-per-minute", "40000"
    ) as simulator:
        home = Path(tempfile.mkdtemp())
        made = Installation.make(home, MODELS.format(root=simulator.root).replace("port: 0", "port: 7800"))
        make_up_the_past(made)
        with made.serving():
            made.store_keys(KEYED)
            fill(made)
            shoot(Dashboard(made))


def make_up_the_past(made: Installation) -> None:
    """Six days of usage."""
    dice, now = random.Random(7), time.time()
    ledger = Ledger.open(DataDirectory(made.kruxos.root), now)
    for number in range(420):
        agent = dice.choice(list(AGENTS))
        fresh, cached = dice.randint(300, 2500), dice.choice((0, dice.randint(1000, 9000)))
        written = dice.randint(100, 900)
        usage = Usage(uncached_input_tokens=fresh, cache_read_tokens=cached, output_tokens=written)
        cost = Decimal(fresh * 3 + cached * 3 // 10 + written * 15) / 1_000_000
        at = now - DAY_S * (1 + 5 * dice.random() ** 1.3)
        models = {"claude-api": "claude-sonnet-4-6", "deepseek": "deepseek-chat", "openai-api": "gpt-5.4"}
        ledger.writer.append(Call(
            call_id=f"made-up-{number}", started_at=at, agent=agent, provider=AGENTS[agent],
            model=models[AGENTS[agent]], op="chat", outcome="answered", usage=usage, cost=cost, currency="USD",
        ))  # fmt: skip
    ledger.close()


def fill(made: Installation) -> None:
    """Agents, budgets, and calls of today."""
    for name, provider in AGENTS.items():
        limits = ["2usd/day", "20mtok/month"] if name == "code-bot" else []
        purpose = {"code-bot": "writes and reviews code", "research": "reads papers", "helper": ""}[name]
        token = made.control("agent.create", name=name, model=provider, limits=limits, purpose=purpose)["token"]
        with made.client(name, token) as client:
            for question in ("Explain nng in a sentence.", "Name three prime numbers. " * 60, "And in five words?"):
                client.chat(question)
            if name == "helper":
                client.chat("hello", provider="groq", fallback="any")


def shoot(board: Dashboard) -> None:
    """Opens each page, and keeps how it looks."""
    for scheme in ("light", "dark"):
        options: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": 1120, "height": 760}}
        with browsing(**options, device_scale_factor=1.5) as context:
            page = context.new_page()
            page.goto(board.link())
            page.wait_for_url("**/dashboard")
            for name, path in SHOTS:
                if scheme == "light" or name in DARK:
                    page.goto(board.address + path)
                    page.screenshot(path=str(PICTURES / f"dashboard-{name}{'-dark' * (scheme == 'dark')}.png"))
            if scheme == "light":
                page.set_viewport_size({"width": 390, "height": 760})
                page.goto(f"{board.address}/dashboard")
                page.screenshot(path=str(PICTURES / "dashboard-phone.png"))


if __name__ == "__main__":
    main()
