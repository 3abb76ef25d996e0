"""The Job aggregate: a fold over its events, and the whole state machine in `next_stage()`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import reduce
from typing import Any

from vulcan.domain.budget import Budget, Usage
from vulcan.domain.conversation import Conversation, Intent, Speaker
from vulcan.domain.deployment import CodeDeployment, DeploymentConfig, DeploymentStatus, ReleaseMetadata
from vulcan.domain.events import (
    ApprovalGranted,
    ApprovalRequested,
    BranchPushed,
    BudgetRaised,
    BudgetSpent,
    ClarificationAnswered,
    ClarificationRequested,
    CodeGenerated,
    CodeValidated,
    EffectDone,
    EffectIntended,
    Event,
    EvidenceJudged,
    JobCancelled,
    JobFinished,
    JobOutcome,
    JobPaused,
    JobRequested,
    JobUndone,
    Merged,
    ModelReplied,
    PipelineFinished,
    PullRequestOpened,
    ReleasePublished,
    RequirementsAnalyzed,
    Stage,
    StageFailed,
    StageStarted,
    TestsGenerated,
    TestsRun,
    ToolCalled,
    Worker,
    WorkspaceSnapshotted,
    WorkStarted,
)
from vulcan.domain.evidence import Finding, Owner, Severity, Verdict
from vulcan.domain.generation import CodeGeneration
from vulcan.domain.requirements import Requirement
from vulcan.domain.testing import CodeTesting, TestReport


class WaitingFor(StrEnum):
    """What a job that does not go on by itself waits for."""

    CLARIFICATION = "an answer"
    APPROVAL = "approval"
    BUDGET = "a larger budget"
    RESUME = "resume"
    REQUEST = "a request"


@dataclass(frozen=True, slots=True)
class Waiting:
    """The job waits; `reason` is for people."""

    waiting_for: WaitingFor
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """The job has ended."""

    outcome: JobOutcome


Next = Stage | Waiting | Ended


@dataclass(frozen=True, slots=True)
class Job:
    """All that is known of a job, derived from its log.

    `due` is the stage that the events so far ask for; `waiting` and `outcome` take precedence over it.
    """

    seq: int = 0
    request: JobRequested | None = None
    budget: Budget = Budget()
    usage: Usage = Usage()
    usage_by_agent: Mapping[str, Usage] | None = None
    conversation: Conversation = Conversation()
    due: Stage = Stage.ANALYZE
    round: int = 1
    stage: Stage | None = None
    stage_round: int = 0
    waiting: Waiting | None = None
    outcome: JobOutcome | None = None
    reason: str = ""
    next_steps: str = ""
    worker: Worker | None = None
    epoch: int = 0
    requirement: Requirement | None = None
    generation: CodeGeneration | None = None
    testing: CodeTesting | None = None
    report: TestReport | None = None
    verdict: Verdict | None = None
    findings: tuple[Finding, ...] = ()
    earlier: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    history: tuple[str, ...] = ()
    effects_intended: frozenset[str] = frozenset()
    effects_done: Mapping[str, str] | None = None
    tree: str = ""
    tree_is_current: bool = False
    deployment: CodeDeployment | None = None
    pipeline: PipelineFinished | None = None
    approval: ApprovalRequested | None = None
    approved: frozenset[str] = frozenset()
    undone: bool = False
    work_seconds: float = 0.0
    work_since: float | None = None
    requested_at: float = 0.0
    updated_at: float = 0.0

    def next_stage(self) -> Next:
        """What comes next. Pure and total: every prefix of every log has exactly one answer."""
        if self.outcome is not None:
            return Ended(self.outcome)
        if self.request is None:
            return Waiting(WaitingFor.REQUEST)
        if self.waiting is not None:
            return self.waiting
        return self.due

    @property
    def newest_commit(self) -> str:
        """The newest commit of the change: the tests' if there are any, else the code's, else the base."""
        if self.testing is not None:
            return self.testing.commit
        if self.generation is not None:
            return self.generation.metadata.commit
        return self.request.base_commit if self.request else ""

    @property
    def resume_tree(self) -> str:
        """The tree to put the workspace back to after a kill; empty where it is right as it lies."""
        return self.tree if self.tree_is_current else ""

    @property
    def proven(self) -> bool:
        """Whether the newest verdict is for the newest commit and says proven."""
        return self.verdict is not None and self.verdict.proven

    def seconds_worked(self, now: float) -> float:
        """Time in which a worker was on the job, in seconds."""
        return self.work_seconds + (max(0.0, now - self.work_since) if self.work_since is not None else 0.0)

    def apply(self, event: Event, at: float = 0.0) -> Job:
        """The job after one event more; unknown combinations change nothing but the sequence number."""
        job = replace(self, seq=self.seq + 1, updated_at=at)
        handler = _HANDLERS.get(type(event))
        return handler(job, event, at) if handler else job


def fold(events: Iterable[tuple[Event, float]], start: Job | None = None) -> Job:
    """Fold events with their times into a job."""
    return reduce(lambda job, entry: job.apply(entry[0], entry[1]), events, start or Job())


# ------------------------------------------------------------------------------------- event handlers


def _requested(job: Job, event: JobRequested, at: float) -> Job:
    deployment = CodeDeployment(DeploymentConfig(event.base_branch, release=event.policy.release))
    conversation = job.conversation.say(Speaker.PERSON, Intent.NEW_JOB, event.instruction)
    return replace(
        job,
        request=event,
        budget=event.budget,
        deployment=deployment,
        conversation=conversation,
        requested_at=at,
    )


def _work_started(job: Job, event: WorkStarted, at: float) -> Job:
    waiting = job.waiting
    if waiting is not None and waiting.waiting_for is WaitingFor.RESUME:
        waiting = None
    settled = _stop_clock(job, job.updated_at if job.work_since is None else at)
    return replace(settled, worker=event.worker, epoch=event.epoch, waiting=waiting, work_since=at)


def _stop_clock(job: Job, at: float) -> Job:
    if job.work_since is None:
        return job
    return replace(job, work_seconds=job.work_seconds + max(0.0, at - job.work_since), work_since=None)


def _wait(job: Job, at: float, waiting: Waiting) -> Job:
    return replace(_stop_clock(job, at), waiting=waiting, worker=None)


def _end(job: Job, at: float, outcome: JobOutcome, reason: str = "", next_steps: str = "") -> Job:
    stopped = _stop_clock(job, at)
    return replace(stopped, outcome=outcome, reason=reason, next_steps=next_steps, worker=None, waiting=None)


def _send_back(job: Job, findings: tuple[Finding, ...], note: str) -> Job:
    """Another round for whoever owns the findings, or delivery as unproven work when rounds are used up."""
    history = (*job.history, note)
    job = replace(job, earlier=findings)
    if job.round >= job.budget.rounds:
        return replace(job, findings=findings, history=history, due=Stage.DELIVER)
    to_coder = any(f.owner is Owner.CODER for f in findings)
    due = Stage.GENERATE if to_coder or not findings else Stage.WRITE_TESTS
    return replace(job, findings=findings, history=history, due=due, round=job.round + 1)


def _blocking(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(f for f in findings if f.severity is Severity.BLOCKING)


def _analyzed(job: Job, event: RequirementsAnalyzed, at: float) -> Job:
    del at
    due = Stage.ANALYZE if event.requirement.questions else Stage.GENERATE
    return replace(job, requirement=event.requirement, due=due)


def _clarification_requested(job: Job, event: ClarificationRequested, at: float) -> Job:
    asked = "\n".join(event.questions)
    job = replace(job, conversation=job.conversation.say(Speaker.VULCAN, Intent.QUESTION, asked))
    return _wait(job, at, Waiting(WaitingFor.CLARIFICATION, asked))


def _clarification_answered(job: Job, event: ClarificationAnswered, at: float) -> Job:
    del at
    conversation = job.conversation.say(Speaker.PERSON, Intent.ANSWER, event.answer)
    return replace(job, conversation=conversation, waiting=None, due=Stage.ANALYZE)


def _model_replied(job: Job, event: ModelReplied, at: float) -> Job:
    del at
    by_agent = dict(job.usage_by_agent or {})
    by_agent[event.agent] = by_agent.get(event.agent, Usage()) + event.usage
    return replace(job, usage=job.usage + event.usage, usage_by_agent=by_agent)


def _tool_called(job: Job, event: ToolCalled, at: float) -> Job:
    del event, at
    return replace(job, tree_is_current=False)


def _snapshotted(job: Job, event: WorkspaceSnapshotted, at: float) -> Job:
    del at
    return replace(job, tree=event.tree, tree_is_current=True)


def _generated(job: Job, event: CodeGenerated, at: float) -> Job:
    del at
    testing = job.testing
    if testing is not None and event.tests_commit:
        testing = replace(testing, commit=event.tests_commit)
    return replace(
        job, generation=event.generation, testing=testing, due=Stage.VALIDATE, verdict=None, pipeline=None
    )


def _validated(job: Job, event: CodeValidated, at: float) -> Job:
    del at
    blocking = _blocking(event.findings)
    job = replace(job, warnings=tuple(f for f in event.findings if f not in blocking))
    if blocking:
        return _send_back(
            job, blocking, f"round {job.round}: {len(blocking)} findings of static checks or review"
        )
    mended = job.testing is not None and not any(f.owner is Owner.TEST_AUTHOR for f in job.findings)
    return replace(job, due=Stage.RUN_TESTS if mended else Stage.WRITE_TESTS)


def _tests_generated(job: Job, event: TestsGenerated, at: float) -> Job:
    del at
    blocking = _blocking(event.rejected)
    job = replace(job, testing=event.testing, due=Stage.RUN_TESTS, verdict=None, findings=())
    if blocking:
        return _send_back(job, blocking, f"round {job.round}: the test author's work was refused")
    return job


def _tests_run(job: Job, event: TestsRun, at: float) -> Job:
    del at
    return replace(job, report=event.report, due=Stage.JUDGE)


def _judged(job: Job, event: EvidenceJudged, at: float) -> Job:
    del at
    job = replace(job, verdict=event.verdict)
    if event.verdict.proven:
        return replace(job, findings=(), due=Stage.DELIVER)
    failed = ", ".join(gate.gate for gate in event.verdict.gates if not gate.passed)
    return _send_back(job, event.verdict.findings, f"round {job.round}: not proven ({failed})")


def _effect_intended(job: Job, event: EffectIntended, at: float) -> Job:
    del at
    return replace(job, effects_intended=job.effects_intended | {event.key})


def _effect_done(job: Job, event: EffectDone, at: float) -> Job:
    del at
    return replace(job, effects_done={**(job.effects_done or {}), event.key: event.result})


def _deploy(job: Job, **changes: Any) -> Job:
    deployment = job.deployment or CodeDeployment(DeploymentConfig(""))
    return replace(job, deployment=replace(deployment, **changes))


def _pushed(job: Job, event: BranchPushed, at: float) -> Job:
    del at
    return _deploy(job, branch=event.branch, commit=event.commit, status=DeploymentStatus.PUSHED)


def _opened(job: Job, event: PullRequestOpened, at: float) -> Job:
    del at
    job = _deploy(job, pull_request=event.number, status=DeploymentStatus.REVIEWABLE)
    return replace(job, due=Stage.FOLLOW_CI if job.proven else job.due)


def _pipeline(job: Job, event: PipelineFinished, at: float) -> Job:
    del at
    job = _deploy(job, pipeline_passed=event.passed)
    job = replace(job, pipeline=event)
    if event.passed:
        return replace(_deploy(job, status=DeploymentStatus.CHECKED), due=Stage.RELEASE)
    finding = Finding("pipeline", Owner.CODER, f"The forge's pipeline failed:\n{event.log[-4000:]}")
    return _send_back(replace(job, verdict=None), (finding,), f"round {job.round}: the pipeline failed")


def _approval_requested(job: Job, event: ApprovalRequested, at: float) -> Job:
    job = replace(job, approval=event)
    return _wait(job, at, Waiting(WaitingFor.APPROVAL, f"{event.action} of {event.commit[:10]}"))


def _approval_granted(job: Job, event: ApprovalGranted, at: float) -> Job:
    del at
    job = replace(job, approved=job.approved | {event.digest})
    asked = job.approval is not None and job.approval.digest == event.digest
    waiting_for_it = job.waiting is not None and job.waiting.waiting_for is WaitingFor.APPROVAL
    return replace(job, waiting=None) if asked and waiting_for_it else job


def _merged(job: Job, event: Merged, at: float) -> Job:
    del at
    return _deploy(job, merge_commit=event.commit, status=DeploymentStatus.MERGED)


def _released(job: Job, event: ReleasePublished, at: float) -> Job:
    del at
    release = ReleaseMetadata(event.tag, event.commit, event.notes)
    return _deploy(job, release=release, status=DeploymentStatus.RELEASED)


def _budget_raised(job: Job, event: BudgetRaised, at: float) -> Job:
    del at
    waiting = job.waiting
    if waiting is not None and waiting.waiting_for is WaitingFor.BUDGET:
        waiting = None
    return replace(job, budget=event.budget, waiting=waiting)


def _stage_started(job: Job, event: StageStarted, at: float) -> Job:
    del at
    if (event.stage, event.round) == (job.stage, job.stage_round):
        return job
    return replace(job, stage=event.stage, stage_round=event.round, tree="", tree_is_current=False)


def _stage_failed(job: Job, event: StageFailed, at: float) -> Job:
    reason = f"{event.stage.value}: {event.reason}"
    return replace(_wait(job, at, Waiting(WaitingFor.RESUME, reason)), next_steps=event.hint)


def _paused(job: Job, event: JobPaused, at: float) -> Job:
    if job.waiting is not None:
        return replace(_stop_clock(job, at), worker=None)
    return _wait(job, at, Waiting(WaitingFor.RESUME, event.reason))


def _undone(job: Job, event: JobUndone, at: float) -> Job:
    del event
    undone = replace(job, undone=True)
    return undone if job.outcome is not None else _end(undone, at, JobOutcome.CANCELLED, "undone")


_HANDLERS: dict[type[Event], Callable[[Job, Any, float], Job]] = {
    JobRequested: _requested,
    WorkStarted: _work_started,
    StageStarted: _stage_started,
    StageFailed: _stage_failed,
    JobPaused: _paused,
    RequirementsAnalyzed: _analyzed,
    ClarificationRequested: _clarification_requested,
    ClarificationAnswered: _clarification_answered,
    ModelReplied: _model_replied,
    ToolCalled: _tool_called,
    WorkspaceSnapshotted: _snapshotted,
    CodeGenerated: _generated,
    CodeValidated: _validated,
    TestsGenerated: _tests_generated,
    TestsRun: _tests_run,
    EvidenceJudged: _judged,
    EffectIntended: _effect_intended,
    EffectDone: _effect_done,
    BranchPushed: _pushed,
    PullRequestOpened: _opened,
    PipelineFinished: _pipeline,
    ApprovalRequested: _approval_requested,
    ApprovalGranted: _approval_granted,
    Merged: _merged,
    ReleasePublished: _released,
    BudgetSpent: lambda job, event, at: _wait(job, at, Waiting(WaitingFor.BUDGET, event.limit)),
    BudgetRaised: _budget_raised,
    JobCancelled: lambda job, event, at: _end(job, at, JobOutcome.CANCELLED, "cancelled"),
    JobUndone: _undone,
    JobFinished: lambda job, event, at: _end(job, at, event.outcome, event.reason, event.next_steps),
}
