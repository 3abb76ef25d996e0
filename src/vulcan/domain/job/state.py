"""A job as its events so far make it, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypedDict

from vulcan.domain.baseline import Baseline
from vulcan.domain.budget import Budget, Usage
from vulcan.domain.deployment import CodeDeployment
from vulcan.domain.events import (
    ApprovalRequested,
    EnvironmentPrepared,
    JobOutcome,
    JobRequested,
    PipelineFinished,
    Stage,
    Worker,
)
from vulcan.domain.evidence import Contested, Finding, Verdict
from vulcan.domain.generation import CodeGeneration
from vulcan.domain.requirements import Requirement
from vulcan.domain.testing import CodeTesting, TestReport

STEERING = "steering"
MERGE_EFFECT = "release/merge/"
"""Key of the merge among the effects, before the commit."""


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


@dataclass(frozen=True, slots=True)
class Job:
    """All that is known of a job, derived from its log.

    `due` is the stage that the events so far ask for; `waiting` and `outcome` take precedence over it.

    Attributes:
        answers: what the person said to the analyst's questions and requirements, in order.
        steering: what the person said while the job was under way; `steering_in_requirements` and `steering_in_code` count how many of these
            messages the requirements and the code take into account.
        extra_rounds: rounds beyond the budget's, one for each time that the person's word led to further work.
        deferred_stage: the stage that was due when steering sent the job back to the analyst.
        contested: checkers' findings that the coder was told of and let stand, with its words.
        reviewed: whether a colleague has looked at the change, in whatever round.
        baseline: the project's tests on the base commit; None in logs from before that was looked at first.
    """

    seq: int = 0
    request: JobRequested | None = None
    budget: Budget = Budget()
    usage: Usage = Usage()
    usage_by_agent: Mapping[str, Usage] = field(default_factory=dict)
    usage_by_stage: Mapping[str, Usage] = field(default_factory=dict)
    usage_by_model: Mapping[str, Usage] = field(default_factory=dict)
    answers: tuple[str, ...] = ()
    steering: tuple[str, ...] = ()
    analyses: int = 0
    steering_in_requirements: int = 0
    steering_in_code: int = 0
    extra_rounds: int = 0
    deferred_stage: Stage | None = None
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
    effects_done: Mapping[str, str] = field(default_factory=dict)
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
    def has_pending_steering(self) -> bool:
        """Whether the person said something that the requirements do not know of."""
        return self.steering_in_requirements < len(self.steering)

    @property
    def last_round(self) -> bool:
        """Whether nothing can be sent back any more."""
        return self.round >= self.budget.rounds + self.extra_rounds

    @property
    def merging(self) -> bool:
        """Whether the merge has begun, so that a word comes too late; one that failed waits for a resume."""
        return self.waiting is None and f"{MERGE_EFFECT}{self.newest_commit}" in self.effects_intended

    def seconds_worked(self, now: float) -> float:
        """Time in which a worker was on the job, in seconds."""
        return self.work_seconds + (max(0.0, now - self.work_since) if self.work_since is not None else 0.0)


class Changes(TypedDict, total=False):
    """Fields of a job and their new values."""

    seq: int
    request: JobRequested | None
    budget: Budget
    usage: Usage
    usage_by_agent: Mapping[str, Usage]
    usage_by_stage: Mapping[str, Usage]
    usage_by_model: Mapping[str, Usage]
    answers: tuple[str, ...]
    steering: tuple[str, ...]
    analyses: int
    steering_in_requirements: int
    steering_in_code: int
    extra_rounds: int
    deferred_stage: Stage | None
    due: Stage
    round: int
    stage: Stage | None
    stage_round: int
    waiting: Waiting | None
    outcome: JobOutcome | None
    reason: str
    next_steps: str
    worker: Worker | None
    epoch: int
    requirement: Requirement | None
    generation: CodeGeneration | None
    testing: CodeTesting | None
    report: TestReport | None
    verdict: Verdict | None
    findings: tuple[Finding, ...]
    earlier: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    contested: tuple[Contested, ...]
    reviewed: bool
    history: tuple[str, ...]
    effects_intended: frozenset[str]
    effects_done: Mapping[str, str]
    tree: str
    tree_is_current: bool
    deployment: CodeDeployment | None
    pipeline: PipelineFinished | None
    approval: ApprovalRequested | None
    approved: frozenset[str]
    environment: EnvironmentPrepared | None
    baseline: Baseline | None
    undone: bool
    warned: frozenset[str]
    work_seconds: float
    work_since: float | None
    requested_at: float
    updated_at: float
    last_worker_event_at: float
