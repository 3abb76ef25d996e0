"""What leaves this machine about jobs: traces and figures."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

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
