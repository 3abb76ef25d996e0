"""The Job's state machine: total for every prefix of every log, and right where it matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.generated import events
from fakes.sample_events import BASE_COMMIT, called, replied, requested
from vulcan.domain.baseline import Baseline
from vulcan.domain.budget import Budget, Usage
from vulcan.domain.deployment import DeploymentStatus
from vulcan.domain.events import (
    ApprovalGranted,
    ApprovalRefused,
    ApprovalRequested,
    BaseTestsRun,
    BranchPushed,
    BudgetRaised,
    BudgetSpent,
    ClarificationAnswered,
    ClarificationRequested,
    CodeGenerated,
    CodeValidated,
    ConfirmationRequested,
    EffectDone,
    EffectIntended,
    Event,
    EvidenceJudged,
    JobCancelled,
    JobFinished,
    JobOutcome,
    JobPaused,
    JobUndone,
    Merged,
    PipelineFinished,
    PullRequestOpened,
    ReleasePublished,
    RequirementsAnalyzed,
    RequirementsConfirmed,
    RequirementsEdited,
    RequirementsQuestioned,
    Stage,
    StageFailed,
    StageStarted,
    SteeringGiven,
    TestsGenerated,
    TestsRun,
    Worker,
    WorkspaceSnapshotted,
    WorkStarted,
)
from vulcan.domain.evidence import Finding, GateResult, Owner, Severity, Verdict
from vulcan.domain.generation import ChangeKind, CodeArtifact, CodeGeneration, CodeMetadata
from vulcan.domain.job import Ended, Job, Waiting, WaitingFor, apply, fold
from vulcan.domain.job.state import Changes
from vulcan.domain.policy import approval_digest
from vulcan.domain.requirements import AcceptanceCriterion, Requirement
from vulcan.domain.testing import CodeTesting, Outcome, TestCoverage, TestReport, TestResult, TestRun

# ------------------------------------------------------------------------------------------ events at hand

REQUIREMENT = Requirement("Add --version", (AcceptanceCriterion("AC-1", "prints the version"),))
UNCLEAR = Requirement("Add --version", (AcceptanceCriterion("AC-1", "?"),), questions=("Which format?",))
WORKER = Worker("host", 4711, 12345)
EMPTY_RUN = TestRun((), 0)
SEEN = BaseTestsRun(Baseline(EMPTY_RUN))
CODER = Finding("static", Owner.CODER, "unused import")
AUTHOR = Finding("red-green", Owner.TEST_AUTHOR, "passes without the change")
PERSON = Finding("base", Owner.PERSON, "the suite is broken at the base commit")
OPINION = Finding("ruff", Owner.CODER, "BLE001: too broad", path="cli.py", line=3, contestable=True)
WARNING = Finding("review", Owner.CODER, "long name", Severity.WARNING)


def generated(round_: int = 1, steering_seen: int = 0) -> CodeGenerated:
    artifact = CodeArtifact("cli.py", ChangeKind.MODIFIED, 3, 1)
    return CodeGenerated(
        CodeGeneration(REQUIREMENT, (artifact,), CodeMetadata(BASE_COMMIT, f"code-{round_}", round_)),
        f"tests-{round_}",
        steering_seen,
    )


def analyzed(job: Job, *, confirm: bool = False) -> list[Event]:
    done = RequirementsAnalyzed(REQUIREMENT, len(job.steering))
    return [done, ConfirmationRequested()] if confirm and job.generation is None else [done]


def authored(round_: int = 1, *rejected: Finding) -> TestsGenerated:
    return TestsGenerated(CodeTesting((), (), f"tests-{round_}", round_), rejected)


def run(round_: int = 1) -> TestsRun:
    report = TestReport(EMPTY_RUN, EMPTY_RUN, EMPTY_RUN, (), TestCoverage(), "none", "env", f"tests-{round_}")
    return TestsRun(report, round_)


def judged(*findings: Finding, round_: int = 1) -> EvidenceJudged:
    gate = GateResult("red-green", not findings, "seen", findings)
    return EvidenceJudged(Verdict(not findings, (gate,), (), f"tests-{round_}"), round_)


def job_after(*log: Event, start: Sequence[Event] = ()) -> Job:
    return fold((event, float(at)) for at, event in enumerate([*start, *log], 1))


def next_after(*log: Event, start: Sequence[Event] = ()) -> object:
    return job_after(*log, start=start).next_stage()


START: tuple[Event, ...] = (requested(), WorkStarted(WORKER, 1))
ANALYZED = (*START, RequirementsAnalyzed(REQUIREMENT))
GENERATED = (*ANALYZED, generated())
TESTED = (*GENERATED, CodeValidated((), 1), authored())
PROVEN = (*TESTED, run(), judged())
OPENED = (*PROVEN, BranchPushed("vulcan/1", "tests-1"), PullRequestOpened(7, "", "Add --version"))
CHECKED = (*OPENED, PipelineFinished("run-1", "tests-1", passed=True, log=""))
DIGEST = approval_digest("merge", "tests-1")
ASKED = (*CHECKED, ApprovalRequested("merge", "tests-1", DIGEST))

# ---------------------------------------------------------------------------------------------- properties


def assert_sound(log: Sequence[Event], times: Sequence[float]) -> None:
    """Every prefix has one answer, an end is the end, and the counters count."""
    job, outcome = Job(), None
    for event, at in zip(log, times, strict=True):
        before, job = job, apply(job, event, at)
        answer = job.next_stage()
        assert isinstance(answer, Stage | Waiting | Ended)
        assert answer == job.next_stage()
        assert job.seq == before.seq + 1
        assert job.updated_at == at
        assert job.work_seconds >= before.work_seconds
        assert job.round >= before.round
        if outcome is not None:
            assert answer == Ended(outcome)
        outcome = job.outcome
    assert job == fold(zip(log, times, strict=True))


@given(st.lists(events(), max_size=25), st.data())
@settings(max_examples=150, deadline=None)
def test_next_stage_is_total_for_any_events_in_any_order(log: list[Event], data: st.DataObject) -> None:
    moments = st.floats(min_value=0, max_value=2e9, allow_nan=False)
    assert_sound(log, data.draw(st.lists(moments, min_size=len(log), max_size=len(log))))


findings = st.lists(st.sampled_from([CODER, AUTHOR, PERSON, WARNING]), max_size=3).map(tuple)
interruptions = st.sampled_from(
    [
        (JobPaused("Ctrl-C"), WorkStarted(WORKER, 2)),
        (WorkStarted(WORKER, 3),),
        (StageFailed(Stage.GENERATE, "no answer", "try later"), WorkStarted(WORKER, 4)),
        (BudgetSpent("cost"), JobPaused("waiting"), BudgetRaised(Budget(cost=50.0)), WorkStarted(WORKER, 5)),
        (JobCancelled(),),
        (SteeringGiven("call it total", "ada"),),
        (replied(), called(), WorkspaceSnapshotted("tree")),
        (EffectIntended("push", "push"), EffectDone("push", "done")),
    ]
)


@st.composite
def plausible_logs(draw: st.DrawFn) -> list[Event]:
    """What a pipeline that obeys `next_stage()` writes, with people and accidents coming between."""
    log: list[Event] = [requested(budget=Budget(rounds=draw(st.integers(1, 4)))), WorkStarted(WORKER, 1)]
    for _ in range(draw(st.integers(0, 40))):
        if draw(st.integers(0, 9)) == 0:
            log += draw(interruptions)
        job = job_after(*log)
        answer = job.next_stage()
        if isinstance(answer, Ended):
            return log
        log += reply_to(draw, job, answer)
    return log


def reply_to(draw: st.DrawFn, job: Job, answer: Stage | Waiting) -> list[Event]:
    if isinstance(answer, Waiting):
        return person(answer, job)
    return [StageStarted(answer, job.round), *stage(draw, job, answer)]


def person(waiting: Waiting, job: Job) -> list[Event]:
    match waiting.waiting_for:
        case WaitingFor.CLARIFICATION:
            return [ClarificationAnswered("plain"), WorkStarted(WORKER, 8)]
        case WaitingFor.CONFIRMATION:
            return [RequirementsConfirmed("ada"), WorkStarted(WORKER, 8)]
        case WaitingFor.APPROVAL:
            assert job.approval
            return [ApprovalGranted(job.approval.digest, "ada"), WorkStarted(WORKER, 8)]
        case WaitingFor.BUDGET:
            return [BudgetRaised(Budget(cost=100.0)), WorkStarted(WORKER, 8)]
        case _:
            return [WorkStarted(WORKER, 8)]


def stage(draw: st.DrawFn, job: Job, due: Stage) -> list[Event]:
    """What a stage may yield, good or bad."""
    some = draw(findings)
    digest = approval_digest("merge", job.newest_commit)
    unclear = draw(st.booleans()) and not job.answers
    answers: dict[Stage, list[Event]] = {
        Stage.PREPARE: NOT_STARTED if draw(st.integers(0, 9)) == 0 else [SEEN],
        Stage.ANALYZE: ASKS if unclear else analyzed(job, confirm=draw(st.booleans())),
        Stage.GENERATE: [replied(), called(), generated(job.round, len(job.steering))],
        Stage.VALIDATE: [CodeValidated(some, job.round)],
        Stage.WRITE_TESTS: [authored(job.round, *(f for f in some if f.owner is Owner.TEST_AUTHOR))],
        Stage.RUN_TESTS: [run(job.round)],
        Stage.JUDGE: [judged(*(f for f in some if f.severity is Severity.BLOCKING), round_=job.round)],
        Stage.DELIVER: delivered(job),
        Stage.FOLLOW_CI: [PipelineFinished("run", job.newest_commit, passed=draw(st.booleans()), log="boom")],
        Stage.RELEASE: [Merged(7, "m"), JobFinished(JobOutcome.DONE, "merged")]
        if digest in job.approved
        else [ApprovalRequested("merge", job.newest_commit, digest)],
    }
    return answers[due]


NOT_STARTED: list[Event] = [SEEN, JobFinished(JobOutcome.NOT_STARTED, "sees 0 of about 9 tests")]
ASKS: list[Event] = [RequirementsAnalyzed(UNCLEAR), ClarificationRequested(UNCLEAR.questions)]


def delivered(job: Job) -> list[Event]:
    opened: list[Event] = [
        BranchPushed("vulcan/1", job.newest_commit),
        PullRequestOpened(7, "", "", draft=not job.proven),
    ]
    return opened if job.proven else [*opened, JobFinished(JobOutcome.NOT_PROVEN, "rounds used up")]


@given(plausible_logs())
@settings(max_examples=150, deadline=None)
def test_plausible_logs_are_sound_and_never_leave_the_budgeted_rounds(log: list[Event]) -> None:
    assert_sound(log, [float(at) for at in range(len(log))])
    job = job_after(*log)
    assert job.round <= max(job.budget.rounds, 1) + job.extra_rounds
    if any(isinstance(event, Merged) for event in log):
        assert job.proven
        assert job.pipeline
        assert job.pipeline.passed
        assert approval_digest("merge", job.newest_commit) in job.approved


@given(plausible_logs())
@settings(max_examples=50, deadline=None)
def test_a_plausible_log_comes_to_its_end(log: list[Event]) -> None:
    job = job_after(*log)
    for _ in range(100):
        answer = job.next_stage()
        if isinstance(answer, Ended):
            return
        for event in reply_to_kindly(job, answer):
            job = apply(job, event, job.updated_at + 1)
    pytest.fail(f"never ended: {job.next_stage()}")


def reply_to_kindly(job: Job, answer: Stage | Waiting) -> list[Event]:
    """A pipeline in which everything goes well."""
    kind = {
        Stage.PREPARE: [SEEN],
        Stage.ANALYZE: analyzed(job),
        Stage.GENERATE: [generated(job.round, len(job.steering))],
        Stage.VALIDATE: [CodeValidated((), job.round)],
        Stage.WRITE_TESTS: [authored(job.round)],
        Stage.RUN_TESTS: [run(job.round)],
        Stage.JUDGE: [judged(round_=job.round)],
        Stage.DELIVER: delivered(job),
        Stage.FOLLOW_CI: [PipelineFinished("run", job.newest_commit, passed=True, log="")],
        Stage.RELEASE: [JobFinished(JobOutcome.DONE, "")],
    }
    return person(answer, job) if isinstance(answer, Waiting) else kind[answer]


# ------------------------------------------------------------------------------------------------ examples


def test_an_empty_log_waits_for_a_request() -> None:
    assert Job().next_stage() == Waiting(WaitingFor.REQUEST)
    assert next_after(WorkStarted(WORKER, 1)) == Waiting(WaitingFor.REQUEST)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (START, Stage.PREPARE),
        ((*START, SEEN), Stage.ANALYZE),
        ((*START, *NOT_STARTED), Ended(JobOutcome.NOT_STARTED)),
        (ANALYZED, Stage.GENERATE),
        (GENERATED, Stage.VALIDATE),
        ((*GENERATED, CodeValidated((WARNING,), 1)), Stage.WRITE_TESTS),
        (TESTED, Stage.RUN_TESTS),
        ((*TESTED, run()), Stage.JUDGE),
        (PROVEN, Stage.DELIVER),
        (OPENED, Stage.FOLLOW_CI),
        (CHECKED, Stage.RELEASE),
        (ASKED, Waiting(WaitingFor.APPROVAL, "merge of tests-1")),
        ((*ASKED, ApprovalGranted(DIGEST, "ada")), Stage.RELEASE),
        ((*ASKED, JobFinished(JobOutcome.DONE, "merged")), Ended(JobOutcome.DONE)),
    ],
)
def test_the_straight_way(log: tuple[Event, ...], expected: object) -> None:
    assert next_after(*log) == expected


def test_the_log_holds_the_base_run_once() -> None:
    before = BaseTestsRun(Baseline(TestRun((TestResult("t.py::t", Outcome.PASSED),), 0)))
    report = job_after(*START, before, *TESTED[2:], run()).report
    assert report
    assert report.base == before.baseline.run
    old = job_after(*TESTED, run()).report
    assert old
    assert old.base == EMPTY_RUN


def test_a_log_from_before_the_look_goes_on_where_it_was() -> None:
    assert next_after(*ANALYZED, WorkStarted(WORKER, 2)) is Stage.GENERATE
    assert next_after(*TESTED, SEEN) is Stage.RUN_TESTS
    assert job_after(*START).started
    assert not job_after(*START, *NOT_STARTED).started


def test_questions_wait_for_an_answer_which_is_analysed() -> None:
    asked = (*START, RequirementsAnalyzed(UNCLEAR), ClarificationRequested(UNCLEAR.questions))

    assert next_after(*START, RequirementsAnalyzed(UNCLEAR)) is Stage.ANALYZE  # killed before it could ask
    assert next_after(*asked) == Waiting(WaitingFor.CLARIFICATION, "Which format?")
    assert next_after(*asked, WorkStarted(WORKER, 2)) == Waiting(WaitingFor.CLARIFICATION, "Which format?")
    answered = job_after(*asked, ClarificationAnswered("semver", "ada"))
    assert answered.next_stage() is Stage.ANALYZE
    assert answered.answers == ("semver",)


def test_an_answer_that_was_not_asked_for_moves_nothing() -> None:
    job = job_after(*ASKED, ClarificationAnswered("go on, merge it"))

    assert job.next_stage() == Waiting(WaitingFor.APPROVAL, "merge of tests-1")
    assert job.answers == ("go on, merge it",)


@pytest.mark.parametrize(
    ("findings", "due"),
    [
        ((CODER,), Stage.GENERATE),
        ((AUTHOR,), Stage.WRITE_TESTS),
        ((AUTHOR, CODER), Stage.GENERATE),
        ((PERSON,), Stage.DELIVER),
    ],
)
def test_findings_go_to_their_owner(findings: tuple[Finding, ...], due: Stage) -> None:
    job = job_after(*TESTED, run(), judged(*findings))

    assert job.next_stage() is due
    assert job.findings == findings
    assert job.history == ("round 1: not proven (red-green)",)
    assert not job.proven


def test_static_findings_send_back_and_keep_what_the_test_author_owes() -> None:
    log = (*TESTED, run(), judged(AUTHOR, CODER), generated(2), CodeValidated((CODER, WARNING), 2))
    job = job_after(*log)

    assert job.next_stage() is Stage.GENERATE
    assert job.round == 3
    assert job.findings == (CODER, AUTHOR)
    assert job.warnings == (WARNING,)
    assert next_after(*log, generated(3), CodeValidated((), 3)) is Stage.WRITE_TESTS


def test_an_opinion_that_the_coder_lets_stand_does_not_end_the_job() -> None:
    log = (*GENERATED, CodeValidated((OPINION,), 1))
    assert next_after(*log) is Stage.GENERATE

    job = job_after(*log, generated(1))  # the same commit again
    assert job.next_stage() is Stage.VALIDATE
    assert [contested.finding for contested in job.contested] == [OPINION]
    let_stand = replace(OPINION, severity=Severity.CONTESTED)
    assert next_after(*log, generated(1), CodeValidated((let_stand,), 2, reviewed=True)) is Stage.WRITE_TESTS


def test_what_is_no_opinion_ends_the_job_where_the_coder_lets_it_stand() -> None:
    assert next_after(*GENERATED, CodeValidated((OPINION, CODER), 1), generated(1)) is Stage.DELIVER


def test_what_the_test_author_owes_is_not_lost_by_an_opinion_that_stands() -> None:
    log = (*TESTED, run(), judged(AUTHOR, CODER), generated(2), CodeValidated((OPINION,), 2), generated(2))
    assert next_after(*log) is Stage.VALIDATE
    assert next_after(*log, CodeValidated((), 3)) is Stage.WRITE_TESTS


def test_an_opinion_in_the_last_round_stops_the_proof_and_not_the_evidence() -> None:
    log = (requested(budget=Budget(rounds=1)), *GENERATED[1:], CodeValidated((OPINION,), 1))
    job = job_after(*log)
    assert (job.next_stage(), job.warnings) == (Stage.WRITE_TESTS, (OPINION,))
    assert next_after(*log, authored(), run(), judged(OPINION)) is Stage.DELIVER


def test_tests_that_stand_are_not_written_again() -> None:
    log = (*TESTED, run(), judged(CODER), generated(2), CodeValidated((), 2))

    assert next_after(*log) is Stage.RUN_TESTS
    assert job_after(*log).newest_commit == "tests-2"


@pytest.mark.parametrize(
    ("log", "head"),
    [
        (START, BASE_COMMIT),
        (GENERATED, "code-1"),
        (TESTED, "tests-1"),
        ((*TESTED, run(), judged(AUTHOR)), "tests-1"),
        ((*TESTED, run(), judged(CODER)), "tests-1"),
        ((*TESTED, run(), judged(CODER), generated(2)), "tests-2"),
        ((*TESTED, run(), judged(CODER), generated(2), CodeValidated((CODER,), 2)), "tests-2"),
    ],
)
def test_the_newest_commit_is_the_tests_on_top_of_the_code(log: tuple[Event, ...], head: str) -> None:
    assert job_after(*log).newest_commit == head


def test_refused_tests_are_written_again() -> None:
    job = job_after(*GENERATED, CodeValidated((), 1), authored(1, AUTHOR))

    assert job.next_stage() is Stage.WRITE_TESTS
    assert (job.round, job.findings) == (2, (AUTHOR,))


def test_the_same_tests_again_are_not_judged_again() -> None:
    log = (*TESTED, run(), judged(AUTHOR))
    job = job_after(*log, authored(1))
    assert job.next_stage() is Stage.DELIVER
    assert job.verdict is not None, "what was judged of them holds"
    assert job.history[-1] == "round 2: the test author left its tests as they are"
    assert next_after(*log, authored(2)) is Stage.RUN_TESTS


@pytest.mark.parametrize(
    "last", [CodeValidated((CODER,), 1), judged(CODER), authored(1, AUTHOR), judged(AUTHOR)]
)
def test_used_up_rounds_deliver_as_unproven(last: Event) -> None:
    log = (requested(budget=Budget(rounds=1)), *GENERATED[1:], last)
    job = job_after(*log)

    assert job.next_stage() is Stage.DELIVER
    assert not job.proven
    assert job.round == 1
    assert job.findings
    assert next_after(*log, PullRequestOpened(7, "", "", draft=True)) is Stage.DELIVER


def test_new_code_and_new_tests_void_the_verdict() -> None:
    assert job_after(*PROVEN).proven
    assert not job_after(*PROVEN, generated(2)).proven
    assert not job_after(*PROVEN, authored(2)).proven


def test_a_failed_pipeline_sends_the_coder_its_log() -> None:
    failed = PipelineFinished("run-1", "tests-1", passed=False, log="x" * 5000 + "E  assert 1 == 2")
    job = job_after(*OPENED, failed)

    assert job.next_stage() is Stage.GENERATE
    assert job.round == 2
    assert job.findings[0].text.endswith("E  assert 1 == 2")
    assert not job.proven
    assert job.deployment
    assert job.deployment.pipeline_passed is False
    last_round = (requested(budget=Budget(rounds=1)), *OPENED[1:], failed)
    assert next_after(*last_round) is Stage.DELIVER


@pytest.mark.parametrize(
    "digest", ["", "0" * 16, approval_digest("merge", "code-1"), approval_digest("release", "tests-1")]
)
def test_only_the_digest_that_was_asked_for_approves(digest: str) -> None:
    job = job_after(*ASKED, ApprovalGranted(digest, "mallory"))

    assert job.next_stage() == Waiting(WaitingFor.APPROVAL, "merge of tests-1")
    assert DIGEST not in job.approved


def test_nothing_but_approval_ends_the_wait_for_it() -> None:
    waiting = Waiting(WaitingFor.APPROVAL, "merge of tests-1")

    assert next_after(*ASKED, WorkStarted(WORKER, 2)) == waiting
    assert next_after(*ASKED, JobPaused("Ctrl-C"), WorkStarted(WORKER, 2)) == waiting
    assert next_after(*ASKED, BudgetRaised(Budget())) == waiting


def test_a_spent_budget_waits_until_it_is_raised() -> None:
    spent = (*GENERATED, BudgetSpent("cost: $5.00 used of $5.00"))

    assert next_after(*spent) == Waiting(WaitingFor.BUDGET, "cost: $5.00 used of $5.00")
    assert next_after(*spent, WorkStarted(WORKER, 2)) == next_after(*spent)
    raised = job_after(*spent, BudgetRaised(Budget(cost=20.0)))
    assert raised.next_stage() is Stage.VALIDATE
    assert raised.budget.cost == 20.0


def test_a_failed_stage_is_resumed_by_work_that_starts_again() -> None:
    failed = (*ANALYZED, StageFailed(Stage.GENERATE, "no answer", "check the key"))
    job = job_after(*failed)

    assert job.next_stage() == Waiting(WaitingFor.RESUME, "generate: no answer")
    assert job.next_steps == "check the key"
    resumed = job_after(*failed, WorkStarted(WORKER, 2))
    assert resumed.next_stage() is Stage.GENERATE
    assert resumed.next_steps == ""
    assert resumed.epoch == 2


def test_a_pause_is_resumed_by_work_that_starts_again() -> None:
    paused = (*ANALYZED, JobPaused("Ctrl-C"))

    assert next_after(*paused) == Waiting(WaitingFor.RESUME, "Ctrl-C")
    assert job_after(*paused).worker is None
    assert next_after(*paused, WorkStarted(WORKER, 2)) is Stage.GENERATE


@pytest.mark.parametrize("log", [(requested(),), ANALYZED, ASKED, (*ANALYZED, JobPaused("x"))])
def test_cancel_ends_at_any_time(log: tuple[Event, ...]) -> None:
    assert next_after(*log, JobCancelled("ada")) == Ended(JobOutcome.CANCELLED)


@pytest.mark.parametrize(
    "late",
    [
        JobCancelled("ada"),
        JobFinished(JobOutcome.FAILED, "late"),
        JobUndone(("vulcan/1",)),
        StageFailed(Stage.JUDGE, "late", "late"),
        BudgetSpent("late"),
        WorkStarted(WORKER, 9),
        JobPaused("late"),
    ],
)
def test_the_first_end_holds(late: Event) -> None:
    job = job_after(*CHECKED, JobFinished(JobOutcome.DONE, "merged", "pull main"), late)

    assert job.next_stage() == Ended(JobOutcome.DONE)
    assert (job.reason, job.next_steps) == ("merged", "pull main")
    assert job.work_since is None
    assert job.worker is None


def test_undoing_ends_a_job_and_marks_an_ended_one() -> None:
    assert next_after(*OPENED, JobUndone(("vulcan/1",))) == Ended(JobOutcome.CANCELLED)
    assert job_after(*OPENED, JobFinished(JobOutcome.DONE, ""), JobUndone(())).undone


def test_only_time_with_a_worker_counts() -> None:
    log: list[tuple[Event, float]] = [
        (requested(), 0.0),
        (WorkStarted(WORKER, 1), 100.0),
        (JobPaused("Ctrl-C"), 110.0),
        (WorkStarted(WORKER, 2), 1000.0),
        (replied(), 1005.0),  # and then it was killed: 5 s are known of it
        (WorkStarted(WORKER, 3), 90_000.0),
        (BudgetSpent("time"), 90_002.0),
    ]
    job = fold(log)

    assert job.work_seconds == 10.0 + 5.0 + 2.0
    assert job.seconds_worked(now=99_999.0) == 17.0
    assert fold(log[:-1]).seconds_worked(now=90_001.0) == 16.0
    assert job.requested_at == 0.0


def test_usage_adds_up_by_agent_and_an_unknown_price_stays_unknown() -> None:
    job = job_after(requested(), replied(), replied(), replied(cost=None))

    assert job.usage == Usage(3, 3000, 1500, 600, None)
    assert job.usage_by_agent == {"coder": job.usage}


def test_a_tool_call_makes_the_snapshot_stale() -> None:
    assert job_after(requested(), WorkspaceSnapshotted("t1")).tree_is_current
    stale = job_after(requested(), WorkspaceSnapshotted("t1"), called())
    assert (stale.tree, stale.tree_is_current) == ("t1", False)


def test_effects_are_remembered() -> None:
    job = job_after(
        requested(),
        EffectIntended("push", "push it"),
        EffectIntended("pr", "open"),
        EffectDone("push", "abc"),
    )

    assert job.effects_intended == {"push", "pr"}
    assert job.effects_done == {"push": "abc"}


def test_the_way_out_is_recorded() -> None:
    job = job_after(
        *ASKED,
        ApprovalGranted(DIGEST, "ada"),
        Merged(7, "merge-1"),
        ReleasePublished("v1.1.0", "merge-1", "notes"),
    )

    assert job.deployment
    assert (job.deployment.branch, job.deployment.pull_request) == ("vulcan/1", 7)
    assert (job.deployment.merge_commit, job.deployment.status) == ("merge-1", DeploymentStatus.RELEASED)
    assert job.deployment.release
    assert job.deployment.release.tag == "v1.1.0"


# ------------------------------------------------------------------------------ steering and the person's word

STEER = SteeringGiven("call it total", "ada")
REVISED = Requirement(
    "Add --version", (*REQUIREMENT.criteria, AcceptanceCriterion("AC-2", "it is called total"))
)


def test_what_is_said_before_the_requirements_needs_no_round_of_its_own() -> None:
    job = job_after(
        *START, STEER, RequirementsAnalyzed(REVISED, steering_seen=1), generated(1, steering_seen=1)
    )

    assert job.next_stage() is Stage.VALIDATE
    assert job.round == 1


@pytest.mark.parametrize("log", [ANALYZED, GENERATED, TESTED, (*TESTED, run()), PROVEN, OPENED])
def test_what_is_said_later_goes_to_the_analyst_after_the_stage_under_way(log: tuple[Event, ...]) -> None:
    results = {Stage.GENERATE: generated(), Stage.VALIDATE: CodeValidated((), 1), Stage.JUDGE: judged()}
    results |= {Stage.RUN_TESTS: run(), Stage.DELIVER: OPENED[-1], Stage.FOLLOW_CI: CHECKED[-1]}
    under_way = next_after(*log)
    assert isinstance(under_way, Stage)

    assert next_after(*log, STEER) is under_way
    assert next_after(*log, STEER, results[under_way]) is Stage.ANALYZE


def test_a_criterion_that_the_person_brought_sends_the_coder_to_work_and_then_the_test_author() -> None:
    log = (*TESTED, STEER, run(), RequirementsAnalyzed(REVISED, steering_seen=1))
    job = job_after(*log)

    assert job.next_stage() is Stage.GENERATE
    assert job.round == 2
    assert "call it total" in job.findings[-1].text
    standing = generated(1, steering_seen=1)  # the same commit again: the coder had done it already
    assert next_after(*log, standing) is Stage.VALIDATE
    assert next_after(*log, standing, CodeValidated((), 2)) is Stage.WRITE_TESTS


def test_what_the_coder_heard_and_no_criterion_needs_costs_no_further_round() -> None:
    log = (
        *ANALYZED,
        STEER,
        generated(1, steering_seen=1),
        RequirementsAnalyzed(REQUIREMENT, steering_seen=1),
    )

    assert next_after(*log) is Stage.VALIDATE
    assert job_after(*log).round == 1


def test_the_person_gets_a_round_even_where_the_rounds_are_used_up() -> None:
    start = (requested(budget=Budget(rounds=1)), *START[1:])
    log = (RequirementsAnalyzed(REQUIREMENT), generated(), CodeValidated((), 1), authored(), STEER, run())
    job = job_after(*log, RequirementsAnalyzed(REVISED, steering_seen=1), start=start)

    assert job.next_stage() is Stage.GENERATE
    assert (job.round, job.extra_rounds) == (2, 1)


def test_a_job_that_waits_for_approval_can_be_steered_and_its_old_approval_is_worth_nothing() -> None:
    job = job_after(*ASKED, STEER)

    assert job.next_stage() is Stage.ANALYZE
    job = apply(job, ApprovalGranted(DIGEST, "ada"))
    assert job.next_stage() is Stage.ANALYZE


def test_what_is_said_after_an_approval_and_before_the_merge_takes_the_approval_back() -> None:
    job = job_after(*ASKED, ApprovalGranted(DIGEST, "ada"), STEER)

    assert job.next_stage() is Stage.ANALYZE
    assert job.has_pending_steering
    assert job.approved == frozenset()
    after = apply(job, RequirementsAnalyzed(REQUIREMENT, steering_seen=1))
    assert after.next_stage() is Stage.GENERATE, "the coder has not heard it"


def test_a_refusal_ends_the_job_and_leaves_the_pull_request() -> None:
    job = job_after(*ASKED, ApprovalRefused(DIGEST, "ada", "not now"))

    assert job.next_stage() == Ended(JobOutcome.CANCELLED)
    assert job.reason == "ada refused the merge: not now"
    assert next_after(*ASKED, ApprovalRefused("of another act", "ada")) == next_after(*ASKED)


def test_requirements_wait_for_the_persons_word() -> None:
    asked = (*ANALYZED, ConfirmationRequested())
    edited = RequirementsEdited(REVISED, "AC-2 added", "ada")

    assert next_after(*asked) == Waiting(WaitingFor.CONFIRMATION, "Add --version")
    assert next_after(*asked, WorkStarted(WORKER, 2)) == Waiting(WaitingFor.CONFIRMATION, "Add --version")
    assert next_after(*asked, edited) == Waiting(WaitingFor.CONFIRMATION, "Add --version")
    confirmed = job_after(*asked, edited, RequirementsConfirmed("ada"))
    assert confirmed.next_stage() is Stage.GENERATE
    assert confirmed.requirement == REVISED


def test_a_veto_sends_the_requirements_back_to_the_analyst() -> None:
    job = job_after(*ANALYZED, ConfirmationRequested(), RequirementsQuestioned("AS-1 does not hold", "ada"))

    assert job.next_stage() is Stage.ANALYZE
    assert job.answers == ("AS-1 does not hold",)
    assert job.analyses == 1


def test_handlers_may_change_every_field_of_a_job_and_no_other() -> None:
    """`Changes` is what the type checker holds handlers to."""
    assert get_type_hints(Changes) == get_type_hints(Job)
