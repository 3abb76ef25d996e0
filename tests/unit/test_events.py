"""What event classes say of themselves, and what follows from it: who acted, whether work went on."""

from __future__ import annotations

import pytest

from fakes.sample_events import called, replied, requested
from vulcan.application.observability.audit import _WHAT
from vulcan.application.observability.stats import of_job
from vulcan.application.observability.timeline import timeline
from vulcan.application.ports import StoredEvent
from vulcan.apps.cli.wording import _WORDS
from vulcan.domain import events as e
from vulcan.domain.budget import Budget
from vulcan.domain.job import Waiting, WaitingFor, apply, fold
from vulcan.domain.requirements import AcceptanceCriterion, Requirement

WORKER = e.Worker("host", 1, 1)
SHOWN_NOWHERE = {
    e.WorkStarted, e.ModelReplied, e.WorkspaceSnapshotted, e.EffectIntended, e.EffectDone,
}  # fmt: skip
"""Only matter to Vulcan itself: a worker's bookkeeping, replies whose tool calls are shown."""
NAME_SAYS_ALL = {
    e.WorkStarted, e.RequirementsAnalyzed, e.ClarificationRequested, e.ClarificationAnswered,
    e.ConfirmationRequested, e.RequirementsConfirmed, e.WorkspaceSnapshotted, e.EnvironmentPrepared,
    e.CodeGenerated, e.CodeValidated, e.TestsGenerated, e.TestsRun, e.PipelineFinished, e.ApprovalGranted,
    e.BudgetRaised, e.JobCancelled, e.ConversationStarted, e.MessageSaid, e.NoteKept, e.NoteDropped,
    e.JobChosen, e.ActProposed, e.ProseCompacted,
}  # fmt: skip
EVERY = list(e.EVENT_TYPES.values())


@pytest.mark.parametrize("kind", EVERY)
def test_each_event_has_words_or_is_left_out_on_purpose(kind: type[e.Event]) -> None:
    assert (kind in _WORDS) != (kind in SHOWN_NOWHERE)
    assert (kind in _WHAT) != (kind in NAME_SAYS_ALL)


@pytest.mark.parametrize("kind", EVERY)
def test_who_is_named_in_an_event_is_who_appends_it(kind: type[e.Event]) -> None:
    names_a_person = bool({"by", "requested_by"} & set(kind.__slots__))
    assert (kind.ACTOR is e.Actor.PERSON) == names_a_person
    names_an_agent = "agent" in kind.__slots__
    assert (kind.ACTOR is e.Actor.AGENT) == names_an_agent


def after_work(*, event: e.Event) -> bool:
    """Whether the job waits or has ended after an event that comes in the middle of a stage."""
    job = fold(
        [(requested(), 1.0), (e.WorkStarted(WORKER, 1), 2.0), (e.StageStarted(e.Stage.ANALYZE, 1), 3.0)]
    )
    return not isinstance(apply(job, event, 4.0).next_stage(), e.Stage)


@pytest.mark.parametrize(
    "event",
    [
        e.StageFailed(e.Stage.ANALYZE, "no"),
        e.ClarificationRequested(("which?",)),
        e.ConfirmationRequested(),
        e.ApprovalRequested("merge", "c" * 40, "d" * 64),
        e.BudgetSpent("cost"),
        e.JobCancelled("ada"),
        e.JobFinished(e.JobOutcome.DONE, ""),
        replied(),
        called(),
        e.SteeringGiven("use total", "ada"),
        e.BudgetRaised(Budget(), "ada"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_work_ends_where_the_job_waits_or_has_ended(event: e.Event) -> None:
    assert after_work(event=event) == type(event).ENDS_WORK


def log(*entries: tuple[e.Event, float]) -> list[StoredEvent]:
    return [StoredEvent("j", seq, at, event) for seq, (event, at) in enumerate(entries, 1)]


@pytest.mark.parametrize(
    "word",
    [
        e.SteeringGiven("call it total", "ada"),
        e.RequirementsEdited(Requirement("Add", ()), "AC-1", "ada"),
        e.RequirementsQuestioned("why?", "ada"),
        e.RequirementsConfirmed("ada"),
        e.BudgetRaised(Budget(cost=9.0), "ada"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_persons_word_shortens_no_model_call(word: e.Event) -> None:
    entries = log(
        (requested(), 0.0),
        (e.WorkStarted(WORKER, 1), 1.0),
        (e.StageStarted(e.Stage.GENERATE, 1), 2.0),
        (word, 42.0),
        (replied(), 52.0),
    )
    assert of_job(entries).total.seconds == 50.0


def test_a_stage_that_waits_for_the_persons_word_was_not_killed() -> None:
    requirement = Requirement("Add", (AcceptanceCriterion("AC-1", "add(2, 3) is 5"),))
    entries = log(
        (requested(), 0.0),
        (e.WorkStarted(WORKER, 1), 1.0),
        (e.StageStarted(e.Stage.ANALYZE, 1), 2.0),
        (e.RequirementsAnalyzed(requirement), 9.0),
        (e.ConfirmationRequested(), 10.0),
        (e.RequirementsConfirmed("ada"), 3610.0),
        (e.WorkStarted(WORKER, 2), 3611.0),
        (e.StageStarted(e.Stage.GENERATE, 1), 3612.0),
    )
    analyze = timeline(entries).runs[0]
    assert (analyze.lost, analyze.ended - analyze.began) == (False, 8.0)


def test_idle_hours_before_a_persons_word_are_no_work() -> None:
    """A worker is killed after 99 s; ten hours later somebody raises the budget, which a new worker follows."""
    job = fold(
        [
            (requested(), 0.0),
            (e.WorkStarted(WORKER, 1), 1.0),
            (e.StageStarted(e.Stage.GENERATE, 1), 2.0),
            (replied(), 100.0),
            (e.BudgetRaised(Budget(cost=10.0), "ada"), 36_000.0),
            (e.WorkStarted(WORKER, 2), 36_001.0),
        ]
    )
    assert job.seconds_worked(36_001.0) == 99.0
    assert job.next_stage() != Waiting(WaitingFor.BUDGET, "time")
