"""Open streams of numbered words, while models.yaml is edited and every worker is restarted again and again.

Each of four providers stands for one dialect. A stream's text is ``w0001 w0002 ...``, a word at a time: what is lost,
repeated or out of order shows. The edits are of every manner that editors have, and change what providers are told.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from tests.endurance.figures import Figures
from tests.endurance.listeners import PROMPT, Heard, listening
from tests.endurance.load import loading
from tests.service.running import Daemon, Installation, Simulator, until

PROVIDERS = """\
providers:
  claude: {{type: anthropic, base_url: "{root}", model: claude-sonnet-4-6{claude}}}
  gpt: {{type: openai, profile: openai, base_url: "{root}/v1", model: {gpt}}}
  responses: {{type: openai, dialect: openai-responses, base_url: "{root}/v1", model: gpt-5.1{responses}}}
  gemini: {{type: gemini, base_url: "{root}/v1beta", model: gemini-2.5-flash{gemini}}}
{others}\
defaults: {{chat: gpt}}
"""
OTHER = '  other-{number}: {{type: openai, base_url: "{root}/v1", model: gpt-4o-mini, auth: none}}\n'
NAMES = ("claude", "gpt", "responses", "gemini")
EDITS = 20
RESTARTS = 5
WORDS_PER_S = 4.0
"""A word is a token and an event."""
SHORT_CALLS_AT_A_TIME = 1
IN_FORCE = "in force: "
REFUSED = "is not used: "


@dataclass(frozen=True)
class Edit:
    """One saved state of the file, how it is written, and what the log says when it is taken up."""

    text: str
    save: Callable[[Path, str], None]
    told: str = IN_FORCE


def rename(path: Path, text: str) -> None:
    """As most editors save: a new file takes the old one's place."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.chmod(0o600)
    fresh.rename(path)


def in_place(path: Path, text: str) -> None:
    """The same file, cut to nothing and written anew."""
    path.write_text(text)


def in_pieces(path: Path, text: str) -> None:
    """The same file in several writes, each of which is on its own no such file."""
    third = len(text) // 3
    with path.open("w") as file:
        for piece in (text[:third], text[third : 2 * third], text[2 * third :]):
            file.write(piece)
            file.flush()
            threading.Event().wait(0.05)


MANNERS = (rename, in_place, in_pieces)


def edits(root: str, count: int) -> Iterator[Edit]:
    """Real changes, one after the other; every fifth file is invalid, and the next one mends it."""
    for number in range(1, count + 1):
        save = MANNERS[number % len(MANNERS)]
        if number % 5 == 0:
            yield Edit("providers: {claude: {type: no-such-type}}\n", save, REFUSED)
            continue
        others = "".join(OTHER.format(root=root, number=each) for each in range(number % 3))
        told = {
            "claude": f", limits: {{concurrency: {100 + number}}}",
            "gpt": "gpt-4.1" if number % 2 else "gpt-4o",
            "responses": f", limits: {{requests_per_minute: {600_000 + number}}}",
            "gemini": f", time_limits: {{idle_s: {60 + number}}}" if number % 4 == 0 else "",
        }
        yield Edit(PROVIDERS.format(root=root, others=others, **told), save)


def streams(count: int, home: Path, *, edited: int = EDITS, restarts: int = RESTARTS, seconds: int = 100) -> Figures:
    """``count`` streams in all, each of about so many ``seconds``."""
    figures = Figures(f"{count} streams")
    text = " ".join(f"w{number:04}" for number in range(1, round(seconds * WORDS_PER_S) + 1))
    script = home / "script.json"
    script.write_text(json.dumps([{"when": PROMPT, "text": text}]))
    with Simulator("--first-token", "0.2", "--rate", str(WORDS_PER_S), "--script", str(script)) as simulator:
        first = PROVIDERS.format(root=simulator.root, others="", claude="", gpt="gpt-4o", responses="", gemini="")
        installation = Installation.make(home, first)
        with installation.serving():
            installation.store_keys(NAMES)
            before = installation.workers()
            with (
                listening(installation, count, NAMES) as heard,
                loading(installation, SHORT_CALLS_AT_A_TIME, *NAMES) as short,
            ):
                open_at_first = installation.status()["calls"]
                began = monotonic()
                reload_s = _rough_handling(installation, list(edits(simulator.root, edited)), restarts)
                handled_s, still_open = monotonic() - began, installation.status()["calls"]
            _tell(figures, heard, text)
            figures.tell(f"calls open at first {open_at_first}; edits and restarts took {handled_s:.0f} s")
            figures.at_most("streams that were over before the last of these", max(0, count - still_open))
            figures.tell(f"edits {edited}, restarts of each worker {restarts}")
            figures.at_most("workers that were not replaced", _kept(before, installation.workers()))
            figures.at_most("short calls failed", len(short.failed(*NAMES)))
            figures.tell(f"short calls meanwhile: {len(short.calls)}")
            figures.tally("what short calls ended with", [call.outcome for call in short.calls])
            figures.spread("saved to in force, or refused", reload_s)
    return figures


def _rough_handling(installation: Installation, saved: list[Edit], restarts: int) -> list[float]:
    """Edits and restarts in turn, as fast as each has come into force."""
    reload_s: list[float] = []
    every = max(1, len(saved) // max(1, restarts))
    for number, edit in enumerate(saved, start=1):
        reload_s.append(_save(installation, edit))
        if number % every == 0 and restarts > 0:
            restarts -= 1
            for name in NAMES:
                _restart(installation, name)
    for name in NAMES * restarts:
        _restart(installation, name)
    return reload_s


def _save(installation: Installation, edit: Edit) -> float:
    """Seconds from the end of the saving to the log's line."""
    seen = _times(installation.gateway, edit.told)
    edit.save(installation.kruxos.root / "models.yaml", edit.text)
    saved_at = monotonic()
    installation.gateway.wait_log(f"models.yaml {edit.told}", seen + 1)
    return monotonic() - saved_at


def _times(daemon: Daemon, told: str) -> int:
    return daemon.log.count(f"models.yaml {told}")


def _restart(installation: Installation, name: str) -> None:
    pid = installation.wait_worker(name, state="ready")["pid"]
    installation.kruxos.well("worker", "restart", name)
    until(lambda: installation.workers().get(name) not in (None, pid), f"another worker of {name}", pause_s=0.05)
    installation.wait_worker(name, state="ready")


def _kept(before: dict[str, int], after: dict[str, int]) -> int:
    return sum(after.get(name) == pid for name, pid in before.items())


def _tell(figures: Figures, heard: list[Heard], wanted: str) -> None:
    figures.at_most("streams cut", sum(each.outcome != "answered" for each in heard))
    figures.tally("streams", [each.outcome for each in heard])
    figures.at_most("streams with characters lost, repeated or out of order", sum(
        each.text != wanted[: len(each.text)] if each.outcome != "answered" else each.text != wanted for each in heard
    ))  # fmt: skip
    figures.tell(f"characters heard: {sum(len(each.text) for each in heard)}")
    figures.spread("a stream, from its opening to its end", [each.took_s for each in heard])
