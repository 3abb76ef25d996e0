"""One worker's log: append first, others' words taken in, payloads found again; effects happen once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fakes.clock import StillClock
from fakes.memory_store import MemoryBlobStore, MemoryEventStore
from fakes.sample_events import replied, requested
from vulcan.application.jobs.effects import perform
from vulcan.application.jobs.log import JobCalls, JobLog
from vulcan.application.ports import StoredEvent
from vulcan.domain.budget import Budget, Usage
from vulcan.domain.errors import BudgetExceeded, Cancelled, EffectFailed, Fenced, JobNotFound
from vulcan.domain.events import (
    BudgetRaised,
    BudgetWarned,
    ClarificationAnswered,
    EffectDone,
    EffectIntended,
    Event,
    JobCancelled,
    JobUndone,
    ModelReplied,
    Stage,
    StageStarted,
    SteeringGiven,
    ToolCalled,
    Worker,
    WorkspaceSnapshotted,
    WorkStarted,
)

ME, OTHER = Worker("here", 1, 10), Worker("here", 2, 20)


class World:
    def __init__(self, **request: object) -> None:
        self.blobs = MemoryBlobStore()
        self.store = MemoryEventStore(self.blobs)
        self.clock = StillClock(2.0)
        self.store.append("j", 0, [requested(**request)])

    def log(self, *observers: object) -> JobLog:
        return JobLog("j", self.store, self.blobs, self.clock, observers)  # type: ignore[arg-type]

    def elsewhere(self, *events: Event) -> None:
        """Another process appends."""
        self.store.append("j", len(self.store.read("j")), events)

    def events(self) -> list[Event]:
        return [stored.event for stored in self.store.read("j")]


class Watcher:
    def __init__(self) -> None:
        self.seen: list[StoredEvent] = []

    def saw(self, stored: StoredEvent) -> None:
        self.seen.append(stored)


def test_a_log_starts_from_what_is_stored() -> None:
    world = World()
    world.elsewhere(replied(cost=0.5))

    assert world.log().job.usage.cost == 0.5
    assert world.log().job.seq == 2


def test_an_unknown_job_is_not_found_and_says_how_to_list_them() -> None:
    world = World()
    with pytest.raises(JobNotFound, match="there is no job x") as caught:
        JobLog.existing("x", world.store, world.blobs, world.clock)
    assert "vulcan jobs" in caught.value.hint
    assert JobLog.existing("j", world.store, world.blobs, world.clock).job.request


def test_observers_see_each_event_once_also_those_of_others() -> None:
    world, watcher = World(), Watcher()
    log = world.log(watcher)
    world.elsewhere(ClarificationAnswered("yes"))
    log.append(StageStarted(Stage.ANALYZE, 1))
    log.refresh()

    assert [stored.seq for stored in watcher.seen] == [1, 2, 3]


def test_what_a_person_appends_meanwhile_is_taken_in_first() -> None:
    world = World()
    log = world.log()
    log.claim(WorkStarted(ME, 1))
    world.elsewhere(ClarificationAnswered("yes"))
    log.append(StageStarted(Stage.ANALYZE, 1))

    assert log.job.answers == ("yes",)
    assert world.events()[-2:] == [ClarificationAnswered("yes"), StageStarted(Stage.ANALYZE, 1)]


@pytest.mark.parametrize("act", [JobLog.listen, lambda log: log.append(StageStarted(Stage.ANALYZE, 1))])
def test_a_worker_that_was_replaced_is_fenced(act: Callable[[JobLog], None]) -> None:
    world = World()
    log = world.log()
    log.claim(WorkStarted(ME, 1))
    world.elsewhere(WorkStarted(OTHER, 2))

    with pytest.raises(Fenced):
        act(log)
    assert world.events()[-1] == WorkStarted(OTHER, 2)


def test_of_two_workers_that_claim_at_once_one_is_fenced() -> None:
    world = World()
    mine, theirs = world.log(), world.log()
    mine.claim(WorkStarted(ME, 1))

    with pytest.raises(Fenced):
        theirs.claim(WorkStarted(OTHER, 1))
    mine.append(StageStarted(Stage.ANALYZE, 1))

    assert world.events()[1:] == [WorkStarted(ME, 1), StageStarted(Stage.ANALYZE, 1)]


def test_a_worker_may_claim_again() -> None:
    log = World().log()
    log.claim(WorkStarted(ME, 1))
    log.claim(WorkStarted(ME, 2))
    log.append(StageStarted(Stage.ANALYZE, 1))
    assert log.job.epoch == 2


def test_a_person_is_no_worker_and_is_not_fenced() -> None:
    world = World()
    log = world.log()
    world.elsewhere(WorkStarted(OTHER, 1))
    log.append(JobCancelled("me"))
    assert world.events()[-1] == JobCancelled("me")


@pytest.mark.parametrize("end", [JobCancelled(), JobUndone(())])
def test_a_cancelled_job_stops_its_worker(end: Event) -> None:
    world = World()
    log = world.log()
    log.claim(WorkStarted(ME, 1))
    world.elsewhere(end)
    with pytest.raises(Cancelled):
        log.append(StageStarted(Stage.ANALYZE, 1))
    assert world.events()[-1] == end


@given(st.text() | st.text(st.characters()))
@example("half of a pair: \ud83d")
@example("undecodable: \udcff")
@settings(deadline=None)
def test_any_text_can_be_kept(text: str) -> None:
    log = World().log()
    assert log.kept(log.keep(text)) == text


def test_payloads_are_found_by_key_also_after_a_restart() -> None:
    world = World()
    calls = JobCalls(world.log())
    calls.record_reply("a/1", "coder", "m", Usage(1, 10, 0, 5, 0.25), "the reply")
    calls.record_tool("a/1/t", "coder", "shell", "pytest", "3 passed")

    again = JobCalls(world.log())
    assert (again.recorded("a/1"), again.recorded("a/1/t")) == ("the reply", "3 passed")
    assert again.recorded("a/2") is None
    reply, tool = world.events()[1:]
    assert isinstance(reply, ModelReplied)
    assert (reply.key, reply.agent, reply.model, reply.usage.cost) == ("a/1", "coder", "m", 0.25)
    assert isinstance(tool, ToolCalled)
    assert (tool.tool, tool.summary) == ("shell", "pytest")


@pytest.mark.parametrize(
    ("tools", "snapshots"), [((), 0), (("read", "shell"), 0), (("edit", "edit"), 1), (("read", "write"), 1)]
)
def test_the_workspace_is_stored_once_after_tools_that_change_it(
    tools: tuple[str, ...], snapshots: int
) -> None:
    world = World()
    taken: list[str] = []
    calls = JobCalls(world.log(), lambda: taken.append("t") or f"tree-{len(taken)}")
    for number, tool in enumerate(tools):
        calls.record_tool(f"k{number}", "coder", tool, "", "")
    calls.check_budget()
    calls.check_budget()

    stored = [e for e in world.events() if isinstance(e, WorkspaceSnapshotted)]
    assert stored == [WorkspaceSnapshotted("tree-1")][:snapshots]


def test_a_spent_budget_stops_before_the_next_call_but_after_the_snapshot() -> None:
    world = World(budget=Budget(calls=1))
    calls = JobCalls(world.log(), lambda: "tree")
    calls.check_budget()
    calls.record_reply("k", "coder", "m", Usage(1), "")
    calls.record_tool("k/t", "coder", "edit", "", "")
    with pytest.raises(BudgetExceeded, match="1 model calls used of 1"):
        calls.check_budget()
    assert world.events()[-1] == WorkspaceSnapshotted("tree")


def test_each_limit_warns_once_at_eighty_percent_and_again_after_it_was_raised() -> None:
    world = World(budget=Budget(calls=10, cost=1.0))
    log = world.log()
    calls = JobCalls(log)
    for _ in range(3):
        calls.record_reply("k", "coder", "m", Usage(4, cost=0.3), "")
        if log.job.usage.calls < 10:
            calls.check_budget()
            calls.check_budget()
    assert [e for e in world.events() if isinstance(e, BudgetWarned)] == [
        BudgetWarned("calls", "calls: 8 model calls used of 10 model calls")
    ]
    world.elsewhere(BudgetRaised(Budget(calls=15, cost=1.0)))
    calls.check_budget()
    names = [e.name for e in world.events() if isinstance(e, BudgetWarned)]
    assert names == ["calls", "cost", "calls"]


def test_a_money_limit_that_can_not_hold_is_said_once() -> None:
    world = World()
    calls = JobCalls(world.log())
    for _ in range(3):
        calls.record_reply("k", "coder", "m", Usage(1, cost=None), "")
        calls.check_budget()
    assert [e.name for e in world.events() if isinstance(e, BudgetWarned)] == ["price"]


def test_a_reply_records_how_much_of_the_persons_words_the_model_knew() -> None:
    world = World()
    calls = JobCalls(world.log())
    assert calls.steering() == ()
    calls.record_reply("k/0", "coder", "m", Usage(1), "")
    world.elsewhere(SteeringGiven("total", "ada"))
    assert calls.steering() == ("total",)
    calls.record_reply("k/1", "coder", "m", Usage(1), "")
    assert [e.steering_seen for e in world.events() if isinstance(e, ModelReplied)] == [0, 1]
    again = JobCalls(world.log())
    assert again.recorded("k/0") == ""
    assert again.steering_seen == 0
    assert again.recorded("k/2") is None
    assert again.steering_seen == 0


def test_a_call_that_is_prepared_and_never_made_has_told_nobody() -> None:
    world = World()
    calls = JobCalls(world.log())
    world.elsewhere(SteeringGiven("faster", "ada"))

    assert calls.steering() == ("faster",)
    assert calls.steering_seen == 0, "the agent's turns may be used up"
    calls.record_reply("a/0", "coder", "m", Usage(), "{}")
    assert calls.steering_seen == 1


def test_time_counts_only_while_a_worker_is_on_the_job() -> None:
    world = World(budget=Budget(seconds=100.0))
    world.clock.time = 1_000.0
    log = world.log()
    JobCalls(log).check_budget()
    log.claim(WorkStarted(ME, 1))
    world.clock.time = log.job.updated_at + 99.0
    JobCalls(log).check_budget()
    world.clock.time += 1.0
    with pytest.raises(BudgetExceeded, match="time"):
        JobCalls(log).check_budget()


def test_check_budget_hears_a_cancel() -> None:
    world = World()
    log = world.log()
    log.claim(WorkStarted(ME, 1))
    world.elsewhere(JobCancelled())
    with pytest.raises(Cancelled):
        JobCalls(log).check_budget()


# ------------------------------------------------------------------------------------------------ effects


class Outside:
    """A place where an effect may happen."""

    def __init__(self, there: str = "") -> None:
        self.there, self.acts, self.looks = there, 0, 0

    async def look_up(self) -> str:
        self.looks += 1
        return self.there

    async def act(self) -> str:
        self.acts += 1
        self.there = "made"
        return self.there

    async def through(self, log: JobLog) -> str:
        return await perform(log, "push", "push it", look_up=self.look_up, act=self.act)


async def test_an_effect_is_announced_done_and_never_repeated() -> None:
    world, outside = World(), Outside()
    log = world.log()

    assert [await outside.through(log), await outside.through(world.log())] == ["made", "made"]
    assert (outside.acts, outside.looks) == (1, 0)
    assert world.events()[1:] == [EffectIntended("push", "push it"), EffectDone("push", "made")]


async def test_after_a_kill_between_act_and_record_the_effect_is_looked_up() -> None:
    world, outside = World(), Outside(there="made before the kill")
    world.elsewhere(EffectIntended("push", "push it"))

    assert await outside.through(world.log()) == "made before the kill"
    assert (outside.acts, outside.looks) == (0, 1)
    assert world.events()[-1] == EffectDone("push", "made before the kill")


async def test_after_a_kill_before_the_act_it_is_made_up_for() -> None:
    world, outside = World(), Outside()
    world.elsewhere(EffectIntended("push", "push it"))

    assert await outside.through(world.log()) == "made"
    assert (outside.acts, outside.looks) == (1, 1)
    assert world.events().count(EffectIntended("push", "push it")) == 1


async def test_an_effect_without_a_result_is_not_repeated_either() -> None:
    world, outside = World(), Outside()
    world.elsewhere(EffectIntended("push", ""), EffectDone("push", ""))
    assert await outside.through(world.log()) == ""
    assert outside.acts == 0


async def test_a_refused_effect_is_not_recorded_as_done() -> None:
    world = World()

    async def refuse() -> str:
        raise EffectFailed("no")

    with pytest.raises(EffectFailed):
        await perform(world.log(), "push", "push it", look_up=Outside().look_up, act=refuse)
    assert world.events()[-1] == EffectIntended("push", "push it")


async def test_a_fenced_worker_announces_nothing_and_does_nothing() -> None:
    world, outside = World(), Outside()
    log = world.log()
    log.claim(WorkStarted(ME, 1))
    world.elsewhere(WorkStarted(OTHER, 2))
    with pytest.raises(Fenced):
        await outside.through(log)
    assert outside.acts == 0


def test_replies_that_count_no_more_are_asked_for_anew() -> None:
    world = World()
    calls = JobCalls(world.log())
    for turn in ("a/1", "a/10"):
        calls.record_reply(turn, "coder", "m", Usage(1), turn)
        calls.record_tool(f"{turn}/c", "coder", "shell", "", "a result")
    calls.drop(("a/1",), "they led to nothing")
    for again in (calls, JobCalls(world.log())):
        known = [again.recorded(key) is not None for key in ("a/1", "a/1/c", "a/10", "a/10/c")]
        assert known == [False, False, True, True]
    calls.record_reply("a/1", "coder", "better", Usage(1), "the better one")
    assert JobCalls(world.log()).recorded("a/1") == "the better one"
