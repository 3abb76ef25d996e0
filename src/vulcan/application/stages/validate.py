"""validate: static checks and a colleague's review; only what the base does not have counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vulcan.application.briefing import briefing_for
from vulcan.application.commits import request_of, requirement_of
from vulcan.application.jobs.log import JobCalls, JobLog
from vulcan.application.ports import Checkout
from vulcan.application.protected import find_protected
from vulcan.application.secrets import find_secrets
from vulcan.application.services import Services
from vulcan.application.suite import note_environment
from vulcan.application.tampering import find_tampering
from vulcan.domain.events import CodeValidated
from vulcan.domain.evidence import Finding, Owner, Severity
from vulcan.domain.generation import ChangeKind, CodeGeneration
from vulcan.domain.job import STEERING, Job

REVIEW = "review"
NOTHING = Finding(
    "change",
    Owner.CODER,
    "Nothing in the product's code was changed. Make the change that the criteria describe.",
)


async def validate(services: Services, log: JobLog) -> None:
    """Check the changed files on base and change, keep what is new, and have the change reviewed once."""
    job, request = log.job, request_of(log.job)
    generation = job.generation
    if generation is None or generation.empty:
        log.append(CodeValidated((NOTHING,), job.round))
        return
    base, head = request.base_commit, generation.metadata.commit
    diff = services.repository.diff(base, head)
    found = await computed_findings(services, log, generation, diff)
    reviewed = not any(_stops(job, f) for f in found) and services.reviewer is not None and _wants_review(job)
    if reviewed:
        found += await _review(services, log, diff)
    found += find_protected(services.repository, base, head)
    log.append(CodeValidated(found, job.round, reviewed))


async def computed_findings(
    services: Services, log: JobLog, generation: CodeGeneration, diff: str
) -> tuple[Finding, ...]:
    """What checkers and rules say of a change, and not of its base: nobody's opinion is in it."""
    base, head = generation.metadata.base, generation.metadata.commit
    paths = [a.path for a in generation.artifacts if a.kind is not ChangeKind.DELETED]
    async with services.checkouts.clean(log.id, head, base) as after:
        note_environment(log, after.environment)
        found = await _check(services, after, paths)
    if found:
        async with services.checkouts.clean(log.id, base, base) as before:
            found = new_findings(await _check(services, before, paths), found)
        found = tuple(weighed(log.job, finding) for finding in found)
    return found + find_secrets(diff) + find_tampering(services.repository, base, head)


def _wants_review(job: Job) -> bool:
    """A change is reviewed once, and again where it answers a review or what the person said meanwhile."""
    return not job.reviewed or any(f.gate == REVIEW for f in job.earlier) or _answers_steering(job)


def _stops(job: Job, finding: Finding) -> bool:
    """Whether a finding is mended before anything else is done; where no round is left, opinions are not."""
    return finding.severity is Severity.BLOCKING and not (finding.contestable and job.last_round)


def _answers_steering(job: Job) -> bool:
    return any(f.gate == STEERING for f in job.findings)


async def _check(services: Services, checkout: Checkout, paths: Sequence[str]) -> tuple[Finding, ...]:
    return await services.static.check(checkout.path, checkout.environment, paths)


def new_findings(before: Sequence[Finding], after: Sequence[Finding]) -> tuple[Finding, ...]:
    """What `after` has and `before` has not; line numbers move, so they don't count.

    What a checker calls the same in a file that has such findings already is only a warning: nobody heeds it there.
    """
    known = list(before)
    heeded_by_nobody = {(f.gate, f.path, f.code) for f in before}
    fresh = []
    for finding in after:
        same = next((each for each in known if each.is_same_as(finding)), None)
        if same is not None:
            known.remove(same)
        elif finding.contestable and (finding.gate, finding.path, finding.code) in heeded_by_nobody:
            fresh.append(replace(finding, severity=Severity.WARNING))
        else:
            fresh.append(finding)
    return tuple(fresh)


def weighed(job: Job, finding: Finding) -> Finding:
    """A checker's finding as it counts now: one that was told to the coder before and is still there stops nothing."""
    if not finding.contestable or finding.severity is not Severity.BLOCKING:
        return finding
    said = next((each.words for each in job.contested if each.finding.is_same_as(finding)), None)
    if said is not None:
        text = f"{finding.text} (the coder let it stand: {said})"
    elif any(earlier.is_same_as(finding) for earlier in job.earlier):
        text = f"{finding.text} (told to the coder, and still there a round later)"
    else:
        return finding
    return replace(finding, severity=Severity.CONTESTED, text=text)


async def _review(services: Services, log: JobLog, diff: str) -> tuple[Finding, ...]:
    if services.reviewer is None:
        return ()
    job = log.job
    key = f"validate/{job.round}"
    briefing = replace(
        briefing_for(job, key),
        requirement=requirement_of(job),
        diff=diff,
        remark=job.generation.metadata.summary if job.generation else "",
    )
    async with services.checkouts.reading(job.newest_commit) as files:
        return await services.reviewer.review(briefing, files, JobCalls(log))
