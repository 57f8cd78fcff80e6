"""The ledger under SIGKILL, and with very many rows.

A writer as the gateway's: rows are appended without waiting, and flushed every quarter of a second in a thread. Each
row carries when it was appended; so what a kill cost is seen in the file.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from kruxos.config.directory import DataDirectory
from kruxos.events import Usage
from kruxos.ledger.calls import FLUSH_EVERY_S, Call
from kruxos.ledger.database import Database
from kruxos.ledger.ledger import Ledger
from kruxos.ledger.problems import LedgerError
from kruxos.ledger.usage import Dimension
from tests.endurance.figures import Figures

ROWS_EACH_MS = 2
LIVES_S = 1.5
QUERIES: tuple[tuple[Dimension, ...], ...] = ((), ("agent",), ("provider",), ("model",), ("day",), ("agent", "model"))
DAY_S = 86_400.0


def row(number: int, at: float, chance: random.Random) -> Call:
    """A row like those of a busy gateway: 40 agents, 12 providers, 60 models."""
    usage = Usage(chance.randrange(5_000), chance.randrange(50_000), 0, chance.randrange(2_000), 0, 0, {})
    return Call(
        f"call_{number:012d}", at, f"agent-{number % 40}", f"provider-{number % 12}", f"model-{number % 60}",
        "answered" if number % 50 else "rate_limited", usage=usage, raw_usage={"output_tokens": usage.output_tokens},
        cost=Decimal(chance.randrange(10**7)).scaleb(-8), currency="USD", price_row="row", overhead_us=500,
        upstream_us=100_000, duration_ms=101,
    )  # fmt: skip


def ledger_kills(count: int, home: Path) -> Figures:
    """SIGKILLs a process that writes; what was flushed must be there, and nothing older than the stated bound lost."""
    figures = Figures(f"ledger SIGKILL x{count}")
    chance, data = random.Random(5), DataDirectory(home)
    data.create()
    lost_flushed = corrupt = beyond = there = 0
    ages: list[float] = []
    for _ in range(count):
        flushed, longest_s, killed_at = _one_life(home, chance.uniform(0.3, LIVES_S))
        try:
            with Ledger.open(data, 0.0) as ledger:
                corrupt += bool(ledger.notice)
            there, newest_at = _what_is_there(data)
        except LedgerError as error:
            figures.tell(f"cannot be opened: {type(error).__name__}")
            corrupt += 1
            continue
        lost_flushed += max(0, flushed - there)
        ages.append(killed_at - newest_at)
        beyond += ages[-1] > FLUSH_EVERY_S + longest_s + 0.1
    figures.at_most("files that were damaged", corrupt)
    figures.at_most("rows lost that had been flushed", lost_flushed)
    figures.at_most("kills that cost rows older than a flush interval and a flush", beyond)
    figures.spread("age of the newest row in the file", ages)
    figures.tell(f"rows in the file at last: {there:,}")
    return figures


def _one_life(home: Path, lives_s: float) -> tuple[int, float, float]:
    """Rows flushed in all, as the writer told; its longest flush in seconds; when it was killed (Unix seconds)."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.endurance.ledger", str(home)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline()]  # it has begun
        killer = threading.Timer(lives_s, writer.send_signal, (signal.SIGKILL,))
        killer.start()
        lines += writer.stdout.readlines()
        killed_at = time.time()
    told = [line.split() for line in lines if line.endswith("\n")]
    return int(told[-1][0]), max(float(longest) for _, longest in told), killed_at


def _what_is_there(data: DataDirectory) -> tuple[int, float]:
    database, _ = Database.open(data.ledger, 0.0)
    with database.reading() as connection:
        there, newest_at = connection.execute("SELECT count(*), coalesce(max(started_at), 0) FROM calls").fetchone()
    database.close()
    return int(there), float(newest_at)


def _write_for_ever(home: Path) -> None:
    """Appends a row every two milliseconds; tells after each flush how many are flushed, and how long it took."""
    data = DataDirectory(home)
    flushed, _ = _what_is_there(data)
    with Ledger.open(data, 0.0) as ledger:
        done = threading.Event()
        threading.Thread(target=_flush_for_ever, args=(ledger, flushed, done), daemon=True).start()
        chance = random.Random()
        while True:
            now = time.time()
            ledger.writer.append(row(time.time_ns(), now, chance))
            done.wait(ROWS_EACH_MS / 1000)


def _flush_for_ever(ledger: Ledger, flushed: int, done: threading.Event) -> None:
    longest_s = 0.0
    while True:
        sys.stdout.write(f"{flushed} {longest_s}\n")
        sys.stdout.flush()
        done.wait(FLUSH_EVERY_S)
        began = time.perf_counter()
        flushed += ledger.writer.flush()
        longest_s = max(longest_s, time.perf_counter() - began)


def ledger_rows(count: int, home: Path) -> Figures:
    """So many rows written, and how long reports over them take."""
    figures = Figures(f"ledger of {count:,} calls")
    data, chance, start = DataDirectory(home), random.Random(5), 1_700_000_000.0
    data.create()
    expected, apart_s = Decimal(0), 30 * DAY_S / count
    with Ledger.open(data, 0.0) as ledger:
        began = time.perf_counter()
        for number in range(count):
            call = row(number, start + number * apart_s, chance)
            expected += call.cost or 0
            ledger.writer.append(call)
            if ledger.writer.waiting >= 1_000:
                ledger.writer.flush()
        ledger.writer.flush()
        took_s = time.perf_counter() - began
        size = sum(each.stat().st_size for each in home.glob("ledger.db*"))
        figures.tell(f"written in {took_s:.1f} s, {count / took_s:,.0f} rows/s; {size / 1e6:.0f} MB")
        total = ledger.usage()[0].cost["USD"]
        figures.at_most("difference of the sum of costs from the sum of the rows", float(abs(total - expected)))
        for by in QUERIES:
            figures.tell(f"usage by {', '.join(by) or 'nothing'}, thirty days: {_timed_s(ledger, by, 0.0):.2f} s")
        for days in (1, 7):
            since = start + (30 - days) * DAY_S
            figures.tell(f"usage by provider, {days} days: {_timed_s(ledger, ('provider',), since):.3f} s")
    return figures


def _timed_s(ledger: Ledger, by: Sequence[Dimension], since: float) -> float:
    began = time.perf_counter()
    ledger.usage(by, since=since)
    return time.perf_counter() - began


if __name__ == "__main__":
    _write_for_ever(Path(sys.argv[1]))
