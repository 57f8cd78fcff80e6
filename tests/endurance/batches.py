"""Batches while worker and supervisor are killed in every state: nothing lost, nothing twice, nothing paid twice."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from time import monotonic
from typing import Any

from kruxos import KruxosError
from kruxos.client.batches import FINAL
from tests.endurance.figures import Figures
from tests.service.running import Installation, Simulator, kill

MODELS = """\
providers:
  claude: {{type: anthropic, base_url: "{root}", model: claude-sonnet-4-6}}
  gpt: {{type: openai, profile: openai, dialect: openai-responses, base_url: "{root}/v1", model: gpt-5.2}}
  gemini: {{type: gemini, base_url: "{root}/v1beta", model: gemini-2.5-flash}}
defaults: {{chat: claude}}
"""
PROVIDERS = ("claude", "gpt", "gemini")
STATES = ("receiving", "preparing", "uploading", "submitting", "in_progress", "collecting")
VICTIMS = ("worker", "supervisor")
BATCH_S = 12.0
WITHIN_S = 900.0


@dataclass
class Round:
    """One batch at one provider, in which one kind of process is killed once in every state that is seen."""

    installation: Installation
    provider: str
    victim: str
    count: int
    states: tuple[str, ...] = STATES
    kills: Counter[str] = field(default_factory=Counter[str])
    given_up: int = 0
    name: str = ""

    def run(self) -> dict[str, Any]:
        """Until it is over; the batch."""
        self._submit()
        give_up_at = monotonic() + WITHIN_S
        while True:
            shown = self._show()
            assert monotonic() < give_up_at, f"a batch at {self.provider} did not end: {shown}"
            if shown is not None and shown["state"] in FINAL:
                return shown
            if shown is not None and shown["problem"].endswith("not running"):
                self.installation.control("worker.start", provider=self.provider)
            if shown is not None and shown["state"] == "outcome_unknown":
                self._give_up()
            elif shown is not None and shown["state"] in self.states and not self.kills[shown["state"]]:
                self.kills[shown["state"]] += 1
                self._strike()

    def _submit(self) -> None:
        """Hands it in, as often as that takes: with its key it is one batch."""
        key = f"{self.provider}-{self.victim}-{self.given_up}"
        over = threading.Event()
        watch = threading.Thread(target=self._watch_preparing, args=(over,))
        watch.start()
        try:
            self._submit_until_taken(key)
        finally:
            over.set()
            watch.join()

    def _watch_preparing(self, over: threading.Event) -> None:
        """Whoever submits waits for its lines to be checked: what is killed meanwhile is killed from here."""
        while not over.wait(0.01) and "preparing" in self.states and not self.kills["preparing"]:
            try:
                states = {each["state"] for each in self.installation.control("batch.list")["batches"]}
            except (KruxosError, AssertionError):
                continue
            if "preparing" in states:
                self.kills["preparing"] += 1
                self._strike()

    def _submit_until_taken(self, key: str) -> None:
        while True:
            try:
                with self.installation.client() as client:
                    self.name = client.batches.submit(self._requests(), provider=self.provider, key=key).id
                    return
            except KruxosError as error:
                if error.code not in ("connection_lost", "gateway_unreachable"):
                    raise

    def _requests(self) -> Iterator[dict[str, Any]]:
        """The requests; in the middle of them a kill, the first time."""
        for number in range(self.count):
            if number == self.count // 2 and "receiving" in self.states and not self.kills["receiving"]:
                self.kills["receiving"] += 1
                self._strike()
            text = f"Say {number} {'x' * 300}"
            yield {"custom_id": f"{self.provider}-{number}", "prompt": text, "max_output_tokens": 40}

    def _show(self) -> dict[str, Any] | None:
        """How it is; None while nobody can say."""
        try:
            return self.installation.control("batch.show", id=self.name)
        except KruxosError:
            return None

    def _give_up(self) -> None:
        """What the advice says: its owner has looked, it is not there; it is given up, and handed in again."""
        self.installation.control("batch.cancel", id=self.name)
        self.given_up += 1
        self._submit()

    def _strike(self) -> None:
        """One kill."""
        if self.victim == "worker":
            if self.installation.worker(self.provider)["state"] == "failed":  # more than five in a minute
                self.installation.control("worker.start", provider=self.provider)
            pid = self.installation.workers().get(self.provider)
            if pid is not None:
                kill(pid)
        else:
            kill(self.installation.gateway.pid)
            self.installation.stop()
            self.installation.start()


@dataclass
class Sums:
    """What is counted over all rounds."""

    kills: Counter[str] = field(default_factory=Counter[str])
    lost: int = 0
    twice: int = 0
    wrong: int = 0
    given_up: int = 0
    given_up_but_made: int = 0
    tokens: int = 0

    def add(self, done: Round, shown: dict[str, Any], made: int) -> None:
        """One round, in which the provider has made so many batches."""
        found = _results(done.installation, shown["id"])
        names, expected = [line["custom_id"] for line in found], [f"{done.provider}-{n}" for n in range(done.count)]
        self.kills.update({f"{done.victim} in {state}": times for state, times in done.kills.items()})
        self.lost += len(set(expected) - set(names))
        self.twice += len(names) - len(set(names))
        well = shown["state"] == "done" and names == expected and all(line["status"] == "succeeded" for line in found)
        self.wrong += not well
        self.given_up += done.given_up
        self.given_up_but_made += max(0, made - 1)
        self.tokens += sum(line["reply"]["usage"]["output_tokens"] for line in found)


def batches(
    count: int,
    home: Path,
    providers: tuple[str, ...] = PROVIDERS,
    states: tuple[str, ...] = STATES,
    batch_s: float = BATCH_S,
) -> Figures:
    """``count`` requests in all, in a batch for each provider and each kind of victim."""
    figures, sums, began = Figures(f"batches, {count} requests"), Sums(), monotonic()
    each = -(-count // (len(providers) * len(VICTIMS)))
    with Simulator("--fast", "--batch-seconds", str(batch_s)) as simulator:
        installation = Installation.make(home, MODELS.format(root=simulator.root))
        with installation.serving():
            installation.store_keys(PROVIDERS)
            made = 0
            for provider, victim in product(providers, VICTIMS):
                installation.control("worker.reset", provider=provider)
                simulator.batches(lost_answers=int(victim == "supervisor"))
                done = Round(installation, provider, victim, each, states)
                shown = done.run()
                now_made = len(simulator.batches()["batches"])
                sums.add(done, shown, now_made - made)
                made = now_made
            usage = installation.control("usage")["total"]
        paid = Counter(job["names"] for job in simulator.batches()["batches"])
    figures.at_most("results lost", sums.lost)
    figures.at_most("results duplicated", sums.twice)
    figures.at_most("batches not as they were handed in", sums.wrong)
    figures.at_most("batches paid twice", sum(paid.values()) - len(paid) + sums.given_up_but_made)
    figures.at_most("output tokens booked beside those in the results", abs(usage["output_tokens"] - sums.tokens))
    figures.tally("kills", sums.kills.elements())
    figures.tell(f"outcome unknown, not at the provider, handed in again by its owner: {sums.given_up}")
    figures.tell(f"{made} batches at the providers, {monotonic() - began:.0f} s, cost booked {usage['cost']}")
    return figures


def batches_in_small(count: int, home: Path) -> Figures:
    """One provider, and the states that need no patience."""
    return batches(count, home, ("gpt",), ("receiving", "in_progress", "collecting"), 3.0)


def _results(installation: Installation, name: str) -> list[dict[str, Any]]:
    offset, data = 0, b""
    while not (found := installation.control("batch.results", id=name, offset=offset))["end"]:
        data, offset = data + found["data"], found["next_offset"]
    return [json.loads(line) for line in data.splitlines()]
