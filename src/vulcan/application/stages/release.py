"""release: merge under the review policy, then tag with notes where the policy says so."""

from __future__ import annotations

from vulcan.application.commits import request_of, requirement_of, subject
from vulcan.application.effects import perform
from vulcan.application.joblog import JobLog
from vulcan.application.ports import Release
from vulcan.application.report import merge_message, release_notes
from vulcan.application.requests import MERGING
from vulcan.application.services import Services
from vulcan.application.versions import next_tag
from vulcan.domain.errors import VulcanError
from vulcan.domain.events import ApprovalRequested, JobFinished, JobOutcome, Merged, ReleasePublished
from vulcan.domain.policy import MergeRule, approval_digest

MERGE = "merge"


async def release(services: Services, log: JobLog) -> None:
    """Ask for approval where it is needed, merge, release, finish."""
    job, policy = log.job, request_of(log.job).policy
    commit = job.newest_commit
    digest = approval_digest(MERGE, commit)
    if policy.merge is MergeRule.NEVER:
        log.append(
            JobFinished(JobOutcome.DONE, "proven; the pull request is open, merging is left to people")
        )
        return
    approved = digest in job.approved
    if policy.needs_person() and not approved:
        log.append(ApprovalRequested(MERGE, commit, digest))
        return
    passed = job.pipeline is not None and job.pipeline.passed
    if not policy.may_merge(proven=job.proven, pipeline_passed=passed, approved=approved):
        raise VulcanError("the review policy does not allow this merge")
    try:
        merged = await _merge(services, log, commit)
    except _SteeredError:
        return
    if policy.release:
        await _publish(services, log, merged)
    log.append(JobFinished(JobOutcome.DONE, f"proven and merged as {merged[:10]}"))


class _SteeredError(Exception):
    """The person said something before the merge began: the job turns to that."""


async def _merge(services: Services, log: JobLog, commit: str) -> str:
    pulls, deployment = services.forge.pull_requests, log.job.deployment
    if deployment is None:
        raise VulcanError("there is no pull request to merge")
    branch, number = deployment.branch, deployment.pull_request

    async def look_up() -> str:
        pull = await pulls.find(branch)
        return pull.merge_commit if pull and pull.state == "merged" else ""

    async def act() -> str:
        if log.job.unheard:  # the intent is in the log by now, and after it no message is taken any more
            raise _SteeredError
        return (await pulls.merge(number, commit, merge_message(log.id, log.job, number))).merge_commit

    merged = await perform(log, f"{MERGING}{commit}", f"merge #{number}", look_up=look_up, act=act)
    log.append(Merged(number, merged))
    return merged


async def _publish(services: Services, log: JobLog, merged: str) -> None:
    releases = services.forge.releases
    notes = release_notes(log.id, log.job, subject(requirement_of(log.job)))
    tag = next_tag(await releases.latest_tag())
    intent = f"release/tag/{merged}"

    async def look_up() -> str:
        latest = await releases.find(await releases.latest_tag())
        return latest.tag if latest and latest.commit == merged else ""

    async def act() -> str:
        return (await releases.publish(Release(tag, merged, notes))).tag

    published = await perform(log, intent, f"release {tag}", look_up=look_up, act=act)
    log.append(ReleasePublished(published, merged, notes))
