"""What is asked of every target, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from kruxos.client.options import CallOptions
from tests.endurance.figures import percentile

PROMPT = ("You are a careful assistant. Summarise the following notes for a colleague in three sentences. " * 21)[:1700]
MODEL = "gpt-4o-mini"


@dataclass
class Load:
    """``in_flight`` calls at once, until ``calls`` were begun or ``seconds`` are over; all of them are waited for.

    ``sessions``: over how many connections our own agents' socket is asked; HTTP takes one for each call in flight.
    ``chunks``: how many texts a streamed answer has; 0: not streamed. ``pause_ms`` between them, at the provider.
    """

    in_flight: int
    calls: int = 1_000_000
    seconds: float = 4.0
    sessions: int = 1
    chunks: int = 0
    pause_ms: int = 0
    ramp_s: float = 0.0
    text: str = PROMPT
    options: CallOptions = field(default_factory=CallOptions)

    @property
    def stream(self) -> bool:
        """Whether answers come in events."""
        return self.chunks > 0

    @property
    def prompt(self) -> str:
        """The text, with what the provider is to do at its end."""
        return f"{self.text} [[mock n={self.chunks} delay={self.pause_ms}]]" if self.stream else self.text


@dataclass
class Outcome:
    """What a load brought. Times in seconds."""

    ok: int = 0
    failed: dict[str, int] = field(default_factory=dict[str, int])
    chunks: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    latencies: list[float] = field(default_factory=list[float])
    firsts: list[float] = field(default_factory=list[float])
    transits: list[float] = field(default_factory=list[float])
    long_gaps: int = 0
    overheads: list[float] = field(default_factory=list[float])
    upstreams: list[float] = field(default_factory=list[float])

    def figures(self) -> dict[str, float]:
        """The figures by name: rates a second, times in ms, the client's CPU in us a unit (chunk, else call)."""
        units = self.chunks or self.ok
        found = {
            "rate": units / self.wall_s,
            "ok": float(self.ok),
            "failed": float(sum(self.failed.values())),
            "client_us": self.cpu_s * 1e6 / max(1, units),
            "long_gaps": float(self.long_gaps),
        }
        for name, times in (("", self.latencies), ("first_", self.firsts), ("transit_", self.transits)):
            if times:
                found |= {f"{name}p50_ms": percentile(times, 0.5) * 1e3, f"{name}p99_ms": percentile(times, 0.99) * 1e3}
        return found
