"""Running `kruxos` as people do: as a process, in a gateway's company or alone, at a terminal or in a pipe."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
WITHIN_S = 30.0
SERVE = ("-m", "kruxos.cli", "serve")
COMMAND = [sys.executable, "-W", "error", "-m", "kruxos.cli"]

_AT_TERMINAL = """\
import os, sys
os.setsid()
terminal = os.open(sys.argv[1], os.O_RDWR)  # a session's first terminal becomes its own
for number in (0, 1, 2):
    os.dup2(terminal, number)
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Both streams."""
        return self.out + self.err


@dataclass
class Kruxos:
    """The command, with a data directory of its own."""

    root: Path
    home: Path
    outputs: list[str] = field(default_factory=list[str])
    """Everything that any command has printed."""
    around: dict[str, str] = field(default_factory=dict[str, str])
    """What else its environment holds."""

    def environment(self, **more: str) -> dict[str, str]:
        """What the command finds around it: nothing of the developer's."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "KRUXOS_DATA_DIR": str(self.root),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'workers'}",
            **self.around,
            **more,
        }

    def __call__(self, *words: str, stdin: str = "", **environment: str) -> Done:
        """Runs a command in pipes."""
        done = subprocess.run(
            [*COMMAND, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            env=self.environment(**environment),
            check=False,
        )
        self.outputs += [done.stdout, done.stderr]
        return Done(done.returncode, done.stdout, done.stderr)

    def well(self, *words: str, stdin: str = "", **environment: str) -> str:
        """What a command prints that must succeed."""
        done = self(*words, stdin=stdin, **environment)
        assert done.code == 0, done.said
        return done.out

    def write_models(self, text: str) -> None:
        """models.yaml, as a person would write it."""
        self.root.mkdir(mode=0o700, exist_ok=True)
        path = self.root / "models.yaml"
        path.write_text(text)
        path.chmod(0o600)

    @contextmanager
    def at_terminal(
        self, *words: str, columns: int = 100, rows: int = 40, environment: Mapping[str, str] | None = None
    ) -> Generator[Terminal]:
        """Runs a command at a terminal of its own."""
        master, slave = os.openpty()
        termios.tcsetwinsize(master, (rows, columns))
        name = os.ttyname(slave)
        process = subprocess.Popen(
            [sys.executable, "-c", _AT_TERMINAL, name, *COMMAND, *words], env=self.environment(**environment or {})
        )
        terminal = Terminal(master, process)
        try:
            yield terminal
        finally:
            process.kill()
            process.wait()
            os.close(slave)
            os.close(master)
            self.outputs.append(terminal.text)


@dataclass
class Terminal:
    """The person's end of a terminal."""

    master: int
    process: subprocess.Popen[bytes]
    text: str = ""
    """All that came."""
    _read_to: int = 0

    def wait_for(self, words: str) -> str:
        """Waits until these words come; what came until then, since the last wait."""
        give_up_at = time.monotonic() + WITHIN_S
        while (at := self.text.find(words, self._read_to)) < 0:
            ready, _, _ = select.select([self.master], [], [], max(0.0, give_up_at - time.monotonic()))
            assert ready, f"{words!r} did not come, only {self.text[self._read_to :]!r}"
            self._take()
        before, self._read_to = self.text[self._read_to : at], at + len(words)
        return before

    def type(self, text: str) -> None:
        """Types."""
        os.write(self.master, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.type("\x03")

    def leave(self) -> int:
        """Ctrl-C at a prompt, as often as it takes: readline shows the prompt a moment before it hears signals."""
        for _ in range(10):
            self.interrupt()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(WITHIN_S / 10)
                break
        return self.end()

    def end(self) -> int:
        """Waits until the command has ended; its exit code."""
        code = self.process.wait(WITHIN_S)
        while select.select([self.master], [], [], 0)[0]:
            self._take()
        return code

    def _take(self) -> None:
        self.text += os.read(self.master, 65536).decode()


class Gateway:
    """A running `kruxos serve`. Its log tells when something has come about."""

    def __init__(self, kruxos: Kruxos, words: Sequence[str] = SERVE) -> None:
        self.kruxos = kruxos
        self.log = ""
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, *words],
            env=kruxos.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        try:
            self.wait_log("listening at")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> int:
        """Ends it in good order; its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(WITHIN_S)
        self._reader.join()
        if self._process.stderr is not None:
            self._process.stderr.close()
        return code

    def wait_log(self, words: str, times: int = 1) -> None:
        """Waits until the log has these words (a regular expression) so often."""
        with self._news:
            came = self._news.wait_for(lambda: len(re.findall(words, self.log)) >= times, WITHIN_S)
        assert came, f"{words!r} did not come {times} times in the log:\n{self.log}"

    def wait_ready(self, *names: str) -> None:
        """Waits until these providers' workers take calls."""
        for name in names:
            self.wait_log(f"provider {re.escape(name)}: starting -> ready")

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._news:
                self.log += line
                self._news.notify_all()


def steady(text: str) -> str:
    """A command's output without what differs from run to run: pids, spans, sizes, tokens, times."""
    for pattern, instead in (
        (r"\x1b\[[0-9;?]*[A-Za-z]", ""),
        (r"\b[0-9a-f]{64}\b", "TOKEN"),
        (r"pid \d+", "pid PID"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d", "WHEN"),
        (r"\d\d:\d\d:\d\d", "CLOCK"),
        (r"\b\d+[smhd]( \d+[smhd])?\b", "SPAN"),
        (r"\b\d+ MB", "SIZE"),
        (r"[\d.,]+ (s \(|µs)", r"N \1"),
        (r"127\.0\.0\.1:\d+", "HOST"),
    ):
        text = re.sub(pattern, instead, text)
    return text
