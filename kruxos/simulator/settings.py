"""What a simulator is told: plain values, each with a default that works."""

from __future__ import annotations

from dataclasses import dataclass, field

from kruxos.catalog import Model

from .codex.accounts import Policy
from .scenario import Scripted


@dataclass(frozen=True, slots=True)
class Timing:
    """How fast answers come. ``jitter`` is the share by which a pause varies; no rate means no pauses."""

    first_token_s: float = 0.4
    tokens_per_s: float = 80.0
    jitter: float = 0.3


FAST = Timing(first_token_s=0.0, tokens_per_s=0.0, jitter=0.0)
"""No pauses but those of faults."""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What one key may use of one model in a minute. They always hold; the defaults are beyond what can be served.

    Providers that count tokens of both directions together are given the sum.
    """

    requests_per_minute: int = 600_000
    input_tokens_per_minute: int = 1_000_000_000
    output_tokens_per_minute: int = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """One simulator. ``key``: the only one accepted; None: any but those that begin with ``bad-``.

    ``models`` are sold beside those of the catalogue. ``script`` comes before made-up answers. ``faults`` are
    switched on from the start, in the words of ``directives``. ``checks_signatures``: thinking that comes back must
    be this simulator's own, unaltered. ``logins``: what becomes of a device code; ``login_tokens_s``: how long a
    login's access token lasts. ``batch_s``: how long a batch takes.
    """

    host: str = "127.0.0.1"
    port: int = 0
    key: str | None = None
    models: tuple[Model, ...] = ()
    timing: Timing = field(default_factory=Timing)
    limits: RateLimits = field(default_factory=RateLimits)
    script: tuple[Scripted, ...] = ()
    faults: tuple[str, ...] = ()
    seed: int = 0
    checks_signatures: bool = True
    connections_max: int = 1024
    requests_kept_max: int = 1000
    logins: Policy = "ask"
    login_tokens_s: float = 3600.0
    batch_s: float = 2.0
