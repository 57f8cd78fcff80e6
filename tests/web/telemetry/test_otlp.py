"""Spans and metrics, as a collector receives them."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from kruxos.web.telemetry.otlp import Exporter
from tests.service.running import Installation, Simulator, until
from tests.web.telemetry.rows import row

MODELS = """\
providers:
  gpt:
    type: openai
    profile: openai
    base_url: {root}/v1
    model: gpt-4o
defaults:
  chat: gpt
telemetry:
  otlp: {collector}
"""
PROMPT = "a prompt that nobody else may read"


class Collector(ThreadingHTTPServer):
    """Keeps what is posted, uncompressed."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posted: list[tuple[str, bytes]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def spans(self) -> list[Span]:
        requests = [ExportTraceServiceRequest.FromString(body) for path, body in self.posted if path == "/v1/traces"]
        return [span for each in requests for of in each.resource_spans for scope in of.scope_spans
                for span in scope.spans]  # fmt: skip

    def metric_names(self) -> set[str]:
        requests = [ExportMetricsServiceRequest.FromString(body) for path, body in self.posted if path == "/v1/metrics"]
        return {metric.name for each in requests for of in each.resource_metrics for scope in of.scope_metrics
                for metric in scope.metrics}  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    server: Collector  # pyright: ignore[reportIncompatibleVariableOverride]  # as the standard library sets it

    def do_POST(self) -> None:
        assert self.headers.get("content-encoding", "identity") == "identity"
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.posted.append((self.path, body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the standard library's name
        """Nothing."""


@contextmanager
def collecting() -> Generator[Collector]:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield collector
        finally:
            collector.shutdown()
            thread.join()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as made:
        yield made


def attributes(values: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in values}


def test_a_call_is_a_span_with_its_own_times_and_the_conventions_names(collector: Collector) -> None:
    exporter = Exporter(collector.address)
    exporter.add(row())
    exporter.close()
    (span,) = collector.spans()
    found = attributes(span.attributes)
    assert span.name == "chat claude-sonnet-4-6"
    assert span.end_time_unix_nano - span.start_time_unix_nano == 750_000_000
    assert found["gen_ai.usage.input_tokens"] == 350
    assert found["gen_ai.usage.output_tokens"] == 50
    assert found["gen_ai.provider.name"] == "claude"
    assert found["kruxos.call_id"] == "call_1"
    assert found["kruxos.cost"] == "0.0012345"
    assert [attributes(event.attributes)["outcome"] for event in span.events] == ["rate_limited", "answered"]
    assert collector.metric_names() == {"gen_ai.client.operation.duration", "gen_ai.client.token.usage"}


def test_a_failed_call_carries_its_error_code(collector: Collector) -> None:
    exporter = Exporter(collector.address)
    unknown = dict.fromkeys(row()["usage"])
    exporter.add(row(outcome="rate_limited", provider=None, model=None, cost=None, usage=unknown, attempts=[]))
    exporter.close()
    (span,) = collector.spans()
    assert attributes(span.attributes)["error.type"] == "rate_limited"
    assert "gen_ai.usage.input_tokens" not in attributes(span.attributes), "what is not known is not nought"
    assert span.status.code == span.status.STATUS_CODE_ERROR


def test_a_gateway_sends_its_calls_and_nothing_of_their_content(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Simulator("--fast") as simulator, collecting() as collector:
        made = Installation.make(
            tmp_path_factory.mktemp("k"), MODELS.format(root=simulator.root, collector=collector.address)
        )
        with made.serving():
            made.store_keys(("gpt",))
            until(lambda: made.status()["web"]["state"] == "ready", "the web process")
            with made.client() as client:
                reply = client.chat(PROMPT)
            until(collector.spans, "a span")
        found = {attributes(span.attributes)["kruxos.call_id"] for span in collector.spans()}
        assert reply.call_id in found
        everything = b"".join(body for _, body in collector.posted)
        assert PROMPT.encode() not in everything
        assert reply.text.encode() not in everything
