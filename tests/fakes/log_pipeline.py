"""A pipeline on a real event log whose stages are scripted: what the workflow engines drive in tests."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence

from fakes.sample_events import BASE_COMMIT, requested
from vulcan.application.ports import EventStore
from vulcan.domain.baseline import Baseline
from vulcan.domain.budget import Budget
from vulcan.domain.errors import JobBusy
from vulcan.domain.events import (
    BaseTestsRun,
    CodeGenerated,
    CodeValidated,
    Event,
    JobFinished,
    JobOutcome,
    JobPaused,
    RequirementsAnalyzed,
    Stage,
    StageStarted,
    TestsGenerated,
    Worker,
    WorkStarted,
)
from vulcan.domain.generation import CodeGeneration, CodeMetadata
from vulcan.domain.job import Ended, Job, Next, fold
from vulcan.domain.requirements import AcceptanceCriterion, Requirement
from vulcan.domain.testing import CodeTesting, TestRun

REQUIREMENT = Requirement("Add --version", (AcceptanceCriterion("AC-1", "prints it"),))

Act = Callable[[Job], Awaitable[Sequence[Event]]]


def straight(job: Job) -> Sequence[Event]:
    """What each stage yields where all goes well; the job ends with RUN_TESTS to keep tests short."""
    code = CodeGeneration(REQUIREMENT, (), CodeMetadata(BASE_COMMIT, f"code-{job.round}", job.round))
    return {
        Stage.PREPARE: [BaseTestsRun(Baseline(TestRun((), 5)))],
        Stage.ANALYZE: [RequirementsAnalyzed(REQUIREMENT)],
        Stage.GENERATE: [CodeGenerated(code)],
        Stage.VALIDATE: [CodeValidated((), job.round)],
        Stage.WRITE_TESTS: [TestsGenerated(CodeTesting((), (), f"tests-{job.round}", job.round))],
        Stage.RUN_TESTS: [JobFinished(JobOutcome.DONE, "tested")],
    }[job.due]


STRAIGHT = [
    Stage.PREPARE,
    Stage.ANALYZE,
    Stage.GENERATE,
    Stage.VALIDATE,
    Stage.WRITE_TESTS,
    Stage.RUN_TESTS,
]


class LogPipeline:
    """`acts` replace what a stage does the first times it is run; None stands for the straight way."""

    def __init__(self, store: EventStore, acts: dict[Stage, list[Act | None]] | None = None) -> None:
        self.store = store
        self.acts = acts or {}
        self.busy = False

    def request(self, job: str, rounds: int = 4) -> None:
        self.append(job, requested(budget=Budget(rounds=rounds)))

    def append(self, job: str, *events: Event) -> None:
        self.store.append(job, self.job(job).seq, events)

    def job(self, job: str) -> Job:
        return fold((each.event, each.at) for each in self.store.read(job))

    def stages(self, job: str) -> list[Stage]:
        """The stages that were started, in order."""
        return [each.event.stage for each in self.store.read(job) if isinstance(each.event, StageStarted)]

    def count(self, job: str, kind: type[Event]) -> int:
        return sum(isinstance(each.event, kind) for each in self.store.read(job))

    async def claim(self, job: str) -> None:
        if self.busy:
            raise JobBusy(f"job {job} is worked on")
        if not isinstance(self.next(job), Ended):
            self.append(job, WorkStarted(Worker("here", os.getpid(), 0), self.job(job).epoch + 1))

    def next(self, job: str) -> Next:
        return self.job(job).next_stage()

    def round(self, job: str) -> int:
        return self.job(job).round

    async def advance(self, job: str) -> None:
        now = self.job(job)
        self.append(job, StageStarted(now.due, now.round))
        acts = self.acts.get(now.due)
        act = acts.pop(0) if acts else None
        events = await act(now) if act else straight(now)
        self.append(job, *events)

    async def release(self, job: str, reason: str) -> None:
        self.append(job, JobPaused(reason))
