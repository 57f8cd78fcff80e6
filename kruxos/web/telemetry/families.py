"""Prometheus' families. Their names and labels are stable: others build on them (docs/operations.md).

Counters begin at nought when the web process starts, as Prometheus expects of a process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from kruxos.web.telemetry.tally import Histogram, Labels, Tally

WORKER_STATES = ("stopped", "starting", "ready", "backoff", "failed", "disabled")
_WHO = ("agent", "provider", "model")


class Snapshot(Collector):
    """The gateway at one moment: its ``status``, and what was counted until now."""

    def __init__(self, status: Mapping[str, Any], tally: Tally) -> None:
        self._status, self._tally = status, tally

    def collect(self) -> Iterator[Metric]:
        """All families."""
        yield from _gateway(self._status)
        yield from _workers(self._status["workers"])
        yield from _calls(self._tally)


def _gateway(status: Mapping[str, Any]) -> Iterator[Metric]:
    yield _gauge("kruxos_info", "The gateway that runs.", ("version",), {(status["version"],): 1})
    for name, text, value in (
        ("start_time_seconds", "When the gateway started, Unix seconds.", status["started_at"]),
        ("agents", "Agents that are registered and not revoked.", status["agents"]),
        ("sessions", "Connections of agents.", status["sessions"]),
        ("calls_in_flight", "Calls under way.", status["calls"]),
        ("vault_unlocked", "1: the vault is unlocked.", status["vault"].get("state") == "unlocked"),
        ("config_in_force", "1: models.yaml as it is on disk is in force.", not status["config_problem"]),
        ("draining", "1: the gateway is stopping.", status["draining"]),
    ):
        yield _gauge(f"kruxos_{name}", text, (), {(): value})
    yield _counter(
        "kruxos_launcher_restarts", "Starts of the launcher after the first.", (), {(): status["launcher_restarts"]}
    )


def _workers(workers: list[dict[str, Any]]) -> Iterator[Metric]:
    by = ("provider",)
    states: dict[Labels, bool] = {
        (w["provider"], state): w["state"] == state for w in workers for state in WORKER_STATES
    }
    yield _gauge("kruxos_worker_state", "1: the worker is in this state.", ("provider", "state"), states)
    for name, text, field in (
        ("in_flight", "Attempts under way.", "in_flight"),
        ("draining_processes", "Processes that only finish what they have.", "draining"),
        ("resident_memory_bytes", "Memory of the process that takes calls.", "rss_bytes"),
    ):
        yield _gauge(f"kruxos_worker_{name}", text, by, {(w["provider"],): w[field] for w in workers})
    cooling: dict[Labels, float] = {(w["provider"],): w["cooling_until"] or 0 for w in workers}
    yield _gauge(
        "kruxos_worker_cooling_until_seconds", "Until when its provider is left alone, Unix seconds; 0: it is not.",
        by, cooling,
    )  # fmt: skip
    restarts: dict[Labels, int] = {(w["provider"],): w["restarts"] for w in workers}
    yield _counter("kruxos_worker_restarts", "Starts of the worker after the first.", by, restarts)


def _calls(tally: Tally) -> Iterator[Metric]:
    by = ("provider",)
    yield _counter("kruxos_calls", "Calls that ended.", (*_WHO, "outcome"), tally.calls)
    yield _counter("kruxos_attempts", "Attempts at providers.", ("provider", "outcome"), tally.attempts)
    yield _counter("kruxos_tokens", "Tokens; reasoning is within output.", (*_WHO, "kind"), tally.tokens)
    yield _counter("kruxos_cost", "What calls cost, where the price is known.", (*_WHO, "currency"), tally.cost)
    yield _counter("kruxos_unpriced_calls", "Answers without a known price.", by, tally.unpriced)
    yield _counter("kruxos_billed_maybe", "Attempts that may have been billed.", by, tally.billed_maybe)
    yield _histogram("kruxos_call_duration_seconds", "From a call's arrival to its end.", tally.duration)
    yield _histogram("kruxos_overhead_seconds", "Of these, the gateway's own part.", tally.overhead)


def _gauge(name: str, text: str, labels: Labels, values: Mapping[Labels, Any]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, float(value))
    return family


def _counter(name: str, text: str, labels: Labels, values: Mapping[Labels, Any]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, float(value))
    return family


def _histogram(name: str, text: str, values: Mapping[Labels, Histogram]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=("provider",))
    for key, histogram in values.items():
        family.add_metric(key, histogram.cumulative(), histogram.sum)
    return family
