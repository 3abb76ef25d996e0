"""Claiming a job, and what becomes of a stage that can't do its work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from fakes.clock import StillClock
from fakes.memory_store import MemoryBlobStore, MemoryEventStore
from fakes.sample_events import requested
from vulcan.application.jobs.log import JobLog
from vulcan.application.jobs.pipeline import Lease, Pipeline
from vulcan.domain.baseline import Baseline
from vulcan.domain.errors import (
    BudgetExceeded,
    Cancelled,
    EffectFailed,
    Fenced,
    JobBusy,
    JobNotFound,
    ModelUnavailable,
)
from vulcan.domain.events import (
    BaseTestsRun,
    BudgetSpent,
    ClarificationRequested,
    Event,
    JobCancelled,
    JobFinished,
    JobOutcome,
    JobPaused,
    Stage,
    StageFailed,
    StageStarted,
    Worker,
    WorkStarted,
)
from vulcan.domain.job import Ended, Waiting, WaitingFor
from vulcan.domain.testing import TestRun

ME, OTHER = Worker("here", 1, 10), Worker("here", 2, 20)
SEEN = BaseTestsRun(Baseline(TestRun((), 5)))
Act = Callable[[JobLog], Awaitable[None]]


class World:
    def __init__(self, act: Act | None = None, *, alive: bool = False, worker: Worker = ME) -> None:
        self.blobs = MemoryBlobStore()
        self.store = MemoryEventStore(self.blobs)
        self.store.append("j", 0, [requested()])
        self.alive, self.acts = alive, {Stage.PREPARE: act or prepare}
        self.pipeline = self.worker(worker)

    def worker(self, worker: Worker) -> Pipeline:
        lease = Lease(worker, lambda _: self.alive)
        return Pipeline(self.store, self.blobs, StillClock(), self.acts, lease)

    def elsewhere(self, *events: Event) -> None:
        self.store.append("j", len(self.store.read("j")), events)

    def events(self) -> list[Event]:
        return [stored.event for stored in self.store.read("j")]

    async def run(self) -> Event:
        await self.pipeline.claim("j")
        await self.pipeline.advance("j")
        return self.events()[-1]


async def prepare(log: JobLog) -> None:
    log.append(SEEN)


def failing(error: Exception) -> Act:
    async def act(log: JobLog) -> None:
        raise error

    return act


async def test_a_stage_is_announced_and_leads_on() -> None:
    world = World()
    assert (world.pipeline.next("j"), world.pipeline.round("j")) == (Stage.PREPARE, 1)
    await world.run()

    assert world.events()[1:] == [
        WorkStarted(ME, 1),
        StageStarted(Stage.PREPARE, 1),
        SEEN,
    ]
    assert world.pipeline.next("j") is Stage.ANALYZE


async def test_an_unknown_job_can_not_be_claimed() -> None:
    with pytest.raises(JobNotFound):
        await World().pipeline.claim("x")


async def test_a_job_with_a_living_worker_is_busy_and_one_with_a_dead_worker_is_free() -> None:
    world = World(alive=True)
    world.elsewhere(WorkStarted(OTHER, 1))
    with pytest.raises(JobBusy, match="process 2 on here") as caught:
        await world.pipeline.claim("j")
    assert "vulcan show j --follow" in caught.value.hint

    world.alive = False
    await world.pipeline.claim("j")
    assert world.events()[-1] == WorkStarted(ME, 2)


async def test_the_same_worker_may_claim_again() -> None:
    world = World(alive=True)
    await world.pipeline.claim("j")
    await world.pipeline.claim("j")
    assert world.events()[-1] == WorkStarted(ME, 2)


class RacingStore(MemoryEventStore):
    """Lets something else append just before the first WorkStarted is."""

    def __init__(self, first: Event, blobs: MemoryBlobStore) -> None:
        super().__init__(blobs)
        self.first: Event | None = first

    def append(self, job: str, expected_seq: int, events: list[Event]) -> list[object]:  # type: ignore[override]
        if self.first is not None and isinstance(events[0], WorkStarted):
            first, self.first = self.first, None
            super().append(job, expected_seq, [first])
        return super().append(job, expected_seq, events)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("first", "claimed"),
    [(WorkStarted(OTHER, 1), False), (JobCancelled(), None), (JobPaused("Ctrl-C"), True)],
)
async def test_a_race_for_the_job_has_one_winner(first: Event, claimed: bool | None) -> None:
    world = World()
    world.store = RacingStore(first, world.blobs)
    world.store.append("j", 0, [requested()])
    pipeline = world.worker(ME)
    if claimed is False:
        with pytest.raises(JobBusy, match="process 2"):
            await pipeline.claim("j")
    else:
        await pipeline.claim("j")
    assert world.events()[1:] == [first, *([WorkStarted(ME, 1)] if claimed else [])]


async def test_an_ended_job_is_not_claimed_and_no_stage_runs() -> None:
    world = World()
    world.elsewhere(JobFinished(JobOutcome.DONE, ""))
    await world.run()
    await world.pipeline.release("j", "why")
    assert len(world.events()) == 2


async def test_a_waiting_job_runs_no_stage() -> None:
    world = World()
    world.elsewhere(ClarificationRequested(("Which?",)))
    assert await world.run() == WorkStarted(ME, 1)


@pytest.mark.parametrize(
    ("error", "event"),
    [
        (BudgetExceeded("cost: $5 used"), BudgetSpent("cost: $5 used")),
        (
            ModelUnavailable("no answer", hint="try later"),
            StageFailed(Stage.PREPARE, "no answer", "try later"),
        ),
        (EffectFailed("refused"), StageFailed(Stage.PREPARE, "refused")),
    ],
)
async def test_what_a_stage_can_not_do_becomes_an_event(error: Exception, event: Event) -> None:
    world = World(failing(error))
    assert await world.run() == event
    assert isinstance(world.pipeline.next("j"), Waiting)


async def test_a_bug_in_a_stage_does_not_lose_the_job() -> None:
    world = World(failing(ZeroDivisionError("by zero")))
    event = await world.run()

    assert isinstance(event, StageFailed)
    assert event.reason.startswith("ZeroDivisionError: by zero (test_pipeline.py:")
    assert "bug in Vulcan" in event.hint
    assert any(b"Traceback" in content for content in world.blobs.contents.values())


async def test_a_stage_without_a_result_does_not_spin() -> None:
    async def nothing(log: JobLog) -> None:
        return

    world = World(nothing)
    assert await world.run() == StageFailed(Stage.PREPARE, "the stage ended without a result")
    assert world.pipeline.next("j") == Waiting(WaitingFor.RESUME, "prepare: the stage ended without a result")


async def test_a_fenced_worker_stops_loudly_and_a_cancelled_one_quietly() -> None:
    with pytest.raises(Fenced):
        await World(failing(Fenced("taken"))).run()
    assert await World(failing(Cancelled("by a person"))).run() == StageStarted(Stage.PREPARE, 1)


@pytest.mark.parametrize("error", [ModelUnavailable("no"), BudgetExceeded("cost"), KeyError("bug")])
async def test_a_job_that_is_cancelled_while_its_stage_fails_is_just_cancelled(error: Exception) -> None:
    async def act(log: JobLog) -> None:
        world.elsewhere(JobCancelled("me"))
        raise error

    world = World(act)
    assert await world.run() == JobCancelled("me")
    assert world.pipeline.next("j") == Ended(JobOutcome.CANCELLED)


async def test_letting_go_pauses_and_a_later_claim_goes_on() -> None:
    world = World()
    await world.pipeline.claim("j")
    await world.pipeline.release("j", "Ctrl-C")
    assert world.pipeline.next("j") == Waiting(WaitingFor.RESUME, "Ctrl-C")

    world.alive = True
    await world.worker(OTHER).claim("j")
    assert world.worker(OTHER).next("j") is Stage.PREPARE


async def test_letting_go_of_what_was_taken_or_cancelled_or_never_held_is_silent() -> None:
    for event in (WorkStarted(OTHER, 2), JobCancelled()):
        world = World()
        await world.pipeline.claim("j")
        world.elsewhere(event)
        await world.pipeline.release("j", "Ctrl-C")
        assert world.events()[-1] == event
    await World().pipeline.release("j", "Ctrl-C")
