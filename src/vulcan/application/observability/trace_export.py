"""Sends what is new in a job's log as a trace, and remembers up to where it did.

The log is the spool: a span is never stored twice, and what could not be sent is simply still to be sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from vulcan.application.masking import Masker
from vulcan.application.observability.trace import Score, Span, Trace, trace_of
from vulcan.application.ports import EventStore, StoredEvent
from vulcan.application.ports.observability import ExportCursors, TraceSink
from vulcan.domain.errors import Refused

SPANS_AT_ONCE = 64
CHARACTERS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was delivered now; `refused` names what the receiver will never take, which is passed over."""

    spans: int = 0
    scores: int = 0
    refused: tuple[str, ...] = ()


class TraceExporter:
    """Sends jobs' traces to one sink."""

    def __init__(
        self, sink: TraceSink, cursors: ExportCursors, kept: Callable[[str], str], mask: Masker
    ) -> None:
        self._sink, self._cursors, self._kept, self._mask = sink, cursors, kept, mask

    def begin(self, job: str) -> None:
        """Remember that the job is to be sent, whatever comes of it now."""
        self._cursors.begin(job)

    def owes(self, store: EventStore, job: str) -> bool:
        """Whether the job was to be sent, and was not sent to its end."""
        return self._cursors.begun(job) and bool(store.read(job, self._cursors.get(job)))

    @property
    def latency(self) -> float | None:
        """Seconds that the receiver took for its newest answer; None before the first one."""
        return self._sink.latency

    def ready(self) -> None:
        """Ask the receiver whether it is there; raises `NotSent` where it does not say yes."""
        self._sink.ready()

    def push(self, log: Sequence[StoredEvent], *, whole: bool = False) -> ExportResult:
        """Send what was not sent yet; with `whole` also what still goes on.

        Raises:
            NotSent: a part of it could not be sent; the next push begins there.
        """
        if not log:
            return ExportResult()
        job = log[0].job
        trace = trace_of(log, self._kept, self._mask, after=self._cursors.get(job), whole=whole)
        refused: list[str] = []
        for score in trace.scores:  # before the spans, since the mark moves with those
            self._score(trace, score, refused)
        for spans in _batches(trace.spans):
            self._send(trace, spans, refused)
            self._cursors.set(job, spans[-1].final)
        self._cursors.set(job, trace.end)
        return ExportResult(len(trace.spans), len(trace.scores), tuple(refused))

    def _send(self, trace: Trace, spans: Sequence[Span], refused: list[str]) -> None:
        """Send a batch; where it is refused, halve it until it is known which span is to blame."""
        try:
            self._sink.send(trace, spans)
        except Refused as error:
            if len(spans) == 1:
                refused.append(f"span {spans[0].name} at {spans[0].final}: {error.message}")
                return
            middle = len(spans) // 2
            self._send(trace, spans[:middle], refused)
            self._send(trace, spans[middle:], refused)

    def _score(self, trace: Trace, score: Score, refused: list[str]) -> None:
        try:
            self._sink.score(trace, score)
        except Refused as error:
            refused.append(f"score {score.name}: {error.message}")


def _batches(spans: Sequence[Span]) -> Iterator[list[Span]]:
    """Bounded batches; spans of one place in the log stay together, so that a mark never parts them."""
    batch: list[Span] = []
    size = 0
    for _, group in groupby(spans, key=lambda span: span.final):
        batch += (together := list(group))
        size += sum(len(span.input) + len(span.output) for span in together)
        if len(batch) >= SPANS_AT_ONCE or size >= CHARACTERS_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
