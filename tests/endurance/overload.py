"""Ten times the load that a provider's limit lets through, with agents beside it that do not read.

The provider answers so many calls at once, each in a fifth of a second: its peak is measured first, by as many calls
at a time as keep it busy. Then ten times as many come a second, whatever becomes of them. Beside it other agents ask
another provider as before, and a few more let an endless stream run into a wall.
"""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.endurance.figures import Figures
from tests.endurance.flood import Told, finish_flood, start_flood
from tests.endurance.load import Load, loading
from tests.endurance.processes import descriptors, held, pids, starved_s, watching
from tests.service.running import Installation, Simulator, until

MODELS = """\
providers:
  narrow: {{type: openai, profile: openai, base_url: "{paced}/v1", model: gpt-4o, limits: {{concurrency: {at_once}}}}}
  wide: {{type: openai, profile: openai, base_url: "{paced}/v1", model: gpt-4.1}}
  endless: {{type: openai, profile: openai, base_url: "{fast}/v1", model: gpt-5.1}}
defaults: {{chat: narrow}}
"""
NAMES = ("narrow", "wide", "endless")
AT_ONCE = 32
PACE = ("--first-token", "0.1", "--rate", "100")
TIMES = 10
SESSIONS = 8
PEAK_WITHIN_S = 20
SLOW_AGENTS = 4
CUT_WITHIN_S = 90.0
"""An agent that reads nothing is cut off after 60 s."""
SHORT_OF_PEAK_PERCENT = 5.0
REFUSED_P99_S = 0.010
GROWTH_MIB_MAX = 64.0
KEPT = ("keys", "conversations", "kept_answer_bytes")
"""What is kept on purpose."""

DEAF_AGENT = """
import sys
from pathlib import Path
import msgpack
from kruxos import wire
from tests.service.raw import RawSession
session = RawSession(Path(sys.argv[1]), agent="deaf")
prompt = "Go on. [[simulate endless]]"
body = msgpack.packb({"messages": [{"role": "user", "content": prompt}], "max_output_tokens": 64})
session.send(wire.Open(id=1, body=body, provider="endless", stream=True, fallback="none"))
sys.stdin.read()
"""


def overload(seconds: int, home: Path, *, slow_agents: int = SLOW_AGENTS) -> Figures:
    """``seconds`` of it."""
    figures = Figures(f"overload {seconds} s")
    with Simulator(*PACE) as paced, Simulator("--fast") as fast:
        models = MODELS.format(paced=paced.root, fast=fast.root, at_once=AT_ONCE)
        installation = Installation.make(home, models)
        with installation.serving():
            installation.store_keys(NAMES)
            with loading(installation, 1, "wide") as quiet:
                peak = _flood(installation, min(seconds, PEAK_WITHIN_S), "open", 3 * AT_ONCE)
            installation.wait_idle()
            figures.tell(f"peak goodput {peak.goodput:.1f}/s with {AT_ONCE} calls at once, {peak.lasted_s:.0f} s")
            before = held(installation.gateway.pid)
            processes = pids(installation)
            with watching(processes) as memory, _deaf(installation, slow_agents):
                at_rest = dict(memory.bytes)
                starved = starved_s(installation.gateway.pid)
                with loading(installation, 1, "wide") as meanwhile:
                    told = _flood(installation, seconds, "rate", TIMES * peak.goodput)
                starved = starved_s(installation.gateway.pid) - starved
                _tell_cut_off(figures, installation, slow_agents)
            _tell_flood(figures, peak, told)
            figures.tell(f"the supervisor was ready to run and had no processor for {starved:.1f} s of these")
            _tell_others(figures, quiet, meanwhile)
            for name, most in memory.bytes.items():
                grown = (most - at_rest[name]) / 2**20
                figures.at_most(f"growth of {name} at its peak in MiB", round(grown, 1), GROWTH_MIB_MAX)
            _tell_bounds(figures, installation, {"narrow": AT_ONCE + 1000})
            _tell_rest(figures, installation, before.descriptors)
    return figures


def _flood(installation: Installation, seconds: int, manner: str, many: float) -> Told:
    return finish_flood(start_flood(installation, SESSIONS, seconds, manner, many, "narrow"))


@contextmanager
def _deaf(installation: Installation, count: int) -> Generator[None]:
    """Agents that read nothing, and stay until the end."""
    agents = [installation.agent_process(DEAF_AGENT, str(installation.kruxos.root)) for _ in range(count)]
    try:
        if count:
            installation.wait_worker("endless", in_flight=count)
        yield
    finally:
        for agent in agents:
            _end(agent)


def _end(agent: subprocess.Popen[str]) -> None:
    with agent:
        assert agent.stdin is not None
        agent.stdin.close()
        agent.wait()


def _tell_cut_off(figures: Figures, installation: Installation, count: int) -> None:
    if not count:
        return

    def cut() -> list[dict[str, Any]]:
        calls = installation.control("call.list", agent="deaf")["calls"]
        return calls if len([each for each in calls if each["last"]]) >= count else []

    outcomes = [each["outcome"] for each in until(cut, "the end of the slow agents' calls", CUT_WITHIN_S, pause_s=0.5)]
    figures.tally("slow agents' calls", outcomes)
    figures.at_most("slow agents that were not cut off", count - outcomes.count("slow_consumer"))


def _tell_flood(figures: Figures, peak: Told, told: Told) -> None:
    figures.tell(f"offered {told.offered} calls, {told.offered / told.lasted_s:.0f}/s, {told.lasted_s:.0f} s")
    figures.tell(f"offered, in multiples of the peak: {told.offered / told.lasted_s / peak.goodput:.1f}")
    short = max(0.0, 100 * (1 - told.goodput / peak.goodput))
    figures.tell(f"goodput {told.goodput:.1f}/s")
    figures.at_most("goodput short of the peak in percent", round(short, 1), SHORT_OF_PEAK_PERCENT)
    figures.tell("what the others were told: " + ", ".join(f"{code} {count}" for code, count in told.codes.items()))
    figures.at_most("calls that failed otherwise", sum(told.codes.values()) - told.codes.get("overloaded", 0))
    figures.at_most("calls without a last word", told.lost)
    p50, p99, longest = told.refused_s
    figures.tell(f"time to overloaded: p50 {p50 * 1000:.1f} ms, max {longest * 1000:.1f} ms")
    figures.at_most("time to overloaded, p99 in ms", round(p99 * 1000, 1), REFUSED_P99_S * 1000)
    figures.tell(f"time to an answer: p50 {told.answered_s[0]:.1f} s, max {told.answered_s[2]:.1f} s")


def _tell_others(figures: Figures, quiet: Load, meanwhile: Load) -> None:
    """The calls of another agent to another provider."""
    figures.at_most("failed calls of the others", len(meanwhile.failed("wide")))
    figures.spread("the others' calls while the peak was measured", [each.took_s for each in quiet.of("wide")])
    figures.spread("the others' calls in overload", [each.took_s for each in meanwhile.of("wide")])


def _tell_bounds(figures: Figures, installation: Installation, workers: dict[str, int]) -> None:
    status = installation.status()
    over: list[str] = []
    for name, bound in status["bounds"].items():
        figures.tell(f"{name}: peak {bound['peak']} of {bound['most']}")
        if bound["peak"] > bound["most"]:
            over.append(name)
    for each in status["workers"]:
        if each["provider"] in workers:
            figures.tell(f"calls that waited in worker {each['provider']}: peak {each['waiting_peak']} of 1000")
    figures.at_most("bounds that were passed", len(over))
    figures.tally("bounds that were passed", over)


def _tell_rest(figures: Figures, installation: Installation, before: int) -> None:
    installation.wait_idle()
    until(lambda: installation.status()["sessions"] == 0, "the end of the sessions")
    until(lambda: installation.status()["bounds"]["ledger_rows"]["now"] == 0, "the ledger's last rows")
    bounds = installation.status()["bounds"]
    figures.at_most("places that are not empty afterwards", sum(
        bool(bound["now"]) for name, bound in bounds.items() if name not in KEPT
    ))  # fmt: skip
    figures.at_most("descriptors more than before", descriptors(installation.gateway.pid, before) - before)
