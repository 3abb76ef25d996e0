"""What leaves this machine about jobs: traces and figures."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from vulcan.application.observability.trace import Score, Span, Trace
from vulcan.application.ports.workflow import Observer


class LiveTraces(Observer, Protocol):
    """Sends a job's trace while it is worked on."""

    def close(self) -> str:
        """Let the rest be sent, for a moment at most; returns why not all of it was, or an empty text."""


class MetricsEndpoint(Protocol):
    """A server of figures; a context manager that ends it."""

    @property
    def url(self) -> str:
        """Where the figures are."""

    def serve(self) -> None:
        """Answer until it is ended."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class TraceSink(Protocol):
    """Where traces go. Sending what is there already changes nothing."""

    latency: float | None
    """Seconds that the receiver took for its newest answer; None before the first one."""

    def ready(self) -> None:
        """Ask the receiver whether it is there; raises `NotSent` where it does not say yes."""

    def send(self, trace: Trace, spans: Sequence[Span]) -> None:
        """Deliver spans; on return the receiver has acknowledged them.

        Raises:
            NotSent: it did not; `again` says whether it may later.
            Refused: it never will take these.
        """

    def score(self, trace: Trace, score: Score) -> None:
        """Deliver a score; raises as `send` does."""


class ExportCursors(Protocol):
    """Up to which place of each log everything was sent; survives kills."""

    def begin(self, job: str) -> None:
        """Remember that the job is to be sent."""

    def begun(self, job: str) -> bool:
        """Whether the job is to be sent, or was."""

    def get(self, job: str) -> int:
        """The place of a job; 0 where nothing was sent."""

    def set(self, job: str, seq: int) -> None:
        """Move the place of a job."""
