"""Being worked on: the request, workers, stages, money, effects, the end."""

from __future__ import annotations

from collections.abc import Mapping

from vulcan.domain.budget import Usage
from vulcan.domain.deployment import CodeDeployment, DeploymentConfig
from vulcan.domain.events import (
    BudgetRaised,
    BudgetSpent,
    BudgetWarned,
    EffectDone,
    EffectIntended,
    JobCancelled,
    JobFinished,
    JobOutcome,
    JobPaused,
    JobRequested,
    JobUndone,
    ModelReplied,
    StageFailed,
    StageStarted,
    WorkStarted,
)
from vulcan.domain.job.handling import Handlers, end, stop_clock, wait, waits_for
from vulcan.domain.job.state import Changes, Job, Waiting, WaitingFor

HANDLERS = Handlers()


@HANDLERS.timed(JobRequested)
def _requested(job: Job, event: JobRequested, at: float) -> Changes:
    del job
    return {
        "request": event,
        "budget": event.budget,
        "deployment": CodeDeployment(DeploymentConfig(event.base_branch, release=event.policy.release)),
        "requested_at": at,
    }


@HANDLERS.timed(WorkStarted)
def _work_started(job: Job, event: WorkStarted, at: float) -> Changes:
    if job.outcome is not None:
        return {"epoch": event.epoch}
    # A worker that was killed did not stop its clock: it counts up to its last sign of life, not up to now.
    taken = stop_clock(job, job.last_worker_event_at) | {
        "worker": event.worker,
        "epoch": event.epoch,
        "work_since": at,
    }
    return taken | {"waiting": None, "next_steps": ""} if waits_for(job, WaitingFor.RESUME) else taken


@HANDLERS.on(StageStarted)
def _stage_started(job: Job, event: StageStarted) -> Changes:
    if (event.stage, event.round) == (job.stage, job.stage_round):
        return {}
    return {"stage": event.stage, "stage_round": event.round, "tree": "", "tree_is_current": False}


@HANDLERS.timed(StageFailed)
def _stage_failed(job: Job, event: StageFailed, at: float) -> Changes:
    waits = wait(job, at, Waiting(WaitingFor.RESUME, f"{event.stage.value}: {event.reason}"))
    return waits | {"next_steps": event.hint} if waits else waits


@HANDLERS.timed(JobPaused)
def _paused(job: Job, event: JobPaused, at: float) -> Changes:
    return wait(job, at, job.waiting or Waiting(WaitingFor.RESUME, event.reason))


@HANDLERS.on(ModelReplied)
def _model_replied(job: Job, event: ModelReplied) -> Changes:
    usage = event.usage
    return {
        "usage": job.usage + usage,
        "usage_by_agent": _plus(job.usage_by_agent, event.agent, usage),
        "usage_by_stage": _plus(job.usage_by_stage, event.key.partition("/")[0], usage),
        "usage_by_model": _plus(job.usage_by_model, event.model or "unknown", usage),
    }


@HANDLERS.timed(BudgetSpent)
def _budget_spent(job: Job, event: BudgetSpent, at: float) -> Changes:
    return wait(job, at, Waiting(WaitingFor.BUDGET, event.limit))


@HANDLERS.on(BudgetWarned)
def _budget_warned(job: Job, event: BudgetWarned) -> Changes:
    return {"warned": job.warned | {event.name}}


@HANDLERS.on(BudgetRaised)
def _budget_raised(job: Job, event: BudgetRaised) -> Changes:
    changes: Changes = {"budget": event.budget, "warned": frozenset()}
    return changes | {"waiting": None} if waits_for(job, WaitingFor.BUDGET) else changes


@HANDLERS.on(EffectIntended)
def _effect_intended(job: Job, event: EffectIntended) -> Changes:
    return {"effects_intended": job.effects_intended | {event.key}}


@HANDLERS.on(EffectDone)
def _effect_done(job: Job, event: EffectDone) -> Changes:
    return {"effects_done": {**job.effects_done, event.key: event.result}}


@HANDLERS.timed(JobCancelled)
def _cancelled(job: Job, event: JobCancelled, at: float) -> Changes:
    del event
    return end(job, at, JobOutcome.CANCELLED, "cancelled")


@HANDLERS.timed(JobUndone)
def _undone(job: Job, event: JobUndone, at: float) -> Changes:
    del event
    return {"undone": True} | end(job, at, JobOutcome.CANCELLED, "undone")


@HANDLERS.timed(JobFinished)
def _finished(job: Job, event: JobFinished, at: float) -> Changes:
    return end(job, at, event.outcome, event.reason, event.next_steps)


def _plus(table: Mapping[str, Usage], name: str, usage: Usage) -> Mapping[str, Usage]:
    return {**table, name: table.get(name, Usage()) + usage}
