"""What jobs did and cost, for whoever looks from outside: figures, traces, the activity log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from vulcan.application.jobs.queries import JobQueries
from vulcan.application.masking import Masker
from vulcan.application.observability.audit import Breach, export, verify, verify_export
from vulcan.application.observability.incremental_stats import IncrementalStats
from vulcan.application.observability.stats import Stats, of_jobs
from vulcan.application.observability.trace_export import ExportResult, TraceExporter
from vulcan.application.ports import Chain, EventStore, StoredEvent
from vulcan.application.ports.observability import LiveTraces, MetricsEndpoint
from vulcan.domain.errors import NotSent, UserError

NEWEST_JOBS = 20
"""Jobs back from the newest that are looked at for traces which could not be sent."""


class Monitoring(Protocol):
    """The services that watch, as the settings name them."""

    def exporter(self) -> TraceExporter | None:
        """Sends traces; None where no receiver is configured."""

    def live_traces(self, exporter: TraceExporter, owed: Iterable[Sequence[StoredEvent]]) -> LiveTraces:
        """Sends a job's trace while it is worked on, and beside it what of earlier jobs is owed."""

    def another_store(self) -> AbstractContextManager[EventStore]:
        """The jobs' logs over a connection of their own, which holds up nobody else's."""

    def endpoint(self, figures: IncrementalStats, address: str) -> MetricsEndpoint:
        """Where a Prometheus server can fetch figures; `address` is `[HOST:]PORT`."""

    def send(self, stats: Stats, began: float) -> str:
        """Send figures to the OpenTelemetry collector; returns where it is."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Where the activity log does not hold (empty: nowhere), and its two chains."""

    breaches: tuple[Breach, ...]
    jobs: Chain
    conversations: Chain


class Observability:
    """Figures, traces and the activity log of all jobs.

    Args:
        store, conversations: open the logs when they are first needed.
    """

    def __init__(
        self,
        store: Callable[[], EventStore],
        conversations: Callable[[], EventStore],
        queries: JobQueries,
        masker: Masker,
        monitoring: Monitoring,
    ) -> None:
        self._store, self._conversations, self._queries = store, conversations, queries
        self._masker, self._monitoring = masker, monitoring

    def stats(self, jobs: Sequence[str] = ()) -> Stats:
        """Figures of jobs (ids or their beginnings); of all without any."""
        return of_jobs(self._logs(jobs))

    def serve_metrics(self, address: str) -> MetricsEndpoint:
        """Where a Prometheus server can fetch the figures of all jobs; `address` is `[HOST:]PORT`."""
        figures = IncrementalStats(self._store())
        figures()  # the first time takes long where there are many jobs
        return self._monitoring.endpoint(figures, address)

    def send_metrics(self, jobs: Sequence[str] = ()) -> tuple[int, str]:
        """Send figures to the OpenTelemetry collector; returns of how many jobs, and where it is."""
        logs = self._logs(jobs)
        figures = of_jobs(logs)
        began = min((log[0].at for log in logs if log), default=0.0)
        return figures.jobs, self._monitoring.send(figures, began)

    def verify(self, exported: Iterable[str] | None = None) -> Verification:
        """Find what was edited, removed or moved in the logs, and in an export where its lines are given."""
        jobs, conversations = self._store().chain(), self._conversations().chain()
        breaches = verify(jobs) + verify(conversations)
        if exported is not None:
            breaches += verify_export(exported, jobs)
        return Verification(tuple(breaches), jobs, conversations)

    def export(self) -> Iterator[str]:
        """All acts as JSONL, oldest first, secrets masked."""
        chain = self._store().chain()
        logs = {job: self._store().read(job) for job in {link.job for link in chain.links}}
        return export(chain, logs, self._masker)

    def push_traces(self, jobs: Sequence[str] = ()) -> Iterator[tuple[str, ExportResult]]:
        """Send of jobs (default: all) what Langfuse does not have yet; yields each with what was sent.

        Raises:
            UserError: Langfuse is not configured.
            NotSent: a part could not be sent; it goes on there the next time.
        """
        exporter = self._monitoring.exporter()
        if exporter is None:
            raise UserError(
                "Langfuse is not configured",
                hint="Set LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY and LANGFUSE_BASE_URL.",
            )
        for job in self._chosen(jobs):
            try:
                yield job, exporter.push(self._store().read(job), whole=True)
            except NotSent as error:
                hint = f"{error.hint} It goes on there with: vulcan traces push".strip()
                raise NotSent(f"job {job}: {error.message}", hint=hint) from error

    def live_traces(self) -> LiveTraces | None:
        """Sends a job's trace while it is worked on; None where no receiver is configured."""
        exporter = self._monitoring.exporter()
        return None if exporter is None else self._monitoring.live_traces(exporter, self._owed(exporter))

    def _owed(self, exporter: TraceExporter) -> Iterator[list[StoredEvent]]:
        """Logs of the newest jobs of which the receiver has not got all."""
        for job in self._store().jobs()[-NEWEST_JOBS:]:
            with self._monitoring.another_store() as store:
                log = store.read(job) if exporter.owes(store, job) else []
            if log:
                yield log

    def _logs(self, jobs: Sequence[str]) -> list[list[StoredEvent]]:
        return [self._store().read(job) for job in self._chosen(jobs)]

    def _chosen(self, jobs: Sequence[str]) -> list[str]:
        return [self._queries.find(job) for job in jobs] or self._queries.ids()
