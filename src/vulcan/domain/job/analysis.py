"""From the instruction to agreed requirements, and what the person says to them."""

from __future__ import annotations

from vulcan.domain.events import (
    BaseTestsRun,
    ClarificationAnswered,
    ClarificationRequested,
    ConfirmationRequested,
    EnvironmentPrepared,
    RequirementsAnalyzed,
    RequirementsConfirmed,
    RequirementsEdited,
    RequirementsQuestioned,
    Stage,
    SteeringGiven,
)
from vulcan.domain.evidence import Finding, Owner
from vulcan.domain.job.handling import Handlers, wait, waits_for
from vulcan.domain.job.state import STEERING, Changes, Job, Waiting, WaitingFor
from vulcan.domain.requirements import Requirement
from vulcan.domain.texts import shortened

HANDLERS = Handlers()


@HANDLERS.on(RequirementsAnalyzed)
def _analyzed(job: Job, event: RequirementsAnalyzed) -> Changes:
    changes: Changes = {
        "requirement": event.requirement,
        "analyses": job.analyses + 1,
        "steering_in_requirements": event.steering_seen,
    }
    if event.requirement.questions:
        return changes | {"due": Stage.ANALYZE}
    if job.generation is None:
        return changes | {"due": Stage.GENERATE}
    return changes | {"deferred_stage": None} | _apply_steering(job, event.requirement)


@HANDLERS.timed(ClarificationRequested)
def _clarification_requested(job: Job, event: ClarificationRequested, at: float) -> Changes:
    return wait(job, at, Waiting(WaitingFor.CLARIFICATION, "\n".join(event.questions)))


@HANDLERS.on(ClarificationAnswered)
def _clarification_answered(job: Job, event: ClarificationAnswered) -> Changes:
    changes: Changes = {"answers": (*job.answers, event.answer)}
    if waits_for(job, WaitingFor.CLARIFICATION):
        changes |= {"waiting": None, "due": Stage.ANALYZE}
    return changes


@HANDLERS.timed(ConfirmationRequested)
def _confirmation_requested(job: Job, event: ConfirmationRequested, at: float) -> Changes:
    del event
    summary = job.requirement.summary if job.requirement else ""
    return wait(job, at, Waiting(WaitingFor.CONFIRMATION, summary))


@HANDLERS.on(RequirementsConfirmed)
def _confirmed(job: Job, event: RequirementsConfirmed) -> Changes:
    del event
    return {"waiting": None} if waits_for(job, WaitingFor.CONFIRMATION) else {}


@HANDLERS.on(RequirementsEdited)
def _edited(job: Job, event: RequirementsEdited) -> Changes:
    del job
    return {"requirement": event.requirement}


@HANDLERS.on(RequirementsQuestioned)
def _questioned(job: Job, event: RequirementsQuestioned) -> Changes:
    if not waits_for(job, WaitingFor.CONFIRMATION):
        return {}
    return {"answers": (*job.answers, event.text), "waiting": None, "due": Stage.ANALYZE}


@HANDLERS.on(SteeringGiven)
def _steered(job: Job, event: SteeringGiven) -> Changes:
    changes: Changes = {"steering": (*job.steering, event.text)}
    if job.merging or job.outcome is not None:
        return changes
    changes["approved"] = frozenset()  # what was approved before is not what will be merged
    if waits_for(job, WaitingFor.APPROVAL):
        changes["waiting"] = None
    if job.due is Stage.RELEASE:
        changes |= {"due": Stage.ANALYZE, "deferred_stage": job.due}
    return changes


@HANDLERS.on(EnvironmentPrepared)
def _environment_prepared(job: Job, event: EnvironmentPrepared) -> Changes:
    del job
    return {"environment": event}


@HANDLERS.on(BaseTestsRun)
def _base_tests_run(job: Job, event: BaseTestsRun) -> Changes:
    changes: Changes = {"baseline": event.baseline}
    return changes | {"due": Stage.ANALYZE} if job.due is Stage.PREPARE else changes


def _apply_steering(job: Job, revised: Requirement) -> Changes:
    """Go on where the job was, or give the coder what was said and what became of the criteria."""
    told = job.steering[job.steering_in_code :]
    old = job.requirement
    same = old is not None and (old.criteria, old.changed_tests) == (revised.criteria, revised.changed_tests)
    if same and not told:
        return {"due": job.deferred_stage or Stage.GENERATE}
    words = "\n".join(job.steering[job.steering_in_requirements :])
    text = (
        f"The person said while the work was under way:\n{words}\nThe criteria above take it into account. "
        "Change what it asks for; leave the code as it is where it does so already."
    )
    findings = (*job.findings, Finding(STEERING, Owner.CODER, text))
    note = f"round {job.round}: the person said: {shortened(' '.join(words.split()), 160)}"
    return {
        "due": Stage.GENERATE,
        "round": job.round + 1,
        "extra_rounds": job.extra_rounds + 1,
        "findings": findings,
        "verdict": None,
        "history": (*job.history, note),
    }
