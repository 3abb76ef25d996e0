"""Working on a job: its base is brought here, then the engine drives it until it waits or has ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vulcan.application.jobs.queries import JobQueries
from vulcan.application.ports import Observer
from vulcan.application.ports.project import Projects


class JobRunner:
    """Works on jobs in the calling process; cancelling the task pauses the job, which loses nothing."""

    def __init__(self, queries: JobQueries, projects: Projects) -> None:
        self._queries, self._projects = queries, projects

    async def run(self, job: str, observers: Sequence[Observer] = ()) -> None:
        """Work on an existing job until it waits for a person or has ended; safe to call again after a kill."""
        request = self._queries.request(job)
        project = self._projects(Path(request.repository))
        await project.bring(request.base_commit, request.base_branch)
        await project.engine(observers).run(job)
