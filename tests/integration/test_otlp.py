"""Metrics to a collector on a real socket; what arrives is read with OpenTelemetry's own schema."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from google.protobuf import json_format
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from conftest import Cli
from fakes.generated import events
from fakes.whole_job import COSTS
from vulcan.application.observability.stats import of_job
from vulcan.application.ports import StoredEvent
from vulcan.domain.budget import Usage
from vulcan.domain.events import ModelReplied
from vulcan.infrastructure.monitoring.otlp import as_otlp, headers_of


class Collector(HTTPServer):
    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def log_message(self, *_: object) -> None: ...

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.path, headers, body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def test_figures_arrive_as_metrics(state: Path, cli: Cli, collector: Collector) -> None:
    endpoint = f"http://127.0.0.1:{collector.server_address[1]}"
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b,x-two=2"}
    assert "figures of 1 jobs sent" in cli("stats", "--send", **variables)
    ((path, headers, body),) = collector.requests
    assert path == "/v1/metrics"
    assert (headers["x-key"], headers["x-two"]) == ("a b", "2")
    (group,) = json_format.Parse(body, ExportMetricsServiceRequest()).resource_metrics
    metrics = {metric.name: metric for metric in group.scope_metrics[0].metrics}
    costs = {
        p.attributes[0].value.string_value: p.as_double for p in metrics["vulcan_agent_cost"].sum.data_points
    }
    assert costs["analyst"] == COSTS[0]
    assert costs["coder"] == COSTS[1] + COSTS[2]
    assert metrics["vulcan_agent_cost"].sum.is_monotonic
    assert metrics["vulcan_agent_cost"].sum.aggregation_temporality == 2
    assert metrics["vulcan_agent_cost"].unit == "USD"
    (point,) = metrics["vulcan_jobs"].gauge.data_points
    assert (point.attributes[0].value.string_value, point.as_double) == ("done", 1)
    assert 0 < point.start_time_unix_nano < point.time_unix_nano


def test_a_collector_that_says_no_or_is_not_there(state: Path, cli: Cli, collector: Collector) -> None:
    collector.status = 503
    endpoint = f"http://127.0.0.1:{collector.server_address[1]}"
    assert "answers 503" in cli("stats", "--send", code=1, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in cli("stats", "--send", code=2)


@given(st.lists(events(), max_size=6))
@example([ModelReplied("a/1/b/0", "coder", "m", Usage(cost=1.7e308, credits=-1.7e308), "")] * 2)
def test_any_figures_fit_the_schema(made: list) -> None:
    log = [StoredEvent("j", seq, float(seq), event) for seq, event in enumerate(made, 1)]
    json_format.ParseDict(as_otlp(of_job(log), 0.0, 1.0), ExportMetricsServiceRequest())


def test_headers_are_read_as_opentelemetry_writes_them() -> None:
    assert headers_of("") == {}
    assert headers_of("a=1, b=x%3Dy,broken") == {"a": "1", "b": "x=y"}
