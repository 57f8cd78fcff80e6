"""Spans and metrics by OpenTelemetry's conventions for GenAI, sent to a collector by OTLP over HTTP. No content.

A call is one span, made when it has ended, with its own times: ``gen_ai.*`` says what was asked and used, each attempt
is an event, and ``kruxos.call_id`` finds it in the ledger. The extra ``otel`` brings OpenTelemetry; it is imported here
alone, and its own threads send.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from kruxos import __version__

METRICS_EVERY_MS = 30_000
TIMEOUT_S = 10
_NS = 1_000_000_000
_OPERATIONS = {"count_tokens": "count_tokens"}
"""Our operations whose name in the conventions is not ``chat``."""
_DURATION_BOUNDS_S = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKEN_BOUNDS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)


class Exporter:
    """Sends to the collector at ``endpoint``, such as ``http://127.0.0.1:4318``, until it is closed."""

    def __init__(self, endpoint: str) -> None:
        base = endpoint.rstrip("/")
        resource = Resource({"service.name": "kruxos", "service.version": __version__})
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        spans = OTLPSpanExporter(f"{base}/v1/traces", timeout=TIMEOUT_S)
        self._traces.add_span_processor(BatchSpanProcessor(spans))
        self._tracer = self._traces.get_tracer("kruxos", __version__)
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(f"{base}/v1/metrics", timeout=TIMEOUT_S), export_interval_millis=METRICS_EVERY_MS
        )
        self._metrics = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        meter = self._metrics.get_meter("kruxos", __version__)
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", "From a call's arrival to its end.",
            explicit_bucket_boundaries_advisory=_DURATION_BOUNDS_S,
        )  # fmt: skip
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", "Tokens of a call.",
            explicit_bucket_boundaries_advisory=_TOKEN_BOUNDS,
        )  # fmt: skip

    def add(self, row: Mapping[str, Any]) -> None:
        """A step of a call, as ``call.list`` gives it."""
        known = _known(row)
        for kind, count in (("input", _input_tokens(row)), ("output", row["usage"]["output_tokens"])):
            if count is not None:
                self._tokens.record(count, {**known, "gen_ai.token.type": kind})
        duration_s = (row["duration_ms"] or 0) / 1000
        failed = {} if row["outcome"] == "answered" else {"error.type": row["outcome"]}
        if row["last"]:
            self._duration.record(duration_s, known | failed)
        start_ns = int(row["started_at"] * _NS)
        span = self._tracer.start_span(
            " ".join(filter(None, (_operation(row), row["model"]))),
            kind=SpanKind.CLIENT,
            start_time=start_ns,
            attributes={**known, **failed, **_told(row)},
        )
        at_ns = start_ns
        for attempt in row["attempts"]:
            at_ns += int((attempt["elapsed_ms"] or 0) * 1_000_000)
            span.add_event("kruxos.attempt", _given(attempt), timestamp=at_ns)
        if failed:
            span.set_status(Status(StatusCode.ERROR, row["outcome"]))
        span.end(start_ns + int(duration_s * _NS))

    def close(self) -> None:
        """Sends what waits, for as long as one request may take; blocks."""
        self._traces.shutdown()
        self._metrics.shutdown(TIMEOUT_S * 1000)


def _known(row: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """What spans and metrics share."""
    return _given({
        "gen_ai.operation.name": _operation(row),
        "gen_ai.provider.name": row["provider"] or "unknown",
        "gen_ai.response.model": row["model"],
    })  # fmt: skip


def _operation(row: Mapping[str, Any]) -> str:
    return _OPERATIONS.get(row["op"], "chat")


def _told(row: Mapping[str, Any]) -> dict[str, AttributeValue]:
    cost: Mapping[str, Any] = row["cost"] or {}
    return _given({
        "gen_ai.agent.name": row["agent"],
        "gen_ai.usage.input_tokens": _input_tokens(row),
        "gen_ai.usage.output_tokens": row["usage"]["output_tokens"],
        "gen_ai.usage.cache_read.input_tokens": row["usage"]["cache_read_tokens"],
        "gen_ai.usage.cache_creation.input_tokens": row["usage"]["cache_write_tokens"],
        "gen_ai.response.finish_reasons": None if row["finish_reason"] is None else (row["finish_reason"],),
        "kruxos.call_id": row["call_id"],
        "kruxos.step": row["step"],
        "kruxos.stream": row["stream"],
        "kruxos.cost": cost.get("total"),
        "kruxos.cost_currency": cost.get("currency"),
        "kruxos.billed_maybe": row["billed_maybe"],
        "kruxos.overhead_us": row["overhead_us"],
        "kruxos.upstream_request_id": row["upstream_request_id"],
    })  # fmt: skip


def _input_tokens(row: Mapping[str, Any]) -> int | None:
    usage = row["usage"]
    counts = [usage[name] for name in ("uncached_input_tokens", "cache_read_tokens", "cache_write_tokens")]
    return None if counts[0] is None else sum(count or 0 for count in counts)


def _given(values: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """Without what is not known: OpenTelemetry has no null."""
    return {name: value for name, value in values.items() if value is not None}
