"""What people may ask of jobs, and what they are told when they may not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.clock import StillClock
from fakes.memory_forge import MemoryForge
from fakes.memory_store import MemoryBlobStore, MemoryEventStore
from fakes.memory_vcs import MemoryVcs
from fakes.projects import FakeProject, jobs_on
from vulcan.application.jobs.commands import MAX_INSTRUCTION, Order, new_job_id
from vulcan.application.ports import SourceState
from vulcan.domain.budget import Budget
from vulcan.domain.errors import JobNotFound, UserError
from vulcan.domain.events import (
    ApprovalGranted,
    ApprovalRefused,
    ApprovalRequested,
    BranchPushed,
    BudgetRaised,
    ClarificationAnswered,
    ClarificationRequested,
    EffectIntended,
    Event,
    JobCancelled,
    JobFinished,
    JobOutcome,
    JobRequested,
    JobUndone,
    Merged,
    SteeringGiven,
)
from vulcan.domain.job import MERGE_EFFECT, Ended
from vulcan.domain.policy import ReviewPolicy, approval_digest

ORDER = Order("Add a flag", Path("/project"), "m", Budget(), ReviewPolicy(), by="ada")
DIGEST = approval_digest("merge", "c" * 40)


class Source:
    """A user's repository that is inspected and relieved of a branch."""

    def __init__(self, branch: str = "main", *, has_branch: bool = True) -> None:
        self.state = SourceState(Path("/project"), "b" * 40, branch, 0, ("a note",))
        self.has_branch, self.withdrawn = has_branch, []  # type: ignore[var-annotated]

    def inspect(self, path: Path) -> SourceState:
        return self.state

    def publish(self, root: Path, branch: str, commit: str) -> None:
        raise AssertionError

    def withdraw(self, root: Path, branch: str) -> bool:
        self.withdrawn.append((root, branch))
        return self.has_branch


class World:
    def __init__(self) -> None:
        blobs = MemoryBlobStore()
        self.store = MemoryEventStore(blobs)
        self.clock = StillClock()
        self.project = FakeProject(Source())
        jobs = jobs_on(self.project, self.store, blobs, self.clock)
        self.commands, self.queries = jobs.commands, jobs.queries

    def order(self, source: Source | None = None, **changes: Any) -> str:
        self.project.source = source or self.project.source
        return self.commands.request(replace(ORDER, **changes))

    def happens(self, job: str, *events: Event) -> None:
        self.store.append(job, len(self.store.read(job)), events)

    def last(self, job: str) -> Event:
        return self.store.read(job)[-1].event


def test_an_order_becomes_a_job() -> None:
    world = World()
    job = world.order(instruction="  Add a flag\n", ask=False)
    event = world.last(job)
    assert event == JobRequested(
        "Add a flag",
        "/project",
        "b" * 40,
        "main",
        "m",
        Budget(),
        ReviewPolicy(),
        "ada",
        ("a note",),
        ask=False,
    )


def test_a_detached_head_gets_a_branch_of_its_own() -> None:
    world = World()
    event = world.last(world.order(Source(branch="")))
    assert isinstance(event, JobRequested)
    assert event.base_branch == "detached-bbbbbbbbbb"


@pytest.mark.parametrize("instruction", ["", "  \n", "...", "?!", "—"])
def test_an_instruction_that_says_nothing(instruction: str) -> None:
    world = World()
    with pytest.raises(UserError, match="is empty") as caught:
        world.order(instruction=instruction)
    assert "vulcan run" in caught.value.hint
    assert world.store.jobs() == []


def test_an_instruction_that_is_too_long() -> None:
    world = World()
    with pytest.raises(UserError, match="20,001 characters"):
        world.order(instruction="x" * (MAX_INSTRUCTION + 1))
    assert world.order(instruction="x" * MAX_INSTRUCTION)


@given(st.floats(min_value=1e9, max_value=2e9), st.floats(min_value=1.0, max_value=1e8))
def test_job_ids_sort_by_time(now: float, later: float) -> None:
    first, second = new_job_id(now), new_job_id(now + later)
    assert first[:-2] < second[:-2] or int(now) == int(now + later)
    assert len(first) == 8
    assert first.isalnum()


def test_many_jobs_of_one_second_get_ids_of_their_own() -> None:
    world = World()
    assert len({world.order() for _ in range(200)}) == 200


def test_a_job_is_found_by_the_beginning_of_its_id_or_as_the_newest() -> None:
    world = World()
    first = world.order()
    world.clock.time += 5
    second = world.order(Source())

    assert world.queries.find(first) == first
    assert world.queries.find(second[:-1]) == second
    assert world.queries.find("") == second
    assert world.queries.find("", Path("/project")) == second


def test_the_newest_job_of_one_repository() -> None:
    world = World()
    here = world.order()
    elsewhere = Source()
    elsewhere.state = replace(elsewhere.state, root=Path("/other"))
    there = world.order(elsewhere)
    assert (world.queries.find("", Path("/project")), world.queries.find("", Path("/other"))) == (here, there)


def test_a_job_that_was_not_started_is_found_by_its_id_only() -> None:
    world = World()
    first = world.order()
    second = world.order(blind=True)
    world.happens(second, JobFinished(JobOutcome.NOT_STARTED, "sees 0 of about 9 tests"))
    assert world.queries.find("") == first
    assert world.queries.find(second) == second
    assert world.queries.newest(5) == [first]
    assert [job for job, _ in world.queries.jobs()] == [first]
    request = world.queries.log(second).job.request
    assert request
    assert request.blind


def test_a_job_that_is_not_found_or_not_unique() -> None:
    world = World()
    with pytest.raises(JobNotFound, match="no job yet") as caught:
        world.queries.find("")
    assert "vulcan run" in caught.value.hint
    for name in ("ab1", "ab2", "ab22"):
        world.happens(name, *[JobCancelled()])
    for prefix, words in (("zz", "no job zz"), ("ab", "3 jobs begin with ab")):
        with pytest.raises(JobNotFound, match=words) as caught:
            world.queries.find(prefix)
        assert "vulcan jobs" in caught.value.hint
    assert world.queries.find("ab2") == "ab2"


def test_an_answer_needs_a_question() -> None:
    world = World()
    job = world.order()
    with pytest.raises(UserError, match="no open question") as caught:
        world.commands.answer(job, "yes", "ada")
    assert "vulcan show" in caught.value.hint

    world.happens(job, ClarificationRequested(("Which?",)))
    world.commands.answer(job, "this", "ada")
    assert world.last(job) == ClarificationAnswered("this", "ada")


def test_an_approval_is_for_what_was_asked() -> None:
    world = World()
    job = world.order()
    with pytest.raises(UserError, match="does not wait for an approval"):
        world.commands.approve(job, "ada")

    world.happens(job, ApprovalRequested("merge", "c" * 40, DIGEST))
    assert world.commands.approve(job, "ada") == "merge of cccccccccc"
    assert world.last(job) == ApprovalGranted(DIGEST, "ada")
    with pytest.raises(UserError):
        world.commands.approve(job, "ada")


def test_a_budget_is_raised_only_where_it_differs() -> None:
    world = World()
    job = world.order()
    world.commands.raise_budget(job, Budget(), "ada")
    assert isinstance(world.last(job), JobRequested)
    world.commands.raise_budget(job, Budget(cost=50.0), "ada")
    assert world.last(job) == BudgetRaised(Budget(cost=50.0), "ada")


def test_a_job_is_cancelled_once() -> None:
    world = World()
    job = world.order()
    world.commands.cancel(job, "ada")
    assert world.last(job) == JobCancelled("ada")
    with pytest.raises(UserError, match=r"ended already \(cancelled\)"):
        world.commands.cancel(job, "ada")


def test_nothing_can_be_asked_of_a_job_that_is_not_there() -> None:
    commands = World().commands
    for ask in (
        lambda: commands.answer("x", "y", "z"),
        lambda: commands.approve("x", "z"),
        lambda: commands.cancel("x", "z"),
        lambda: commands.raise_budget("x", Budget(), "z"),
    ):
        with pytest.raises(JobNotFound):
            ask()


# --------------------------------------------------------------------------------------------------- undo


async def checks(commit: str) -> tuple[bool, str, float]:
    return True, "", 0.0


class Delivered(World):
    """A job with a branch and an open pull request."""

    def __init__(self) -> None:
        super().__init__()
        self.source, self.folders = self.project.source, self.project.checkouts
        self.vcs = MemoryVcs()
        self.forge = self.project.forge = MemoryForge(self.vcs, checks)
        self.job = self.order()

    async def deliver(self) -> None:
        base = self.vcs.commit(self.vcs.write_files({}), "", "Start")
        commit = self.vcs.commit(self.vcs.write_files({"a": b"a"}), base, "Work")
        await self.forge.branches.push("main", base)
        await self.forge.branches.push("vulcan/j", commit)
        await self.forge.pull_requests.open("vulcan/j", "main", "T", "B", draft=True)
        self.happens(self.job, BranchPushed("vulcan/j", commit))

    async def undo(self) -> tuple[str, ...]:
        return await self.commands.undo(self.job, "ada")


async def test_undo_takes_back_all_that_was_made_and_says_what() -> None:
    world = Delivered()
    await world.deliver()
    removed = await world.undo()

    pull = await world.forge.pull_requests.find("vulcan/j")
    assert pull is not None
    assert (pull.state, pull.title, pull.body, pull.draft) == ("closed", "T", "B", True)
    assert await world.forge.branches.head("vulcan/j") == ""
    assert await world.forge.branches.head("main") != ""
    assert world.source.withdrawn == [(Path("/project"), "vulcan/j")]
    assert world.folders.removed == [world.job]
    assert len(removed) == 3
    assert world.last(world.job) == JobUndone(removed, "ada")
    assert world.queries.log(world.job).job.next_stage() == Ended(JobOutcome.CANCELLED)


async def test_undo_ends_the_job_before_it_removes_what_a_worker_could_make_anew() -> None:
    world = Delivered()
    await world.deliver()
    ended: list[object] = []
    withdraw = world.source.withdraw

    def looked_at(root: Path, branch: str) -> bool:
        ended.append(world.queries.log(world.job).job.outcome)
        return withdraw(root, branch)

    world.source.withdraw = looked_at  # type: ignore[method-assign]
    await world.undo()
    assert ended == [JobOutcome.CANCELLED]


async def test_undo_is_idempotent_and_harmless_before_any_delivery() -> None:
    world = Delivered()
    assert await world.undo() == ()
    assert (world.source.withdrawn, world.folders.removed) == ([], [world.job])
    other = Delivered()
    await other.deliver()
    await other.undo()
    other.source.has_branch = False
    assert await other.undo() == ()


async def test_undo_after_a_merge_leaves_the_merge_and_the_outcome() -> None:
    world = Delivered()
    await world.deliver()
    pull = await world.forge.pull_requests.find("vulcan/j")
    assert pull is not None
    await world.forge.pull_requests.update(1, title="T", body="B", draft=False, closed=False)
    merged = await world.forge.pull_requests.merge(1, pull.head_commit, "Merge")
    world.happens(world.job, Merged(1, merged.merge_commit), JobFinished(JobOutcome.DONE, "merged"))
    removed = await world.undo()

    after = await world.forge.pull_requests.find("vulcan/j")
    assert after is not None
    assert after.state == "merged"
    assert not any("pull request" in what for what in removed)
    assert world.queries.log(world.job).job.next_stage() == Ended(JobOutcome.DONE)


def test_a_job_whose_merge_has_begun_takes_no_message_any_more() -> None:
    world = World()
    job = world.order()
    world.happens(job, ApprovalRequested("merge", "b" * 40, DIGEST), ApprovalGranted(DIGEST, "ada"))
    world.commands.steer(job, "wait, call it total", "ada")
    assert world.last(job) == SteeringGiven("wait, call it total", "ada")
    world.happens(job, EffectIntended(f"{MERGE_EFFECT}{'b' * 40}", "merge #1"))
    with pytest.raises(UserError, match="being merged"):
        world.commands.steer(job, "and again", "ada")


@pytest.mark.parametrize("text", ["", " \n", "x" * 20_001])
def test_a_message_to_a_job_has_a_measure(text: str) -> None:
    world = World()
    with pytest.raises(UserError, match="a message to a job"):
        world.commands.steer(world.order(), text, "ada")


def test_a_refusal_is_bound_to_what_was_asked() -> None:
    world = World()
    job = world.order()
    with pytest.raises(UserError, match="does not wait for an approval"):
        world.commands.refuse(job, "ada")
    world.happens(job, ApprovalRequested("merge", "c" * 40, DIGEST))
    with pytest.raises(UserError, match="another commit"):
        world.commands.approve(job, "ada", "d" * 40)
    assert world.commands.refuse(job, "ada", "no") == "merge of cccccccccc"
    assert world.last(job) == ApprovalRefused(DIGEST, "ada", "no")
