"""Metrics to an OpenTelemetry collector: OTLP over HTTP as JSON, which needs no SDK."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from vulcan import __version__
from vulcan.application.observability.prometheus import Labels, Metric, metrics_of
from vulcan.application.observability.stats import Stats
from vulcan.infrastructure.monitoring.http import request

CUMULATIVE = 2
TIMEOUT = 10.0


def send_metrics(stats: Stats, endpoint: str, headers: Mapping[str, str], began: float, now: float) -> None:
    """Post all figures to the collector at `endpoint`; raises `NotSent` where it does not take them."""
    body = json.dumps(as_otlp(stats, began, now)).encode()
    url = f"{endpoint.rstrip('/')}/v1/metrics"
    sent = {"Content-Type": "application/json", **headers}
    request(url, sent, TIMEOUT, body, receiver=f"the collector at {endpoint}")


def as_otlp(stats: Stats, began: float, now: float) -> dict[str, Any]:
    """An ExportMetricsServiceRequest; counters are cumulative since `began`."""
    times = {"startTimeUnixNano": _nanoseconds(began), "timeUnixNano": _nanoseconds(now)}
    metrics = [_metric(metric, times) for metric in metrics_of(stats) if metric.samples]
    scope = {"name": "vulcan", "version": __version__}
    resource = {"attributes": _attributes((("service.name", "vulcan"), ("service.version", __version__)))}
    return {
        "resourceMetrics": [{"resource": resource, "scopeMetrics": [{"scope": scope, "metrics": metrics}]}]
    }


def _number(value: float) -> float | str:
    """As ProtoJSON writes doubles: what is not finite stands in quotes (`Infinity`)."""
    return (
        float(value)
        if math.isfinite(value)
        else {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")
    )


def _metric(metric: Metric, times: Mapping[str, str]) -> dict[str, Any]:
    points = [
        {"attributes": _attributes(labels), "asDouble": _number(value), **times}
        for labels, value in metric.samples
    ]
    data: dict[str, Any] = {"gauge": {"dataPoints": points}}
    if metric.counter:
        data = {"sum": {"dataPoints": points, "aggregationTemporality": CUMULATIVE, "isMonotonic": True}}
    return {"name": metric.name, "description": metric.help, "unit": metric.unit} | data


def _attributes(labels: Labels) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"stringValue": value.encode(errors="replace").decode()}}
        for key, value in labels
    ]


def _nanoseconds(seconds: float) -> str:
    return str(round(seconds * 1_000_000_000))


def headers_of(text: str) -> dict[str, str]:
    """The headers of OTEL_EXPORTER_OTLP_HEADERS: `name=value,name=value`, percent-encoded."""
    pairs = (each.partition("=") for each in text.split(",") if "=" in each)
    return {unquote(name.strip()): unquote(value.strip()) for name, _, value in pairs}
