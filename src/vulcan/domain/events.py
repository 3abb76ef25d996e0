"""Every event, in the past tense. A job is nothing but its events, and so is a conversation.

An event's name in the log is its class name. `VERSION` of a class goes up when its fields change meaning or are
renamed; `vulcan.domain.codec.UPCASTERS` then turns the old payload into the new one. A field that is only added
gets a default and needs neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from vulcan.domain.baseline import Baseline
from vulcan.domain.budget import Budget, Usage
from vulcan.domain.evidence import Finding, Verdict
from vulcan.domain.generation import CodeGeneration
from vulcan.domain.messages import Intent, NoteKind, Proposal, Speaker
from vulcan.domain.policy import ReviewPolicy
from vulcan.domain.requirements import Requirement
from vulcan.domain.testing import CodeTesting, TestReport


class Stage(StrEnum):
    """The stages of the pipeline, in their order."""

    PREPARE = "prepare"
    ANALYZE = "analyze"
    GENERATE = "generate"
    VALIDATE = "validate"
    WRITE_TESTS = "write_tests"
    RUN_TESTS = "run_tests"
    JUDGE = "judge"
    DELIVER = "deliver"
    FOLLOW_CI = "follow_ci"
    RELEASE = "release"


class JobOutcome(StrEnum):
    """How a job ended."""

    DONE = "done"
    NOT_STARTED = "not started"
    NOT_PROVEN = "not proven"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that works on a job; `started` (clock ticks since boot) tells a reused pid apart."""

    host: str
    pid: int
    started: int


class Actor(StrEnum):
    """Who appends an event."""

    PERSON = "person"
    WORKER = "worker"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events.

    Attributes:
        VERSION: of the fields, as they stand in the log.
        ACTOR: who appends it. What a person says is no sign of life of the worker.
        ENDS_WORK: whether nobody works on the job any more after it, until a worker takes it (again).
    """

    VERSION: ClassVar[int] = 1
    ACTOR: ClassVar[Actor] = Actor.WORKER
    ENDS_WORK: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class JobRequested(Event):
    """A person gave an instruction.

    Attributes:
        ask: whether open questions may be put to the person; else they become assumptions.
        conversation: where it was said; empty for `vulcan run`.
        confirm: whether the requirements wait for the person's word before work on them begins.
        rules: standing rules of the conversation that hold for this job, too.
        blind: whether to go on where too little of the project's tests is seen to prove anything.
    """

    ACTOR: ClassVar[Actor] = Actor.PERSON
    instruction: str
    repository: str
    base_commit: str
    base_branch: str
    model: str
    budget: Budget
    policy: ReviewPolicy
    requested_by: str = ""
    notes: tuple[str, ...] = ()
    ask: bool = True
    conversation: str = ""
    confirm: bool = False
    rules: tuple[str, ...] = ()
    blind: bool = False


@dataclass(frozen=True, slots=True)
class WorkStarted(Event):
    """A worker took the job; an older worker that is still there is fenced off by this."""

    worker: Worker
    epoch: int


@dataclass(frozen=True, slots=True)
class StageStarted(Event):
    """Work on a stage began (again)."""

    stage: Stage
    round: int


@dataclass(frozen=True, slots=True)
class StageFailed(Event):
    """A stage could not go on; `vulcan resume` tries it again."""

    ENDS_WORK: ClassVar[bool] = True
    stage: Stage
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class JobPaused(Event):
    """The worker let the job go (Ctrl-C, SIGTERM)."""

    ENDS_WORK: ClassVar[bool] = True
    reason: str


@dataclass(frozen=True, slots=True)
class RequirementsAnalyzed(Event):
    """The instruction became numbered criteria; `steering_seen` counts the steering messages that the analyst knew."""

    VERSION: ClassVar[int] = 2
    requirement: Requirement
    steering_seen: int = 0


@dataclass(frozen=True, slots=True)
class ClarificationRequested(Event):
    """The job waits for answers that the repository does not hold."""

    ENDS_WORK: ClassVar[bool] = True
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClarificationAnswered(Event):
    """A person answered."""

    ACTOR: ClassVar[Actor] = Actor.PERSON
    answer: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class ConfirmationRequested(Event):
    """The requirements wait for a person's word; nothing is built before."""

    ENDS_WORK: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class RequirementsConfirmed(Event):
    """A person agreed to the requirements as they stand."""

    ACTOR: ClassVar[Actor] = Actor.PERSON
    by: str = ""


@dataclass(frozen=True, slots=True)
class RequirementsEdited(Event):
    """A person changed the requirements; `change` says what, in words."""

    ACTOR: ClassVar[Actor] = Actor.PERSON
    requirement: Requirement
    change: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class RequirementsQuestioned(Event):
    """A person vetoed an assumption or said what is missing: the analyst works the requirements out again."""

    ACTOR: ClassVar[Actor] = Actor.PERSON
    text: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class SteeringGiven(Event):
    """A person said something to a job that is under way; it is told to the model before its next call."""

    ACTOR: ClassVar[Actor] = Actor.PERSON
    text: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class ModelReplied(Event):
    """A model's reply, recorded before anything is done with it.

    Attributes:
        payload: a blob's digest.
        prompt: version of the agent's prompt.
        steering_seen: how many steering messages the model had been told of.
    """

    VERSION: ClassVar[int] = 2
    ACTOR: ClassVar[Actor] = Actor.AGENT
    key: str
    agent: str
    model: str
    usage: Usage
    payload: str
    prompt: str = ""
    steering_seen: int = 0


@dataclass(frozen=True, slots=True)
class ModelWaited(Event):
    """A model's service takes no request for now: its agent waits so many seconds before it asks again."""

    ACTOR: ClassVar[Actor] = Actor.AGENT
    agent: str
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class RepliesDropped(Event):
    """Replies that led to nothing: what is recorded under these keys, and below them, counts no more."""

    keys: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ToolCalled(Event):
    """A tool's result, recorded before the model is asked again; `payload` is a blob's digest."""

    ACTOR: ClassVar[Actor] = Actor.AGENT
    key: str
    agent: str
    tool: str
    summary: str
    payload: str


@dataclass(frozen=True, slots=True)
class WorkspaceSnapshotted(Event):
    """The workspace's files are stored as a tree."""

    tree: str


@dataclass(frozen=True, slots=True)
class EnvironmentPrepared(Event):
    """The project's dependencies are there; `notes` says what could not be installed."""

    digest: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BaseTestsRun(Event):
    """The project's own tests were run on the base commit, before any model was asked."""

    __test__: ClassVar[bool] = False
    baseline: Baseline


@dataclass(frozen=True, slots=True)
class CodeGenerated(Event):
    """The coder's change is committed; `tests_commit` is the earlier rounds' tests laid on top of it.

    `steering_seen` counts the steering messages that the coder knew.
    """

    VERSION: ClassVar[int] = 2
    generation: CodeGeneration
    tests_commit: str = ""
    steering_seen: int = 0


@dataclass(frozen=True, slots=True)
class CodeValidated(Event):
    """Static checks and review of the change; only findings that the base does not have."""

    findings: tuple[Finding, ...]
    round: int
    reviewed: bool = False


@dataclass(frozen=True, slots=True)
class TestsGenerated(Event):
    """The test author's tests are committed."""

    __test__: ClassVar[bool] = False
    testing: CodeTesting
    rejected: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class TestsRun(Event):
    """Everything was run in clean checkouts."""

    __test__: ClassVar[bool] = False
    report: TestReport
    round: int


@dataclass(frozen=True, slots=True)
class EvidenceJudged(Event):
    """The verdict, a pure function of the results."""

    verdict: Verdict
    round: int


@dataclass(frozen=True, slots=True)
class EffectIntended(Event):
    """An outward effect is about to be tried."""

    key: str
    what: str


@dataclass(frozen=True, slots=True)
class EffectDone(Event):
    """An outward effect is known to have happened; `result` is what its look-up finds."""

    key: str
    result: str


@dataclass(frozen=True, slots=True)
class BranchPushed(Event):
    """The work is on a branch."""

    branch: str
    commit: str


@dataclass(frozen=True, slots=True)
class PullRequestOpened(Event):
    """The pull request carries the evidence (opened, or brought up to date)."""

    number: int
    url: str
    title: str
    draft: bool = False


@dataclass(frozen=True, slots=True)
class PipelineFinished(Event):
    """The forge ran the project's checks."""

    id: str
    commit: str
    passed: bool
    log: str


@dataclass(frozen=True, slots=True)
class ApprovalRequested(Event):
    """An act waits for a person; `digest` binds the approval to this act on this commit."""

    ENDS_WORK: ClassVar[bool] = True
    action: str
    commit: str
    digest: str


@dataclass(frozen=True, slots=True)
class ApprovalGranted(Event):
    """A person approved."""

    ACTOR: ClassVar[Actor] = Actor.PERSON
    digest: str
    by: str


@dataclass(frozen=True, slots=True)
class ApprovalRefused(Event):
    """A person refused; without a wish for something else the job ends, its pull request stays open."""

    ACTOR: ClassVar[Actor] = Actor.PERSON
    ENDS_WORK: ClassVar[bool] = True
    digest: str
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Merged(Event):
    """The pull request is merged."""

    number: int
    commit: str


@dataclass(frozen=True, slots=True)
class ReleasePublished(Event):
    """A merge is tagged and has notes."""

    tag: str
    commit: str
    notes: str


@dataclass(frozen=True, slots=True)
class BudgetSpent(Event):
    """A limit is used up; the job waits for a larger one."""

    ENDS_WORK: ClassVar[bool] = True
    limit: str


@dataclass(frozen=True, slots=True)
class BudgetWarned(Event):
    """A limit (`name`) is nearly used up, or can't hold; said once until the budget is changed."""

    name: str
    words: str


@dataclass(frozen=True, slots=True)
class BudgetRaised(Event):
    """A person gave the job more."""

    ACTOR: ClassVar[Actor] = Actor.PERSON
    budget: Budget
    by: str = ""


@dataclass(frozen=True, slots=True)
class JobCancelled(Event):
    """A person ended the job."""

    ACTOR: ClassVar[Actor] = Actor.PERSON
    ENDS_WORK: ClassVar[bool] = True
    by: str = ""


@dataclass(frozen=True, slots=True)
class JobUndone(Event):
    """What the job made in the user's repository and the forge is removed."""

    ACTOR: ClassVar[Actor] = Actor.PERSON
    ENDS_WORK: ClassVar[bool] = True
    removed: tuple[str, ...]
    by: str = ""


@dataclass(frozen=True, slots=True)
class JobFinished(Event):
    """The job has ended; `next_steps` tells the person what to do now."""

    ENDS_WORK: ClassVar[bool] = True
    outcome: JobOutcome
    reason: str
    next_steps: str = ""


# ------------------------------------------------------------------------------------- conversations


@dataclass(frozen=True, slots=True)
class ConversationStarted(Event):
    """A person began to talk with Vulcan about a repository."""

    ACTOR: ClassVar[Actor] = Actor.PERSON
    repository: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class MessageSaid(Event):
    """Something was said; `job` is the job that it was about."""

    speaker: Speaker
    intent: Intent
    text: str
    job: str = ""


@dataclass(frozen=True, slots=True)
class NoteKept(Event):
    """Something was kept as data; `source` is the message that it comes from."""

    kind: NoteKind
    text: str
    source: int = 0


@dataclass(frozen=True, slots=True)
class NoteDropped(Event):
    """A note does not hold any more."""

    number: int


@dataclass(frozen=True, slots=True)
class JobChosen(Event):
    """What is said from now on is about this job, if it is about one."""

    job: str


@dataclass(frozen=True, slots=True)
class ActProposed(Event):
    """Vulcan asks whether it is to do something; the next message answers."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class ProseCompacted(Event):
    """From now on `digest` stands for all messages up to and with `upto`; the messages stay in the log."""

    upto: int
    digest: str


EVENT_TYPES: dict[str, type[Event]] = {cls.__name__: cls for cls in Event.__subclasses__()}
