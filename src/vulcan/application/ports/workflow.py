"""What drives a job, and what follows it."""

from __future__ import annotations

from typing import Protocol

from vulcan.application.ports.store import StoredEvent


class WorkflowEngine(Protocol):
    """Drives a job through the pipeline; the event log, not the engine, is the job's memory."""

    async def run(self, job: str) -> None:
        """Work on the job until it waits for a person or has ended; safe to call again after a kill."""


class Observer(Protocol):
    """Follows a job while it is worked on (progress, metrics); never changes it."""

    def saw(self, stored: StoredEvent) -> None:
        """Called after each append."""
