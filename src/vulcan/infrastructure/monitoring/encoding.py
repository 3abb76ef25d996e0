"""Makes OTLP bytes of spans with Langfuse's SDK. The only module that loads it; it opens no connection."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from google.protobuf.message import DecodeError
from langfuse import Langfuse
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from vulcan import __version__
from vulcan.application.observability.trace import Span, Trace
from vulcan.domain.errors import NotSent

SECOND = 1_000_000_000


class _Ids(IdGenerator):
    """Hands out the ids that it was told."""

    def __init__(self) -> None:
        self.trace = self.span = 0

    def generate_trace_id(self) -> int:
        """The trace's id."""
        return self.trace

    def generate_span_id(self) -> int:
        """The span's id."""
        return self.span


class _Spool(SpanExporter):
    """Keeps what the SDK exports."""

    def __init__(self) -> None:
        self.taken: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keep the spans."""
        self.taken += spans
        return SpanExportResult.SUCCESS

    def as_otlp(self, expected: int) -> bytes:
        """What was kept as an OTLP request; raises `NotSent` where the SDK let spans fall."""
        if len(self.taken) != expected:
            raise NotSent(
                f"Langfuse's SDK passed on {len(self.taken)} of {expected} spans",
                hint="Unset LANGFUSE_TRACING_ENABLED and OTEL_SDK_DISABLED.",
                again=False,
            )
        body: bytes = encode_spans(self.taken).SerializeToString()
        return body


def _record(tracer: Tracer, ids: _Ids, trace: Trace, span: Span, attributes: Mapping[str, Any]) -> None:
    """Start and end a span that was long ago."""
    ids.trace, ids.span = int(trace.id, 16), int(span.id, 16)
    context = Context()
    if span.parent:
        parent = SpanContext(ids.trace, int(span.parent, 16), is_remote=True, trace_flags=TraceFlags(1))
        context = set_span_in_context(NonRecordingSpan(parent), context)
    made = tracer.start_span(span.name, context, attributes=attributes, start_time=round(span.began * SECOND))
    if span.error:
        made.set_status(Status(StatusCode.ERROR, span.error))
    made.end(round(span.ended * SECOND))


class Encoder:
    """Makes OTLP bytes of spans with the SDK's client, on a tracer provider of its own."""

    def __init__(self, public_key: str) -> None:
        # The SDK would look for images in texts and upload them by itself; it reads this when it is made.
        os.environ["LANGFUSE_MEDIA_UPLOAD_ENABLED"] = "false"
        self._lock = threading.Lock()
        self._spool, self._ids = _Spool(), _Ids()
        resource = Resource({"service.name": "vulcan", "service.version": __version__})
        provider = TracerProvider(
            sampler=ALWAYS_ON, resource=resource, id_generator=self._ids, shutdown_on_exit=False
        )
        self._client = Langfuse(
            public_key=public_key,
            secret_key="not used",  # noqa: S106 - nothing is sent by the SDK itself
            base_url="http://127.0.0.1:9",
            tracer_provider=provider,
            span_exporter=self._spool,
            should_export_span=lambda _: True,
            sample_rate=1.0,
            flush_at=512,
        )

    def encode(self, trace: Trace, spans: Sequence[tuple[Span, Mapping[str, Any]]]) -> bytes:
        """Spans with their attributes as an OTLP request."""
        with self._lock:
            self._spool.taken.clear()
            for span, attributes in spans:
                _record(self._client._otel_tracer, self._ids, trace, span, attributes)  # noqa: SLF001
            self._client.flush()
            return self._spool.as_otlp(expected=len(spans))


@cache
def encoder(public_key: str) -> Encoder:
    """One a project and process: the SDK keeps its clients for ever."""
    return Encoder(public_key)


def rejection(answer: bytes) -> str:
    """Why a receiver that says 200 did not take all spans; empty if it did."""
    response = ExportTraceServiceResponse()
    try:
        response.ParseFromString(answer)
    except DecodeError:
        return ""  # JSON, which some servers answer
    partial = response.partial_success
    return f"{partial.rejected_spans}: {partial.error_message}" if partial.rejected_spans else ""
