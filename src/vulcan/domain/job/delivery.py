"""From the verdict to the merge and the release."""

from __future__ import annotations

from dataclasses import replace

from vulcan.domain.deployment import CodeDeployment, DeploymentConfig, DeploymentStatus, ReleaseMetadata
from vulcan.domain.events import (
    ApprovalGranted,
    ApprovalRefused,
    ApprovalRequested,
    BranchPushed,
    JobOutcome,
    Merged,
    PipelineFinished,
    PullRequestOpened,
    ReleasePublished,
    Stage,
)
from vulcan.domain.evidence import Finding, Owner
from vulcan.domain.job.handling import Handlers, end, send_back, wait, waits_for
from vulcan.domain.job.state import Changes, Job, Waiting, WaitingFor

HANDLERS = Handlers()


@HANDLERS.on(BranchPushed)
def _pushed(job: Job, event: BranchPushed) -> Changes:
    return {
        "deployment": replace(
            _deployment(job), branch=event.branch, commit=event.commit, status=DeploymentStatus.PUSHED
        )
    }


@HANDLERS.on(PullRequestOpened)
def _opened(job: Job, event: PullRequestOpened) -> Changes:
    opened = replace(_deployment(job), pull_request=event.number, status=DeploymentStatus.REVIEWABLE)
    return {"due": Stage.FOLLOW_CI if job.proven else job.due, "deployment": opened}


@HANDLERS.on(PipelineFinished)
def _pipeline(job: Job, event: PipelineFinished) -> Changes:
    if event.passed:
        checked = replace(_deployment(job), pipeline_passed=True, status=DeploymentStatus.CHECKED)
        return {"deployment": checked, "pipeline": event, "due": Stage.RELEASE}
    finding = Finding("pipeline", Owner.CODER, f"The forge's pipeline failed:\n{event.log[-4000:]}")
    failed = replace(_deployment(job), pipeline_passed=False)
    changes: Changes = {"deployment": failed, "pipeline": event, "verdict": None}
    return changes | send_back(job, (finding,), f"round {job.round}: the pipeline failed")


@HANDLERS.timed(ApprovalRequested)
def _approval_requested(job: Job, event: ApprovalRequested, at: float) -> Changes:
    if job.has_pending_steering:  # said while the approval was being asked for
        return {"approval": event, "due": Stage.ANALYZE, "deferred_stage": job.deferred_stage or job.due}
    reason = f"{event.action} of {event.commit[:10]}"
    return {"approval": event} | wait(job, at, Waiting(WaitingFor.APPROVAL, reason))


@HANDLERS.on(ApprovalGranted)
def _approval_granted(job: Job, event: ApprovalGranted) -> Changes:
    asked = job.approval is not None and job.approval.digest == event.digest
    if not (asked and waits_for(job, WaitingFor.APPROVAL)):
        return {}
    return {"approved": job.approved | {event.digest}, "waiting": None}


@HANDLERS.timed(ApprovalRefused)
def _approval_refused(job: Job, event: ApprovalRefused, at: float) -> Changes:
    asked = job.approval is not None and job.approval.digest == event.digest
    if not (asked and waits_for(job, WaitingFor.APPROVAL)):
        return {}
    action = job.approval.action if job.approval else "act"
    reason = f"{event.by or 'a person'} refused the {action}" + (f": {event.reason}" if event.reason else "")
    return end(
        job, at, JobOutcome.CANCELLED, reason, "The pull request stays open; remove it with: vulcan undo"
    )


@HANDLERS.on(Merged)
def _merged(job: Job, event: Merged) -> Changes:
    return {
        "deployment": replace(_deployment(job), merge_commit=event.commit, status=DeploymentStatus.MERGED)
    }


@HANDLERS.on(ReleasePublished)
def _released(job: Job, event: ReleasePublished) -> Changes:
    release = ReleaseMetadata(event.tag, event.commit, event.notes)
    return {"deployment": replace(_deployment(job), release=release, status=DeploymentStatus.RELEASED)}


def _deployment(job: Job) -> CodeDeployment:
    return job.deployment or CodeDeployment(DeploymentConfig(""))
