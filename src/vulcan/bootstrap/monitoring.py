"""Traces to Langfuse and figures to Prometheus or OpenTelemetry, as the settings name them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from vulcan.domain.errors import UserError, masked

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from vulcan.application.observability.incremental_stats import IncrementalStats
    from vulcan.application.observability.stats import Stats
    from vulcan.application.observability.trace_export import TraceExporter
    from vulcan.application.ports import EventStore, StoredEvent
    from vulcan.bootstrap.container import Container
    from vulcan.bootstrap.models import ModelWiring
    from vulcan.infrastructure.monitoring.endpoint import MetricsEndpoint
    from vulcan.infrastructure.monitoring.live import LiveTraces


class MonitoringWiring:
    """The `Monitoring` port; nothing of it is loaded where nothing is configured."""

    def __init__(self, container: Container, models: ModelWiring) -> None:
        self._container, self._models = container, models

    def exporter(self) -> TraceExporter | None:
        """Sends traces where Langfuse is configured."""
        access = self._models.langfuse_access()
        if access is None:
            return None
        from vulcan.application.observability.trace_export import TraceExporter
        from vulcan.infrastructure.monitoring.export_cursors import FileExportCursors
        from vulcan.infrastructure.monitoring.langfuse import LangfuseSink

        container = self._container
        cursors = FileExportCursors(container.settings.state_dir / "traces", access.receiver)
        return TraceExporter(LangfuseSink(access), cursors, container.kept, container.masker)

    def live_traces(self, exporter: TraceExporter, owed: Iterable[Sequence[StoredEvent]]) -> LiveTraces:
        """Sends a job's trace while it is worked on."""
        from vulcan.infrastructure.monitoring.live import LiveTraces

        return LiveTraces(exporter, owed)

    def another_store(self) -> AbstractContextManager[EventStore]:
        """The jobs' logs over a connection of their own."""
        from vulcan.infrastructure.store import SqliteEventStore

        return SqliteEventStore(self._container.log_path, self._container.blobs)

    def endpoint(self, figures: IncrementalStats, address: str) -> MetricsEndpoint:
        """Where a Prometheus server can fetch figures."""
        from vulcan.application.observability.prometheus import prometheus_text
        from vulcan.infrastructure.monitoring.endpoint import MetricsEndpoint, address_of

        return MetricsEndpoint(lambda: prometheus_text(figures()), *address_of(address))

    def send(self, stats: Stats, began: float) -> str:
        """Send figures to the OpenTelemetry collector; returns where it is."""
        from vulcan.infrastructure.monitoring.otlp import headers_of, send_metrics

        settings = self._container.settings.monitoring
        if not settings.otlp_endpoint:
            raise UserError(
                "no collector is configured", hint="Set OTEL_EXPORTER_OTLP_ENDPOINT=http://HOST:4318"
            )
        headers = headers_of(settings.otlp_headers)
        send_metrics(stats, settings.otlp_endpoint, headers, began, self._container.clock.now())
        return masked(settings.otlp_endpoint)
