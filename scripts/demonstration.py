"""The main job, shown: an agent's streaming answer, a rate limit, a worker that is killed, the status, the costs.

Everything that is used is installed: the ``kruxos`` command, the public client, and simulated providers over HTTP. What
is claimed is computed from what came out; a claim that does not hold is told, and the exit status is 1. ``--break``
spoils one step, so that its claim has to fail.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kruxos import BlockingClient, KruxosError
from kruxos.events import Reply, TextDelta

KRUXOS = str(Path(sys.executable).with_name("kruxos"))
WITHIN_S = 20.0
OLLAMA = "http://localhost:11434"
COOLS_S = 4
BACK_S = 8.0
LOAD = 6
"""Streams at each of two providers while the third one's worker is killed."""
BREAKS = {
    "streaming": ("stream", "the answer is asked for in one piece"),
    "fallback": ("fall_back", "the first provider is not rate-limited after all"),
    "told": ("fall_back", "the agent may not be moved to another provider"),
    "isolation": ("survive_a_kill", "the others' workers are killed too"),
    "recovery": ("survive_a_kill", "the killed worker is stopped by the operator"),
    "usage": ("show_usage", "a call is made that nobody counts"),
}
"""What can be made to fail: the step that is spoiled, then the only one to be shown; and how."""


class StepError(Exception):
    """A step that could not be taken. Says what happened."""


@dataclass
class Demonstration:
    """A gateway of its own in a temporary directory, its simulators, and what was claimed."""

    root: Path
    broken: str
    simulators: dict[str, str] = field(default_factory=dict[str, str])
    claims: list[tuple[bool, str]] = field(default_factory=list[tuple[bool, str]])
    calls: int = 0

    def claim(self, holds: bool, words: str) -> None:  # noqa: FBT001 - reads as a sentence
        """Tells whether something holds."""
        self.claims.append((holds, words))
        print(f"  {'[yes]' if holds else '[NO]'} {words}", flush=True)

    def environment(self) -> dict[str, str]:
        """Nothing of the user's own: another home, another data directory."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TERM") if name in os.environ}
        return {**kept, "HOME": str(self.root), "KRUXOS_DATA_DIR": str(self.root / "data")}

    def kruxos(self, *words: str, stdin: str = "", show: bool = True) -> str:
        """Runs a command as a user types it. Raises ``StepError``."""
        done = subprocess.run(
            [KRUXOS, *words], input=stdin, env=self.environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise StepError(f"kruxos {' '.join(words)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        if show:
            print(f"  $ kruxos {' '.join(words)}")
            print(textwrap.indent(done.stdout.rstrip(), "    "), flush=True)
        return done.stdout

    def workers(self) -> dict[str, dict[str, Any]]:
        """What ``kruxos status --json`` says of each provider's worker."""
        return {each["provider"]: each for each in json.loads(self.kruxos("status", "--json", show=False))["workers"]}

    def wait_for(self, what: str, ready: Callable[[], object], within_s: float = WITHIN_S) -> None:
        """Asks until it is so. Raises ``StepError``."""
        ends_at = time.monotonic() + within_s
        while not ready():
            if time.monotonic() > ends_at:
                raise StepError(f"{what}: not within {within_s:.0f} seconds")
            time.sleep(0.05)

    def client(self, token: str | None = None) -> BlockingClient:
        """An agent's client."""
        return BlockingClient(address=self.root / "data/run/agents/agent.sock", token=token)

    def ask(self, client: BlockingClient, prompt: str, **options: Any) -> Reply:
        """A call that is counted."""
        self.calls += 1
        return client.chat(prompt, **options)


def main() -> int:
    """Runs all steps. Gives the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--break", dest="broken", choices=BREAKS, default="", help="; ".join(
        f"{name}: {words}" for name, (_, words) in BREAKS.items()
    ))  # fmt: skip
    broken = parser.parse_args().broken
    began_at = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kruxos-demo-") as root:
        demonstration = Demonstration(Path(root), broken)
        try:
            with running(demonstration) as token, demonstration.client(token) as client:
                for step in (stream, fall_back, survive_a_kill, ask_ollama, show_usage):
                    if not broken or step.__name__ == BREAKS[broken][0]:
                        step(demonstration, client)
        except (StepError, KruxosError) as error:
            demonstration.claim(holds=False, words=f"the demonstration goes on to its end: {error}")
    held = sum(holds for holds, _ in demonstration.claims)
    print(f"\n{held} of {len(demonstration.claims)} claims hold, in {time.monotonic() - began_at:.0f} seconds.")
    return 0 if held == len(demonstration.claims) else 1


def title(words: str) -> None:
    """The heading of a step."""
    print(f"\n== {words}", flush=True)


@contextlib.contextmanager
def process(words: list[str], demonstration: Demonstration, log: Path) -> Generator[subprocess.Popen[str]]:
    """A command in the background, ended with what it started."""
    with log.open("w") as out:
        started = subprocess.Popen(
            [KRUXOS, *words], env=demonstration.environment(), stdout=subprocess.PIPE, stderr=out, text=True
        )
        try:
            yield started
        finally:
            started.terminate()
            started.communicate()


@contextlib.contextmanager
def running(demonstration: Demonstration) -> Generator[str]:
    """Three simulated providers and the gateway; gives an agent's token."""
    title("Three simulated providers, and a gateway that holds their keys")
    with contextlib.ExitStack() as stack:
        for name, rate in (("claude", 120), ("gpt", 60), ("backup", 60)):
            words = ["simulate", "--port", "0", "--rate", str(rate), "--first-token", "0.15", "--model", "tiny-1"]
            started = stack.enter_context(process(words, demonstration, demonstration.root / f"{name}.log"))
            assert started.stdout is not None
            demonstration.simulators[name] = started.stdout.readline().strip()
        add_providers(demonstration)
        stack.enter_context(process(["serve"], demonstration, demonstration.root / "serve.log"))
        socket = demonstration.root / "data/run/agents/agent.sock"
        demonstration.wait_for("the gateway listens", socket.exists)
        demonstration.wait_for(
            "every worker is ready", lambda: {each["state"] for each in demonstration.workers().values()} == {"ready"}
        )
        told = demonstration.kruxos(
            "agent", "create", "--name", "demo-agent", "--model", "claude", "--json", show=False
        )
        print("  $ kruxos agent create --name demo-agent --model claude")
        yield json.loads(told)["token"]


def add_providers(demonstration: Demonstration) -> None:
    """As a user adds them; the keys are made up."""
    at = demonstration.simulators
    key = "a-made-up-key"
    demonstration.kruxos("model", "add", "anthropic", "--name", "claude", "--endpoint", at["claude"], stdin=key)
    for name, model in (("gpt", "gpt-4.1"), ("backup", "tiny-1")):
        words = ("model", "add", "openai", "--name", name, "--endpoint", f"{at[name]}/v1", "--model", model)
        demonstration.kruxos(*words, stdin=key)
    demonstration.kruxos("model", "default", "chat", "gpt")
    demonstration.kruxos("model", "default", "fallback", "backup")


def stream(demonstration: Demonstration, client: BlockingClient) -> None:
    """An answer, piece by piece."""
    title("An agent's answer, as it comes")
    began_at, moments = time.monotonic(), list[float]()
    if demonstration.broken == "streaming":
        reply = demonstration.ask(client, "Tell me about gateways. [[simulate tokens=60]]")
        moments.append(time.monotonic())
    else:
        demonstration.calls += 1
        print("  ", end="")
        with client.stream("Tell me about gateways. [[simulate tokens=60]]") as events:
            for event in events:
                if isinstance(event, TextDelta):
                    moments.append(time.monotonic())
                    print(event.text, end="", flush=True)
            reply = events.reply()
        print()
    spread_ms = 1000 * (moments[-1] - moments[0])
    demonstration.claim(
        len(moments) >= 10 and spread_ms >= 100,
        f"{len(moments)} pieces of text, the first after {1000 * (moments[0] - began_at):.0f} ms, the others over the "
        f"{spread_ms:.0f} ms that followed",
    )
    demonstration.claim(reply.provider == "claude", f"answered by {reply.provider}, {cost_of(reply)}")


def fall_back(demonstration: Demonstration, client: BlockingClient) -> None:
    """The first provider answers 429: the call moves on, and the next one does not even try."""
    title("The provider answers 429: the call moves on, and that is told")
    if demonstration.broken != "fallback":
        set_faults(demonstration, "claude", f"429 retry_after={COOLS_S}")
    fallback = "none" if demonstration.broken == "told" else "any"
    try:
        reply = demonstration.ask(client, "Are you there?", fallback=fallback)
    except KruxosError as error:
        demonstration.claim(holds=False, words=f"somebody else answers: {error}")
        return
    for attempt in reply.attempts:
        print(f"    {attempt.provider:8} {attempt.outcome}")
    for notice in reply.notices:
        print(f"    notice: {notice.message}")
    first = reply.attempts[0]
    waits_s = round((first.retry_at or time.time()) - time.time(), 1)
    demonstration.claim(
        (first.provider, first.outcome, reply.provider) == ("claude", "rate_limited", "gpt"),
        f"{first.provider} was {first.outcome}, {reply.provider} answered",
    )
    demonstration.claim(
        0 < waits_s <= COOLS_S and any("gpt" in notice.message for notice in reply.notices),
        f"the agent is told so, and that claude can be asked again in {waits_s} s",
    )
    asked = requests_seen(demonstration, "claude")
    second = demonstration.ask(client, "And now?", fallback=fallback)
    more = requests_seen(demonstration, "claude") - asked
    demonstration.claim(
        more == 0 and second.provider == "gpt",
        f"the next call goes to {second.provider} at once: {more} more to claude",
    )
    demonstration.kruxos("status")
    set_faults(demonstration, "claude")
    demonstration.wait_for("claude cools down", lambda: demonstration.workers()["claude"]["cooling_until"] is None)
    third = demonstration.ask(client, "Back again?", fallback=fallback)
    demonstration.claim(third.provider == "claude", f"when the wait is over, {third.provider} answers")


def survive_a_kill(demonstration: Demonstration, client: BlockingClient) -> None:
    """One worker is killed under load: its own call breaks off, all others go on."""
    title(f"kill -9 of one worker, with {2 * LOAD} calls under way at the other two providers")
    before = demonstration.workers()
    with ThreadPoolExecutor(2 * LOAD + 1) as pool:
        speaks = threading.Event()
        own = pool.submit(long_answer, client, "gpt", speaks)
        others = [pool.submit(long_answer, client, name) for name in ("claude", "backup") for _ in range(LOAD)]
        demonstration.calls += 1 + len(others)
        under_way = {"gpt": 1, "claude": LOAD, "backup": LOAD}
        demonstration.wait_for(
            "all calls are under way",
            lambda: {name: each["in_flight"] for name, each in demonstration.workers().items()} == under_way,
        )
        if not speaks.wait(WITHIN_S):
            raise StepError("gpt did not begin to answer")
        doomed = list(before) if demonstration.broken == "isolation" else ["gpt"]
        for name in doomed:
            os.kill(before[name]["pid"], signal.SIGKILL)
        killed_at = time.monotonic()
        if demonstration.broken == "recovery":
            demonstration.kruxos("worker", "stop", "gpt")
        broke_off = outcome(own)
        whole = [outcome(each) for each in others].count("whole")
    demonstration.claim(broke_off != "whole", f"its own call was told at once: {broke_off}")
    demonstration.claim(whole == len(others), f"{whole} of the {len(others)} other calls came whole")
    try:
        demonstration.wait_for("gpt is back", lambda: demonstration.workers()["gpt"]["state"] == "ready", BACK_S)
    except StepError as error:
        demonstration.claim(holds=False, words=str(error))
        return
    back_s = time.monotonic() - killed_at
    after = demonstration.workers()["gpt"]
    reply = demonstration.ask(client, "Still there?", provider="gpt")
    demonstration.claim(
        reply.provider == "gpt" and after["pid"] != before["gpt"]["pid"],
        f"a new worker answers (pid {before['gpt']['pid']}, now {after['pid']}), {back_s:.1f} s later at the latest",
    )
    demonstration.kruxos("status")


def long_answer(client: BlockingClient, provider: str, speaks: threading.Event | None = None) -> Reply:
    """A call of a second or two. ``speaks`` is set when text comes."""
    with client.stream("[[simulate tokens=150]] A story.", provider=provider, fallback="none") as events:
        for event in events:
            if speaks is not None and isinstance(event, TextDelta):
                speaks.set()
        return events.reply()


def outcome(call: Future[Reply]) -> str:
    """How a call ended, in words."""
    try:
        reply = call.result(WITHIN_S)
    except KruxosError as error:
        return f"{error.code} ({error})"
    return "whole" if reply.finish_reason == "length" or reply.text.strip() else "empty"


def ask_ollama(demonstration: Demonstration, client: BlockingClient) -> None:
    """The real Ollama, where there is one."""
    try:
        with urllib.request.urlopen(f"{OLLAMA}/api/tags", timeout=1) as answer:
            models = [each["name"] for each in json.load(answer)["models"]]
    except (OSError, ValueError, KeyError):
        models = []
    if not models:
        return
    title("The Ollama of this machine")
    words = ("model", "add", "local", "--endpoint", OLLAMA, "--model", models[0], "--name", "ollama", "--auth", "none")
    demonstration.kruxos(*words)
    demonstration.wait_for("its worker is ready", lambda: demonstration.workers()["ollama"]["state"] == "ready")
    reply = demonstration.ask(client, "Say hello in five words.", provider="ollama", max_output_tokens=40)
    demonstration.claim(reply.provider == "ollama", f"{reply.model} says: {' '.join(reply.text.split())[:100]}")


def show_usage(demonstration: Demonstration, client: BlockingClient) -> None:
    """Every call is in the ledger."""
    title("What it cost")
    if demonstration.broken == "usage":
        client.chat("Nobody counts me.")
    words = ("usage", "--agent", "demo-agent")

    def counted() -> int:
        return sum(row["calls"] for row in json.loads(demonstration.kruxos(*words, "--json", show=False))["rows"])

    with contextlib.suppress(StepError):
        demonstration.wait_for("the ledger is written", lambda: counted() >= demonstration.calls)
    demonstration.kruxos(*words)
    demonstration.claim(counted() == demonstration.calls, f"{counted()} calls in it, {demonstration.calls} were made")


def cost_of(reply: Reply) -> str:
    """An answer's price in words."""
    total = (reply.cost or {}).get("total")
    return "at a price that is not known" if total is None else f"for ${total}"


def set_faults(demonstration: Demonstration, name: str, *faults: str) -> None:
    """Switches a simulator's faults on; none switches them off."""
    body = json.dumps({"faults": list(faults)}).encode()
    url = f"{demonstration.simulators[name]}/simulator/faults"
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=WITHIN_S):
        pass


def requests_seen(demonstration: Demonstration, name: str) -> int:
    """How many requests a simulator has had."""
    with urllib.request.urlopen(f"{demonstration.simulators[name]}/simulator/requests", timeout=WITHIN_S) as answer:
        return len(json.load(answer)["requests"])


if __name__ == "__main__":
    sys.exit(main())
