"""All that can be done with jobs."""

from __future__ import annotations

from dataclasses import dataclass

from vulcan.application.jobs.commands import JobCommands
from vulcan.application.jobs.queries import JobQueries
from vulcan.application.jobs.runner import JobRunner


@dataclass(frozen=True, slots=True)
class Jobs:
    """Ordering jobs, looking at them and working on them."""

    commands: JobCommands
    queries: JobQueries
    runner: JobRunner
