"""A project without files, and the services for jobs on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vulcan.application.jobs.commands import JobCommands
from vulcan.application.jobs.queries import JobQueries
from vulcan.application.jobs.runner import JobRunner
from vulcan.application.jobs.service import Jobs
from vulcan.application.ports import BlobStore, Clock, EventStore


@dataclass
class Folders:
    """Notes whose working directories were removed."""

    removed: list[str] = field(default_factory=list)

    def remove(self, job: str) -> None:
        self.removed.append(job)


@dataclass
class FakeProject:
    """What undoing a job needs of a project."""

    source: Any
    forge: Any = None
    checkouts: Folders = field(default_factory=Folders)
    root: Path = Path("/project")
    repository: Any = None
    pull_address: str = "/host.git"


def jobs_on(project: FakeProject, store: EventStore, blobs: BlobStore, clock: Clock) -> Jobs:
    """Commands, queries and a runner over a store, all jobs being of one project."""

    def projects(_: Path) -> Any:
        return project

    queries = JobQueries(lambda: store, blobs, clock, projects)
    commands = JobCommands(lambda: store, clock, queries, lambda: project.source, projects)
    return Jobs(commands, queries, JobRunner(queries, projects))
