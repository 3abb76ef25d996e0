"""deliver: branch, push, pull request with the evidence; unproven work is delivered as such."""

from __future__ import annotations

import re
from operator import attrgetter
from pathlib import Path

from vulcan.application.commits import request_of, requirement_of, subject
from vulcan.application.jobs.effects import perform
from vulcan.application.jobs.log import JobLog
from vulcan.application.report import next_steps, pull_request_body
from vulcan.application.services import Services
from vulcan.domain.events import BranchPushed, JobFinished, JobOutcome, PullRequestOpened
from vulcan.domain.texts import shortened

PREFIX = "vulcan/"
SLUG_LENGTH = 40


async def deliver(services: Services, log: JobLog) -> None:
    """Put the work on a branch, in the forge and in the user's repository, and open the pull request."""
    job = log.job
    commit = job.newest_commit
    branch = branch_name(log)
    await _push(services, log, branch, commit)
    log.append(BranchPushed(branch, commit))
    number, url = await _pull_request(services, log, branch, commit)
    log.append(PullRequestOpened(number, url, subject(requirement_of(job)), draft=not job.proven))
    if not job.proven:
        rounds = f"{job.round} round{'s' if job.round > 1 else ''}"
        words = job.verdict.in_words if job.verdict else "not proven"
        reason = f"{words} after {rounds}; the work is on branch {branch}"
        log.append(
            JobFinished(JobOutcome.NOT_PROVEN, reason, next_steps(job)),
            unless=attrgetter("has_pending_steering"),
        )


def branch_name(log: JobLog) -> str:
    """`vulcan/<what>-<job>`: the same for every attempt of the job."""
    words = re.sub(r"[^a-z0-9]+", "-", requirement_of(log.job).summary.lower())
    slug = shortened(words.replace("-", " ").strip(), SLUG_LENGTH, "").replace(" ", "-")
    return f"{PREFIX}{slug or 'change'}-{log.id}"


async def _push(services: Services, log: JobLog, branch: str, commit: str) -> None:
    branches, source = services.forge.branches, services.source
    root = Path(request_of(log.job).repository)

    async def look_up() -> str:
        return commit if await branches.head(branch) == commit else ""

    async def act() -> str:
        await branches.push(branch, commit)
        return commit

    async def publish() -> str:
        source.publish(root, branch, commit)
        return branch

    await perform(log, f"deliver/push/{commit}", f"push {branch}", look_up=look_up, act=act)
    # publishing is idempotent, so looking it up is doing it
    await perform(
        log, f"deliver/publish/{commit}", f"put {branch} into the repository", look_up=publish, act=publish
    )


async def _pull_request(services: Services, log: JobLog, branch: str, commit: str) -> tuple[int, str]:
    pulls, job = services.forge.pull_requests, log.job
    title, base = subject(requirement_of(job)), request_of(job).base_branch
    body, draft = pull_request_body(log.id, job), not job.proven

    async def look_up() -> str:
        pull = await pulls.find(branch)
        if pull is None or pull.state != "open":
            return ""
        if pull.body != body or pull.draft != draft:
            pull = await pulls.update(pull.number, title=title, body=body, draft=draft, closed=False)
        return f"{pull.number} {pull.url}"

    async def act() -> str:
        found = await look_up()
        if found:
            return found
        pull = await pulls.open(branch, base, title, body, draft=draft)
        return f"{pull.number} {pull.url}"

    result = await perform(
        log, f"deliver/pull_request/{commit}", f"open a pull request for {branch}", look_up=look_up, act=act
    )
    number, _, url = result.partition(" ")
    return int(number), url
