"""First paint and live update of the dashboard while agents make 100 calls a second through the gateway."""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "workers")]

from tests.service.running import Installation, Simulator  # noqa: E402
from tests.web.dashboard.running import Dashboard, browsing  # noqa: E402

CALLS_A_SECOND = 100
AGENTS = 4
MODELS = """\
providers:
  one: {{type: openai, base_url: "{root}/v1", model: gpt-4o}}
  two: {{type: anthropic, base_url: "{root}", model: claude-sonnet-4-6}}
http: {{enabled: false, port: 7899}}
"""

SHIFT = """new Promise((done) => {
  let all = 0;
  new PerformanceObserver((list) => { for (const each of list.getEntries()) all += each.value; })
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(all), 7000);
})"""


def main() -> None:
    """Prints how long pages take at rest and under load."""
    limits = ("--requests-per-minute", "1000000", "--input-tokens-per-minute", "100000000")
    with Simulator("--fast", *limits) as simulator:
        made = Installation.make(Path(tempfile.mkdtemp()), MODELS.format(root=simulator.root))
        with made.serving():
            made.store_keys(("one", "two"))
            board = Dashboard(made)
            with browsing(viewport={"width": 1120, "height": 760}) as context:
                page = context.new_page()
                page.goto(board.link())
                page.wait_for_url("**/dashboard")
                measure(page, board, "at rest")
                over, ended = threading.Event(), [0]
                agents = [threading.Thread(target=load, args=(made, over, ended)) for _ in range(AGENTS)]
                for each in agents:
                    each.start()
                began, before = time.monotonic(), ended[0]
                measure(page, board, "under load")
                print(f"calls a second meanwhile: {(ended[0] - before) / (time.monotonic() - began):.0f}")
                over.set()
                for each in agents:
                    each.join()


def load(made: Installation, over: threading.Event, ended: list[int]) -> None:
    """One agent's share of the calls."""
    every_s = AGENTS / CALLS_A_SECOND
    with made.client() as client:
        due = time.monotonic()
        while not over.is_set():
            client.chat("hello", provider=("one", "two")[ended[0] % 2])
            ended[0] += 1
            due += every_s
            over.wait(max(0.0, due - time.monotonic()))


def measure(page: Any, board: Dashboard, when: str) -> None:
    """Ten loads of three pages; then how long the script's own looks take."""
    for path in ("", "/calls", "/usage"):
        paints: list[float] = []
        for _ in range(10):
            page.goto(f"{board.address}/dashboard{path}")
            page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length > 0")
            paints.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        shift = page.evaluate(SHIFT)
        looks = page.evaluate(
            "performance.getEntriesByType('resource').filter(e => e.initiatorType === 'fetch').map(e => e.duration)"
        )
        print(
            f"{when}, {path or '/':7} first paint {statistics.median(paints):.0f} ms, worst {max(paints):.0f} ms; "
            f"a look {statistics.median(looks):.0f} ms, worst {max(looks):.0f} ms; layout shift {shift:.3f}"
        )


if __name__ == "__main__":
    main()
