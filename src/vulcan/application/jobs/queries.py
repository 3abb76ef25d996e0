"""Looking at jobs: which there are, how each stands, what happened in it, what it changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from vulcan.application.jobs.log import JobLog
from vulcan.application.ports import BlobStore, Clock, EventStore, StoredEvent
from vulcan.application.ports.project import Projects
from vulcan.domain.errors import JobNotFound
from vulcan.domain.events import JobRequested, ModelReplied
from vulcan.domain.job import Job

NO_REQUEST = "there is no job {job}"


class JobQueries:
    """Reads jobs' logs; changes nothing.

    Args:
        store: opens the logs when they are first needed.
        projects: a repository with all that is needed to work on it.
        lost: what to say of jobs that the logs should know and don't; empty where there are none.
    """

    def __init__(
        self,
        store: Callable[[], EventStore],
        blobs: BlobStore,
        clock: Clock,
        projects: Projects,
        lost: Callable[[], str] = str,
    ) -> None:
        self._open, self._blobs, self._clock = store, blobs, clock
        self._projects, self._lost = projects, lost

    @property
    def _store(self) -> EventStore:
        return self._open()

    def ids(self) -> list[str]:
        """All jobs' ids, oldest first."""
        return self._store.jobs()

    def log(self, job: str) -> JobLog:
        """The log of an existing job; raises `JobNotFound`."""
        return JobLog.existing(job, self._store, self._blobs, self._clock)

    def job(self, job: str) -> Job:
        """An existing job as it stands."""
        return self.log(job).job

    def request(self, job: str) -> JobRequested:
        """What was ordered with an existing job."""
        request = self.job(job).request
        if request is None:
            raise JobNotFound(NO_REQUEST.format(job=job), hint="List the jobs with: vulcan jobs")
        return request

    def find(self, prefix: str, repository: Path | None = None) -> str:
        """The job of an id or of its unique beginning; without one, the newest of the repository."""
        if prefix:
            return self._by_prefix(prefix)
        for job in reversed(self.ids()):
            state = self.job(job)
            here = state.request and repository in (None, Path(state.request.repository))
            if here and state.started:
                return job
        raise JobNotFound("there is no job yet", hint=self.doubts() or 'Start one with: vulcan run "..."')

    def newest(self, count: int) -> list[str]:
        """The newest jobs, newest first."""
        return list(islice((job for job in reversed(self.ids()) if self.job(job).started), count))

    def jobs(self) -> Iterator[tuple[str, Job]]:
        """All jobs but those that ended before anything was done, oldest first."""
        for job in self.ids():
            state = self.job(job)
            if state.started:
                yield job, state

    def events(self, job: str, after: int = 0) -> list[StoredEvent]:
        """What happened in a job after the event of that number."""
        return self._store.read(job, after)

    def follow(self, job: str) -> Iterator[StoredEvent | None]:
        """What happens in a job, from its beginning and as it comes; None whenever there is nothing new for now."""
        return self._store.follow(job)

    def diff(self, job: str) -> str:
        """What a job has changed so far, as a unified diff."""
        state, request = self.job(job), self.request(job)
        repository = self._projects(Path(request.repository)).repository
        return repository.diff(request.base_commit, state.newest_commit)

    def is_pulled(self, job: str) -> bool:
        """Whether what a job merged is in what is checked out in its repository."""
        deployment = self.job(job).deployment
        merge = deployment.merge_commit if deployment else ""
        if not merge:
            return False
        project = self._projects(Path(self.request(job).repository))
        head = project.source.inspect(project.root).head
        project.repository.fetch(project.root, head)
        return project.repository.is_ancestor(merge, head)

    def recording(self, job: str) -> Iterator[dict[str, object]]:
        """The model's replies as a `recorded:` model plays them."""
        log = self.log(job)
        for stored in self.events(job):
            if isinstance(stored.event, ModelReplied):
                payload = json.loads(log.kept(stored.event.payload))
                words = {key: value for key, value in payload.items() if key not in {"message", "version"}}
                yield {"key": stored.event.key} | words

    def lost(self) -> str:
        """What to say where there are folders of jobs that the log does not know; else nothing."""
        return self._lost()

    def doubts(self) -> str:
        """Why a job may not be found; raises `VulcanError` where the log is damaged."""
        self._store.check()
        return self._lost()

    def _by_prefix(self, prefix: str) -> str:
        matches = [job for job in self.ids() if job.startswith(prefix)]
        exact = [job for job in matches if job == prefix]
        if exact or len(matches) == 1:
            return (exact or matches)[0]
        what = f"{len(matches)} jobs begin with {prefix}" if matches else NO_REQUEST.format(job=prefix)
        doubts = "" if matches else self.doubts()
        raise JobNotFound(what, hint=doubts or "List the jobs with: vulcan jobs")
