"""The Job aggregate: a fold over its events, and the whole state machine in `next_stage()`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import reduce
from operator import attrgetter
from typing import Any

from vulcan.domain.baseline import Baseline
from vulcan.domain.budget import Budget, Usage
from vulcan.domain.deployment import CodeDeployment, DeploymentConfig, DeploymentStatus, ReleaseMetadata
from vulcan.domain.events import (
    Actor,
    ApprovalGranted,
    ApprovalRefused,
    ApprovalRequested,
    BaseTestsRun,
    BranchPushed,
    BudgetRaised,
    BudgetSpent,
    BudgetWarned,
    ClarificationAnswered,
    ClarificationRequested,
    CodeGenerated,
    CodeValidated,
    ConfirmationRequested,
    EffectDone,
    EffectIntended,
    EnvironmentPrepared,
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
    RequirementsConfirmed,
    RequirementsEdited,
    RequirementsQuestioned,
    Stage,
    StageFailed,
    StageStarted,
    SteeringGiven,
    TestsGenerated,
    TestsRun,
    ToolCalled,
    Worker,
    WorkspaceSnapshotted,
    WorkStarted,
)
from vulcan.domain.evidence import Contested, Finding, Owner, Severity, Verdict
from vulcan.domain.generation import CodeGeneration
from vulcan.domain.requirements import Requirement
from vulcan.domain.testing import CodeTesting, TestReport
from vulcan.domain.texts import shortened


class WaitingFor(StrEnum):
    """What a job that does not go on by itself waits for."""

    CLARIFICATION = "an answer"
    CONFIRMATION = "your word on the requirements"
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

Changes = dict[str, Any]
"""Fields of a job and their new values."""

STEERING = "steering"
MERGE_EFFECT = "release/merge/"
"""Key of the merge among the effects, before the commit."""

RESULTS = (
    RequirementsAnalyzed,
    RequirementsConfirmed,
    CodeGenerated,
    CodeValidated,
    TestsGenerated,
    TestsRun,
    EvidenceJudged,
    PullRequestOpened,
    PipelineFinished,
)
"""Results of stages after which the job turns to what the person said meanwhile."""


@dataclass(frozen=True, slots=True)
class Job:
    """All that is known of a job, derived from its log.

    `due` is the stage that the events so far ask for; `waiting` and `outcome` take precedence over it.

    Attributes:
        answers: what the person said to the analyst's questions and requirements, in order.
        steering: what the person said while the job was under way; `analyzed` and `coded` count how many of these
            messages the requirements and the code take into account.
        granted: rounds beyond the budget's, one for each time that the person's word led to further work.
        put_off: the stage that was due when steering sent the job back to the analyst.
        contested: checkers' findings that the coder was told of and let stand, with its words.
        reviewed: whether a colleague has looked at the change, in whatever round.
        baseline: the project's tests on the base commit; None in logs from before that was looked at first.
    """

    seq: int = 0
    request: JobRequested | None = None
    budget: Budget = Budget()
    usage: Usage = Usage()
    usage_by_agent: Mapping[str, Usage] | None = None
    usage_by_stage: Mapping[str, Usage] | None = None
    usage_by_model: Mapping[str, Usage] | None = None
    answers: tuple[str, ...] = ()
    steering: tuple[str, ...] = ()
    analyses: int = 0
    analyzed: int = 0
    coded: int = 0
    granted: int = 0
    put_off: Stage | None = None
    due: Stage = Stage.PREPARE
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
    contested: tuple[Contested, ...] = ()
    reviewed: bool = False
    history: tuple[str, ...] = ()
    effects_intended: frozenset[str] = frozenset()
    effects_done: Mapping[str, str] | None = None
    tree: str = ""
    tree_is_current: bool = False
    deployment: CodeDeployment | None = None
    pipeline: PipelineFinished | None = None
    approval: ApprovalRequested | None = None
    approved: frozenset[str] = frozenset()
    environment: EnvironmentPrepared | None = None
    baseline: Baseline | None = None
    undone: bool = False
    warned: frozenset[str] = frozenset()
    work_seconds: float = 0.0
    work_since: float | None = None
    requested_at: float = 0.0
    updated_at: float = 0.0
    last_worker_event_at: float = 0.0

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

    @property
    def started(self) -> bool:
        """Whether there is anything to come back to: a job that saw too little of the tests leaves nothing behind."""
        return self.outcome is not JobOutcome.NOT_STARTED

    @property
    def unheard(self) -> bool:
        """Whether the person said something that the requirements do not know of."""
        return self.analyzed < len(self.steering)

    @property
    def last_round(self) -> bool:
        """Whether nothing can be sent back any more."""
        return self.round >= self.budget.rounds + self.granted

    @property
    def merging(self) -> bool:
        """Whether the merge has begun, so that a word comes too late; one that failed waits for a resume."""
        return self.waiting is None and f"{MERGE_EFFECT}{self.newest_commit}" in self.effects_intended

    def seconds_worked(self, now: float) -> float:
        """Time in which a worker was on the job, in seconds."""
        return self.work_seconds + (max(0.0, now - self.work_since) if self.work_since is not None else 0.0)

    def apply(self, event: Event, at: float = 0.0) -> Job:
        """The job after one event more; unknown combinations change nothing but the sequence number."""
        handler = _HANDLERS.get(type(event))
        changes = handler(self, event, at) if handler else {}
        place: Changes = {"seq": self.seq + 1, "updated_at": at}
        if event.ACTOR is not Actor.PERSON:
            place["last_worker_event_at"] = at
        job = _with(self, changes | place)
        return _with(job, {"due": Stage.ANALYZE, "put_off": job.due}) if _must_hear(job, event) else job


_FIELDS = tuple(field.name for field in fields(Job))
_PLACES = {name: place for place, name in enumerate(_FIELDS)}
_values = attrgetter(*_FIELDS)


def _with(job: Job, changes: Changes) -> Job:
    # What dataclasses.replace does at half its price, which is most of what folding a long log costs.
    values = list(_values(job))
    for name, value in changes.items():
        values[_PLACES[name]] = value
    return Job(*values)


def fold(events: Iterable[tuple[Event, float]], start: Job | None = None) -> Job:
    """Fold events with their times into a job."""
    return reduce(lambda job, entry: job.apply(entry[0], entry[1]), events, start or Job())


# ------------------------------------------------------------------------------------- event handlers
# Each looks at the job before the event and returns the fields that the event changes.


def _requested(job: Job, event: JobRequested, at: float) -> Changes:
    del job
    return {
        "request": event,
        "budget": event.budget,
        "deployment": CodeDeployment(DeploymentConfig(event.base_branch, release=event.policy.release)),
        "requested_at": at,
    }


def _work_started(job: Job, event: WorkStarted, at: float) -> Changes:
    if job.outcome is not None:
        return {"epoch": event.epoch}
    # A worker that was killed did not stop its clock: it counts up to its last sign of life, not up to now.
    taken = _stop_clock(job, job.last_worker_event_at) | {
        "worker": event.worker,
        "epoch": event.epoch,
        "work_since": at,
    }
    return taken | {"waiting": None, "next_steps": ""} if _waits_for(job, WaitingFor.RESUME) else taken


def _waits_for(job: Job, what: WaitingFor) -> bool:
    return job.waiting is not None and job.waiting.waiting_for is what


def _stop_clock(job: Job, at: float) -> Changes:
    if job.work_since is None:
        return {}
    return {"work_seconds": job.work_seconds + max(0.0, at - job.work_since), "work_since": None}


def _wait(job: Job, at: float, waiting: Waiting) -> Changes:
    if job.outcome is not None:
        return {}
    return _stop_clock(job, at) | {"waiting": waiting, "worker": None}


def _end(job: Job, at: float, outcome: JobOutcome, reason: str = "", next_steps: str = "") -> Changes:
    """End the job; the first end holds (a cancel that comes after the end changes nothing)."""
    if job.outcome is not None:
        return {}
    ended = {"outcome": outcome, "reason": reason, "next_steps": next_steps, "worker": None, "waiting": None}
    return _stop_clock(job, at) | ended


def _send_back(job: Job, findings: tuple[Finding, ...], note: str) -> Changes:
    """Another round for whoever owns the findings, or delivery as unproven work where no round can help."""
    changes: Changes = {"findings": findings, "earlier": findings, "history": (*job.history, note)}
    owners = {finding.owner for finding in findings}
    if job.last_round or owners == {Owner.PERSON}:
        return changes | {"due": Stage.DELIVER}
    to_coder = Owner.CODER in owners or not findings
    return changes | {"due": Stage.GENERATE if to_coder else Stage.WRITE_TESTS, "round": job.round + 1}


def _blocking(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(f for f in findings if f.severity is Severity.BLOCKING)


def _of_test_author(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(f for f in findings if f.owner is Owner.TEST_AUTHOR)


def _analyzed(job: Job, event: RequirementsAnalyzed, at: float) -> Changes:
    del at
    changes: Changes = {
        "requirement": event.requirement,
        "analyses": job.analyses + 1,
        "analyzed": event.heard,
    }
    if event.requirement.questions:
        return changes | {"due": Stage.ANALYZE}
    if job.generation is None:
        return changes | {"due": Stage.GENERATE}
    return changes | {"put_off": None} | _take_up(job, event.requirement)


def _take_up(job: Job, revised: Requirement) -> Changes:
    """Go on where the job was, or give the coder what was said and what became of the criteria."""
    told = job.steering[job.coded :]
    old = job.requirement
    same = old is not None and (old.criteria, old.changed_tests) == (revised.criteria, revised.changed_tests)
    if same and not told:
        return {"due": job.put_off or Stage.GENERATE}
    words = "\n".join(job.steering[job.analyzed :])
    text = (
        f"The person said while the work was under way:\n{words}\nThe criteria above take it into account. "
        "Change what it asks for; leave the code as it is where it does so already."
    )
    findings = (*job.findings, Finding(STEERING, Owner.CODER, text))
    note = f"round {job.round}: the person said: {shortened(' '.join(words.split()), 160)}"
    return {
        "due": Stage.GENERATE,
        "round": job.round + 1,
        "granted": job.granted + 1,
        "findings": findings,
        "verdict": None,
        "history": (*job.history, note),
    }


def _must_hear(job: Job, event: Event) -> bool:
    """Whether a stage's result is put off, because the person said something that the requirements do not know of."""
    return isinstance(event, RESULTS) and job.outcome is None and job.unheard


def _steered(job: Job, event: SteeringGiven, at: float) -> Changes:
    del at
    changes: Changes = {"steering": (*job.steering, event.text)}
    if job.merging or job.outcome is not None:
        return changes
    changes["approved"] = frozenset()  # what was approved before is not what will be merged
    if _waits_for(job, WaitingFor.APPROVAL):
        changes["waiting"] = None
    if job.due is Stage.RELEASE:
        changes |= {"due": Stage.ANALYZE, "put_off": job.due}
    return changes


def _clarification_requested(job: Job, event: ClarificationRequested, at: float) -> Changes:
    return _wait(job, at, Waiting(WaitingFor.CLARIFICATION, "\n".join(event.questions)))


def _clarification_answered(job: Job, event: ClarificationAnswered, at: float) -> Changes:
    del at
    changes: Changes = {"answers": (*job.answers, event.answer)}
    if _waits_for(job, WaitingFor.CLARIFICATION):
        changes |= {"waiting": None, "due": Stage.ANALYZE}
    return changes


def _confirmation_requested(job: Job, event: ConfirmationRequested, at: float) -> Changes:
    del event
    summary = job.requirement.summary if job.requirement else ""
    return _wait(job, at, Waiting(WaitingFor.CONFIRMATION, summary))


def _confirmed(job: Job, event: RequirementsConfirmed, at: float) -> Changes:
    del event, at
    return {"waiting": None} if _waits_for(job, WaitingFor.CONFIRMATION) else {}


def _questioned(job: Job, event: RequirementsQuestioned, at: float) -> Changes:
    del at
    if not _waits_for(job, WaitingFor.CONFIRMATION):
        return {}
    return {"answers": (*job.answers, event.text), "waiting": None, "due": Stage.ANALYZE}


def _model_replied(job: Job, event: ModelReplied, at: float) -> Changes:
    del at
    usage = event.usage
    return {
        "usage": job.usage + usage,
        "usage_by_agent": _plus(job.usage_by_agent, event.agent, usage),
        "usage_by_stage": _plus(job.usage_by_stage, event.key.partition("/")[0], usage),
        "usage_by_model": _plus(job.usage_by_model, event.model or "unknown", usage),
    }


def _plus(table: Mapping[str, Usage] | None, name: str, usage: Usage) -> Mapping[str, Usage]:
    known = table or {}
    return {**known, name: known.get(name, Usage()) + usage}


def _base_tests_run(job: Job, event: BaseTestsRun, at: float) -> Changes:
    del at
    changes: Changes = {"baseline": event.baseline}
    return changes | {"due": Stage.ANALYZE} if job.due is Stage.PREPARE else changes


def _generated(job: Job, event: CodeGenerated, at: float) -> Changes:
    del at
    testing = job.testing
    if testing is not None and event.tests_commit:
        testing = replace(testing, commit=event.tests_commit)
    standing = (
        job.generation is not None and job.generation.metadata.commit == event.generation.metadata.commit
    )
    if standing and any(finding.gate != STEERING for finding in job.findings):
        return _stand_off(job, event.generation, testing) | {"coded": event.heard}
    return {
        "coded": event.heard,
        "generation": event.generation,
        "testing": testing,
        "due": Stage.VALIDATE,
        "verdict": None,
        "pipeline": None,
    }


def _stand_off(job: Job, generation: CodeGeneration, testing: CodeTesting | None) -> Changes:
    """The coder leaves the code as it is in spite of findings: its words go to the test author, or to a person.

    Where checkers' opinions are all that it lets stand, the work goes on, and the report says so.
    """
    words = generation.metadata.summary
    changes: Changes = {
        "generation": generation,
        "testing": testing,
        "history": (*job.history, f"round {job.round}: the coder left the code as it is: {words}"),
    }
    let_stand = tuple(f for f in job.findings if f.contestable)
    changes["contested"] = (*job.contested, *(Contested(f, words) for f in let_stand))
    if let_stand and all(f.contestable or f.owner is Owner.TEST_AUTHOR for f in job.findings):
        return changes | {"due": Stage.VALIDATE, "findings": _of_test_author(job.findings)}
    about_tests = tuple(f for f in job.findings if f.gate == "criteria" or f.owner is Owner.TEST_AUTHOR)
    if testing is None or not about_tests:
        return changes | {"due": Stage.DELIVER}
    said = f"\nThe coder leaves the code as it is and says: {words}"
    passed_on = tuple(replace(f, owner=Owner.TEST_AUTHOR, text=f.text + said) for f in about_tests)
    return changes | {"findings": passed_on, "due": Stage.WRITE_TESTS}


def _validated(job: Job, event: CodeValidated, at: float) -> Changes:
    del at
    blocking = _blocking(event.findings)
    changes: Changes = {
        "warnings": tuple(f for f in event.findings if f not in blocking),
        "reviewed": job.reviewed or event.reviewed,
    }
    for_author = _of_test_author(job.findings)
    if blocking and job.last_round and all(f.contestable for f in blocking):
        changes["warnings"] = (
            event.findings
        )  # no round is left to mend them in: they stop the proof, not the evidence
    elif blocking:
        note = f"round {job.round}: {len(blocking)} findings of static checks or review"
        return changes | _send_back(job, blocking + for_author, note)
    mended = job.testing is not None and not for_author and not _untied(job)
    return changes | {"due": Stage.RUN_TESTS if mended else Stage.WRITE_TESTS}


def _untied(job: Job) -> bool:
    """Whether the person's word brought a criterion that no test is tied to yet."""
    if job.requirement is None or job.testing is None or not job.steering:
        return False
    tied = {criterion for case in job.testing.cases for criterion in case.criteria}
    return any(criterion.id not in tied for criterion in job.requirement.criteria)


def _same_tests(job: Job, event: TestsGenerated) -> bool:
    """Whether the test author hands in again what was found wanting: nothing would come out of judging it anew."""
    before, now = job.testing, event.testing
    if before is None or not _of_test_author(job.findings):
        return False
    return (before.commit, before.cases) == (now.commit, now.cases)


def _tests_generated(job: Job, event: TestsGenerated, at: float) -> Changes:
    del at
    if _same_tests(job, event):
        note = f"round {job.round}: the test author left its tests as they are: {event.testing.summary}"
        return {"history": (*job.history, note.rstrip(": ")), "due": Stage.DELIVER}
    changes: Changes = {"testing": event.testing, "verdict": None}
    blocking = _blocking(event.rejected)
    if blocking:
        return changes | _send_back(job, blocking, f"round {job.round}: the test author's work was refused")
    return changes | {"due": Stage.RUN_TESTS, "findings": ()}


def _tests_run(job: Job, event: TestsRun, at: float) -> Changes:
    del at
    report = event.report if job.baseline is None else replace(event.report, base=job.baseline.run)
    return {"report": report, "due": Stage.JUDGE}


def _judged(job: Job, event: EvidenceJudged, at: float) -> Changes:
    del at
    verdict = event.verdict
    if verdict.proven:
        return {"verdict": verdict, "findings": (), "due": Stage.DELIVER}
    failed = ", ".join(gate.gate for gate in verdict.gates if not gate.passed)
    note = f"round {job.round}: {verdict.in_words} ({failed})"
    return {"verdict": verdict} | _send_back(job, verdict.findings, note)


def _deploy(job: Job, **changes: Any) -> Changes:
    deployment = job.deployment or CodeDeployment(DeploymentConfig(""))
    return {"deployment": replace(deployment, **changes)}


def _pushed(job: Job, event: BranchPushed, at: float) -> Changes:
    del at
    return _deploy(job, branch=event.branch, commit=event.commit, status=DeploymentStatus.PUSHED)


def _opened(job: Job, event: PullRequestOpened, at: float) -> Changes:
    del at
    due = Stage.FOLLOW_CI if job.proven else job.due
    return {"due": due} | _deploy(job, pull_request=event.number, status=DeploymentStatus.REVIEWABLE)


def _pipeline(job: Job, event: PipelineFinished, at: float) -> Changes:
    del at
    if event.passed:
        deployed = _deploy(job, pipeline_passed=True, status=DeploymentStatus.CHECKED)
        return deployed | {"pipeline": event, "due": Stage.RELEASE}
    finding = Finding("pipeline", Owner.CODER, f"The forge's pipeline failed:\n{event.log[-4000:]}")
    changes = _deploy(job, pipeline_passed=False) | {"pipeline": event, "verdict": None}
    return changes | _send_back(job, (finding,), f"round {job.round}: the pipeline failed")


def _approval_requested(job: Job, event: ApprovalRequested, at: float) -> Changes:
    if job.unheard:  # said while the approval was being asked for
        return {"approval": event, "due": Stage.ANALYZE, "put_off": job.put_off or job.due}
    reason = f"{event.action} of {event.commit[:10]}"
    return {"approval": event} | _wait(job, at, Waiting(WaitingFor.APPROVAL, reason))


def _approval_granted(job: Job, event: ApprovalGranted, at: float) -> Changes:
    del at
    asked = job.approval is not None and job.approval.digest == event.digest
    if not (asked and _waits_for(job, WaitingFor.APPROVAL)):
        return {}
    return {"approved": job.approved | {event.digest}, "waiting": None}


def _approval_refused(job: Job, event: ApprovalRefused, at: float) -> Changes:
    asked = job.approval is not None and job.approval.digest == event.digest
    if not (asked and _waits_for(job, WaitingFor.APPROVAL)):
        return {}
    action = job.approval.action if job.approval else "act"
    reason = f"{event.by or 'a person'} refused the {action}" + (f": {event.reason}" if event.reason else "")
    return _end(
        job, at, JobOutcome.CANCELLED, reason, "The pull request stays open; remove it with: vulcan undo"
    )


def _merged(job: Job, event: Merged, at: float) -> Changes:
    del at
    return _deploy(job, merge_commit=event.commit, status=DeploymentStatus.MERGED)


def _released(job: Job, event: ReleasePublished, at: float) -> Changes:
    del at
    release = ReleaseMetadata(event.tag, event.commit, event.notes)
    return _deploy(job, release=release, status=DeploymentStatus.RELEASED)


def _budget_raised(job: Job, event: BudgetRaised, at: float) -> Changes:
    del at
    changes: Changes = {"budget": event.budget, "warned": frozenset()}
    return changes | {"waiting": None} if _waits_for(job, WaitingFor.BUDGET) else changes


def _stage_started(job: Job, event: StageStarted, at: float) -> Changes:
    del at
    if (event.stage, event.round) == (job.stage, job.stage_round):
        return {}
    return {"stage": event.stage, "stage_round": event.round, "tree": "", "tree_is_current": False}


def _stage_failed(job: Job, event: StageFailed, at: float) -> Changes:
    waits = _wait(job, at, Waiting(WaitingFor.RESUME, f"{event.stage.value}: {event.reason}"))
    return waits | {"next_steps": event.hint} if waits else waits


def _paused(job: Job, event: JobPaused, at: float) -> Changes:
    return _wait(job, at, job.waiting or Waiting(WaitingFor.RESUME, event.reason))


def _undone(job: Job, event: JobUndone, at: float) -> Changes:
    del event
    return {"undone": True} | _end(job, at, JobOutcome.CANCELLED, "undone")


_HANDLERS: dict[type[Event], Callable[[Job, Any, float], Changes]] = {
    JobRequested: _requested,
    WorkStarted: _work_started,
    StageStarted: _stage_started,
    StageFailed: _stage_failed,
    JobPaused: _paused,
    RequirementsAnalyzed: _analyzed,
    ClarificationRequested: _clarification_requested,
    ClarificationAnswered: _clarification_answered,
    ConfirmationRequested: _confirmation_requested,
    RequirementsConfirmed: _confirmed,
    RequirementsEdited: lambda _job, event, _at: {"requirement": event.requirement},
    RequirementsQuestioned: _questioned,
    SteeringGiven: _steered,
    ModelReplied: _model_replied,
    ToolCalled: lambda _job, _event, _at: {"tree_is_current": False},
    WorkspaceSnapshotted: lambda _job, event, _at: {"tree": event.tree, "tree_is_current": True},
    EnvironmentPrepared: lambda _job, event, _at: {"environment": event},
    BaseTestsRun: _base_tests_run,
    CodeGenerated: _generated,
    CodeValidated: _validated,
    TestsGenerated: _tests_generated,
    TestsRun: _tests_run,
    EvidenceJudged: _judged,
    EffectIntended: lambda job, event, _at: {"effects_intended": job.effects_intended | {event.key}},
    EffectDone: lambda job, event, _at: {
        "effects_done": {**(job.effects_done or {}), event.key: event.result}
    },
    BranchPushed: _pushed,
    PullRequestOpened: _opened,
    PipelineFinished: _pipeline,
    ApprovalRequested: _approval_requested,
    ApprovalGranted: _approval_granted,
    ApprovalRefused: _approval_refused,
    Merged: _merged,
    ReleasePublished: _released,
    BudgetSpent: lambda job, event, at: _wait(job, at, Waiting(WaitingFor.BUDGET, event.limit)),
    BudgetWarned: lambda job, event, _at: {"warned": job.warned | {event.name}},
    BudgetRaised: _budget_raised,
    JobCancelled: lambda job, _event, at: _end(job, at, JobOutcome.CANCELLED, "cancelled"),
    JobUndone: _undone,
    JobFinished: lambda job, event, at: _end(job, at, event.outcome, event.reason, event.next_steps),
}
