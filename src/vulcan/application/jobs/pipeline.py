"""Runs the stages in the order that `Job.next_stage()` gives."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from vulcan.application.jobs.log import JobLog
from vulcan.application.ports import BlobStore, Clock, EventStore, Observer
from vulcan.domain.errors import (
    NO_ROOM,
    NO_ROOM_HINT,
    BudgetExceeded,
    Cancelled,
    Fenced,
    JobBusy,
    VulcanError,
    masked,
)
from vulcan.domain.events import BudgetSpent, JobPaused, Stage, StageFailed, StageStarted, Worker, WorkStarted
from vulcan.domain.job import Ended, Next

StageFunction = Callable[[JobLog], Awaitable[None]]
WorkerAlive = Callable[[Worker], bool]


@dataclass(frozen=True, slots=True)
class Lease:
    """Who this worker is, and how it tells whether another one on this machine still lives."""

    worker: Worker
    alive: WorkerAlive


class Pipeline:
    """Claims a job and runs one stage at a time; engines decide when."""

    def __init__(
        self,
        store: EventStore,
        blobs: BlobStore,
        clock: Clock,
        stages: Mapping[Stage, StageFunction],
        lease: Lease,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._store, self._blobs, self._clock = store, blobs, clock
        self._stages, self._lease, self._observers = stages, lease, observers
        self._logs: dict[str, JobLog] = {}

    async def claim(self, job: str) -> None:
        """Become the job's worker.

        Raises:
            JobBusy: a living process works on it.
        """
        log = self._log(job)
        log.refresh()
        holder = log.job.worker
        mine = self._lease.worker
        if holder is not None and holder != mine and self._lease.alive(holder):
            raise _busy(job, holder)
        if isinstance(log.job.next_stage(), Ended):
            return
        try:
            log.claim(WorkStarted(mine, log.job.epoch + 1))
        except Fenced as error:
            raise _busy(job, log.job.worker or mine) from error
        except Cancelled:
            return

    def _log(self, job: str) -> JobLog:
        if job not in self._logs:
            self._logs[job] = JobLog.existing(job, self._store, self._blobs, self._clock, self._observers)
        return self._logs[job]

    def next(self, job: str) -> Next:
        """What comes next for a job."""
        return self._log(job).job.next_stage()

    def round(self, job: str) -> int:
        """The round that a claimed job is in."""
        return self._log(job).job.round

    async def advance(self, job: str) -> None:
        """Run the due stage once. What it can't do becomes an event; only fencing and bugs in here raise."""
        log = self._log(job)
        stage = log.job.next_stage()
        if not isinstance(stage, Stage):
            return
        with suppress(Cancelled):
            await self._run(log, stage)

    async def _run(self, log: JobLog, stage: Stage) -> None:
        try:
            log.append(StageStarted(stage, log.job.round))
            if log.job.next_stage() is not stage:
                return  # the person's word, taken in just now, asks for something else first
            before = log.job.seq
            await self._stages[stage](log)
            if log.job.seq == before:
                log.append(StageFailed(stage, "the stage ended without a result"))
        except BudgetExceeded as error:
            log.append(BudgetSpent(error.message))
        except (Cancelled, Fenced):
            raise
        except VulcanError as error:
            log.append(StageFailed(stage, error.message, error.hint))
        except OSError as error:
            if error.errno not in NO_ROOM:
                _bug(log, stage, error)
            else:
                log.append(StageFailed(stage, str(error), NO_ROOM_HINT))
        except Exception as error:  # noqa: BLE001 - the stage boundary: a bug must not lose the job
            _bug(log, stage, error)

    async def release(self, job: str, reason: str) -> None:
        """Let the job go; its work is safe and `vulcan resume` goes on."""
        log = self._logs.get(job)
        if log is None or isinstance(log.job.next_stage(), Ended):
            return
        try:
            log.append(JobPaused(reason))
        except (Fenced, Cancelled):
            return


def _busy(job: str, holder: Worker) -> JobBusy:
    return JobBusy(
        f"job {job} is being worked on by process {holder.pid} on {holder.host}",
        hint=f"Follow it with: vulcan show {job} --follow",
    )


def _bug(log: JobLog, stage: Stage, error: Exception) -> None:
    """Keep the traceback, and let the job wait for a resume."""
    log.keep(masked("".join(traceback.format_exception(error))))
    where = traceback.extract_tb(error.__traceback__)[-1]
    reason = f"{type(error).__name__}: {error} ({where.filename.rsplit('/', 1)[-1]}:{where.lineno})"
    log.append(StageFailed(stage, masked(reason), "This is a bug in Vulcan; the job can be resumed."))
