"""What a person says between an approval and the merge, or while a job ends: heard first, or refused in words, never lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from test_job import ASKED, CHECKED, DIGEST, REQUIREMENT, START, analyzed, generated, job_after

from fakes.clock import StillClock
from fakes.memory_store import MemoryBlobStore, MemoryEventStore
from fakes.projects import FakeProject, jobs_on
from fakes.sample_events import requested
from vulcan.application.jobs.commands import JobCommands
from vulcan.application.jobs.log import JobLog
from vulcan.application.ports import PullRequest, StoredEvent
from vulcan.application.services import Services
from vulcan.application.stages.deliver import deliver
from vulcan.application.stages.release import release
from vulcan.domain.errors import UserError
from vulcan.domain.events import (
    ApprovalGranted,
    ApprovalRequested,
    EffectIntended,
    Event,
    JobFinished,
    JobOutcome,
    Merged,
    RequirementsAnalyzed,
    Stage,
    SteeringGiven,
)
from vulcan.domain.job import Ended
from vulcan.domain.policy import MergeRule, ReviewPolicy

STEER = SteeringGiven("not yet: call it total", "bob")
APPROVED = (*ASKED, ApprovalGranted(DIGEST, "ada"))


class Overtaken(MemoryEventStore):
    """Another process is faster by one event, before an append of the given kind."""

    def __init__(self, blobs: MemoryBlobStore, before: type[Event], other: Event) -> None:
        super().__init__(blobs)
        self._before, self._other = before, other
        self.armed = False

    def append(self, job: str, expected_seq: int, events: Any) -> list[StoredEvent]:
        if self.armed and isinstance(events[0], self._before):
            self.armed = False
            super().append(job, len(self.read(job)), [self._other])
        return super().append(job, expected_seq, events)


def overtaken(log: tuple[Event, ...], before: type[Event], other: Event) -> tuple[JobCommands, JobLog]:
    blobs = MemoryBlobStore()
    store = Overtaken(blobs, before, other)
    store.append("j", 0, log)
    store.armed = True
    return jobs_on(FakeProject(None), store, blobs, StillClock()).commands, JobLog(
        "j", store, blobs, StillClock()
    )


@dataclass
class Pulls:
    merged: list[str] = field(default_factory=list)

    async def find(self, head: str) -> None:
        return None

    async def open(self, head: str, base: str, title: str, body: str, *, draft: bool) -> PullRequest:
        return PullRequest(7, head, base, title, body, draft=draft, state="open", url="", head_commit="")

    async def merge(self, number: int, head_commit: str, message: str) -> PullRequest:
        self.merged.append(head_commit)
        raise AssertionError


def services(pulls: Pulls) -> Services:
    async def push(branch: str, commit: str) -> None: ...

    forge = SimpleNamespace(pull_requests=pulls, branches=SimpleNamespace(push=push))
    source = SimpleNamespace(publish=lambda *_: None)
    repository = SimpleNamespace(changes=lambda *_: ())
    return cast("Services", SimpleNamespace(forge=forge, source=source, repository=repository))


def kinds(log: JobLog) -> list[type[Event]]:
    log.refresh()
    return [type(stored.event) for stored in log._store.read("j")]


def test_what_is_said_after_the_approval_and_before_the_merge_voids_the_approval() -> None:
    job = job_after(*APPROVED, STEER)
    assert job.next_stage() is Stage.ANALYZE
    same = job_after(*APPROVED, STEER, *analyzed(job), generated(1, steering_seen=1), *CHECKED[4:])
    assert same.newest_commit == "tests-1"
    assert same.next_stage() is Stage.RELEASE
    assert not same.approved


def test_what_is_said_while_approval_is_asked_for_comes_first() -> None:
    job = job_after(*CHECKED, STEER, ApprovalRequested("merge", "tests-1", DIGEST))
    assert job.next_stage() is Stage.ANALYZE
    assert job_after(*CHECKED, STEER, RequirementsAnalyzed(REQUIREMENT, 1)).next_stage() is Stage.GENERATE


def test_an_approval_that_crosses_with_a_word_approves_nothing() -> None:
    desk, log = overtaken(ASKED, ApprovalGranted, STEER)
    with pytest.raises(UserError, match="does not wait for an approval"):
        desk.approve("j", "ada")
    assert ApprovalGranted not in kinds(log)


@pytest.mark.parametrize("end", [JobFinished(JobOutcome.DONE, "merged"), Merged(7, "m" * 40)])
def test_a_word_that_crosses_with_the_end_is_refused_not_lost(end: Event) -> None:
    desk, log = overtaken(APPROVED, SteeringGiven, end)
    with pytest.raises(UserError, match=r"has ended|is merged already"):
        desk.steer("j", "wait", "bob")
    assert SteeringGiven not in kinds(log)


def test_a_merge_that_has_begun_can_not_be_steered() -> None:
    begun = EffectIntended("release/merge/tests-1", "merge #7")
    desk, log = overtaken(APPROVED, SteeringGiven, begun)
    with pytest.raises(UserError, match="being merged"):
        desk.steer("j", "wait", "bob")
    assert log.job.next_stage() is Stage.RELEASE


async def test_a_word_that_crosses_with_the_merge_stops_it() -> None:
    _desk, log = overtaken(APPROVED, EffectIntended, STEER)
    pulls = Pulls()
    await release(services(pulls), log)
    assert not pulls.merged
    assert EffectIntended not in kinds(log)
    assert log.job.next_stage() is Stage.ANALYZE


async def test_a_word_that_crosses_with_the_question_for_approval_comes_first() -> None:
    _desk, log = overtaken(CHECKED, ApprovalRequested, STEER)
    await release(services(Pulls()), log)
    assert ApprovalRequested not in kinds(log)
    assert log.job.next_stage() is Stage.ANALYZE


async def test_a_word_that_crosses_with_the_end_of_unproven_work_is_heard() -> None:
    log_of_unproven = (requested(policy=ReviewPolicy(merge=MergeRule.NEVER)), *START[1:])
    made = (RequirementsAnalyzed(REQUIREMENT), generated())
    _desk, log = overtaken((*log_of_unproven, *made), JobFinished, STEER)
    await deliver(services(Pulls()), log)
    assert not isinstance(log.job.next_stage(), Ended)
    assert JobFinished not in kinds(log)
