"""release: merge under the review policy, then tag with notes where the policy says so."""

from __future__ import annotations

from operator import attrgetter

from vulcan.application.commits import request_of, requirement_of, subject
from vulcan.application.jobs.effects import perform
from vulcan.application.jobs.log import JobLog
from vulcan.application.ports import Release
from vulcan.application.protected import find_protected
from vulcan.application.report import merge_message, release_notes
from vulcan.application.services import Services
from vulcan.application.versions import next_tag
from vulcan.domain.errors import VulcanError
from vulcan.domain.events import ApprovalRequested, JobFinished, JobOutcome, Merged, ReleasePublished
from vulcan.domain.job import MERGE_EFFECT
from vulcan.domain.policy import MergeRule, approval_digest

MERGE = "merge"
UNHEARD = attrgetter("has_pending_steering")


async def release(services: Services, log: JobLog) -> None:
    """Ask for approval where it is needed, merge, release, finish."""
    job, policy = log.job, request_of(log.job).policy
    commit = job.newest_commit
    digest = approval_digest(MERGE, commit)
    if policy.merge is MergeRule.NEVER:
        left = JobFinished(JobOutcome.DONE, "proven; the pull request is open, merging is left to people")
        log.append(left, unless=UNHEARD)
        return
    approved = digest in job.approved
    protected = find_protected(services.repository, request_of(job).base_commit, commit)
    if policy.needs_person(protected=bool(protected)) and not approved:
        log.append(ApprovalRequested(MERGE, commit, digest), unless=UNHEARD)
        return
    passed = job.pipeline is not None and job.pipeline.passed
    if not policy.may_merge(proven=job.proven, pipeline_passed=passed, approved=approved):
        raise VulcanError("the review policy does not allow this merge")
    merged = await _merge(services, log, commit)
    if not merged:
        return
    if policy.release:
        await _publish(services, log, merged)
    log.append(JobFinished(JobOutcome.DONE, f"proven and merged as {merged[:10]}"))


async def _merge(services: Services, log: JobLog, commit: str) -> str:
    """The merge's commit; empty where the person said something before it began."""
    pulls, deployment = services.forge.pull_requests, log.job.deployment
    if deployment is None:
        raise VulcanError("there is no pull request to merge")
    branch, number = deployment.branch, deployment.pull_request

    async def look_up() -> str:
        pull = await pulls.find(branch)
        return pull.merge_commit if pull and pull.state == "merged" else ""

    async def act() -> str:
        return (await pulls.merge(number, commit, merge_message(log.id, log.job, number))).merge_commit

    key, what = f"{MERGE_EFFECT}{commit}", f"merge #{number}"
    merged = await perform(log, key, what, look_up=look_up, act=act, unless=UNHEARD)
    if merged:
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
