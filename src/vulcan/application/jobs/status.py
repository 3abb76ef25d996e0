"""How a job stands, said once: every view renders this, none takes the job's state apart itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vulcan.domain.events import JobOutcome
from vulcan.domain.job import Ended, Job, Next, Waiting, WaitingFor


class Phase(StrEnum):
    """Whether a job goes on, waits for a person or has ended."""

    WORKING = "working"
    WAITING = "waiting"
    ENDED = "ended"


class Action(StrEnum):
    """What a person can do about a job now; each view has its own words for it."""

    SHOW = "show"
    ANSWER = "answer"
    AGREE = "agree"
    AMEND = "amend"
    APPROVE = "approve"
    REFUSE = "refuse"
    RAISE_BUDGET = "raise budget"
    RESUME = "resume"
    UNDO = "undo"


ACTIONS: dict[WaitingFor, tuple[Action, ...]] = {
    WaitingFor.CLARIFICATION: (Action.ANSWER,),
    WaitingFor.CONFIRMATION: (Action.AGREE, Action.AMEND),
    WaitingFor.APPROVAL: (Action.APPROVE, Action.REFUSE, Action.UNDO),
    WaitingFor.BUDGET: (Action.RAISE_BUDGET,),
    WaitingFor.RESUME: (Action.RESUME,),
    WaitingFor.REQUEST: (),
}


NOTHING_KNOWN = Job()


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How a job stands.

    Attributes:
        label: a few words that stay the same, to count jobs by: `running`, `waits for approval`, `not proven`.
        headline: a few words for people.
        reason: why it waits or has ended; may be empty.
        next_steps: what else can be done, in words; may be empty.
        actions: what a person can do now, the likeliest first.
        waiting_for, outcome: None where it does not wait, or has not ended.
        stands_proven: whether what it made is proven and it did not fail afterwards.
    """

    phase: Phase
    label: str
    headline: str
    reason: str = ""
    next_steps: str = ""
    actions: tuple[Action, ...] = ()
    waiting_for: WaitingFor | None = None
    outcome: JobOutcome | None = None
    stands_proven: bool = False


def describe(job: Job) -> JobStatus:
    """How a job stands."""
    return status_of(job.next_stage(), job)


def status_of(now: Next, job: Job = NOTHING_KNOWN) -> JobStatus:
    """How a job stands that comes to `now` next; of `job` what it made, and why it ended, is told."""
    delivered = (Action.SHOW,) if job.deployment and job.deployment.branch else ()
    if isinstance(now, Ended):
        word = now.outcome.value
        proven = job.proven and now.outcome is JobOutcome.DONE
        undo = (Action.UNDO,) if delivered and not proven and not job.undone else ()
        return JobStatus(
            Phase.ENDED,
            word,
            word,
            job.reason,
            job.next_steps,
            (*delivered, *undo),
            outcome=now.outcome,
            stands_proven=proven,
        )
    if isinstance(now, Waiting):
        label = f"waits for {now.waiting_for.value}"
        approval = now.waiting_for is WaitingFor.APPROVAL
        headline = "proven, merge waits for approval" if approval else label
        steps = job.next_steps if now.waiting_for is WaitingFor.RESUME else ""
        actions = (*delivered, *ACTIONS[now.waiting_for])
        return JobStatus(
            Phase.WAITING,
            label,
            headline,
            now.reason,
            steps,
            actions,
            waiting_for=now.waiting_for,
            stands_proven=job.proven,
        )
    return JobStatus(
        Phase.WORKING,
        "running",
        f"in {now.value}",
        actions=(*delivered, Action.RESUME),
        stands_proven=job.proven,
    )
