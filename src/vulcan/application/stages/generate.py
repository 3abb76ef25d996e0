"""generate: the coder edits the workspace; the host commits what it made."""

from __future__ import annotations

from dataclasses import replace

from vulcan.application.briefing import briefing_for, measured_tests
from vulcan.application.commits import (
    code_commit,
    product_artifacts,
    request_of,
    requirement_of,
    tests_commit,
)
from vulcan.application.jobs.log import JobCalls, JobLog
from vulcan.application.overview import overview
from vulcan.application.services import Services
from vulcan.domain.events import CodeGenerated, WorkspaceSnapshotted
from vulcan.domain.evidence import Owner
from vulcan.domain.generation import CodeGeneration, CodeMetadata


async def generate(services: Services, log: JobLog) -> None:
    """Let the coder work, then commit its change (and earlier rounds' tests on top of it)."""
    job, request, requirement = log.job, request_of(log.job), requirement_of(log.job)
    repository = services.repository
    key = f"generate/{job.round}"
    briefing = replace(
        briefing_for(job, key),
        overview=overview(repository, request.base_commit),
        tests=measured_tests(job),
        requirement=requirement,
        findings=tuple(f for f in job.findings if f.owner is Owner.CODER),
        diff=_earlier_change(services, log),
    )
    start = job.newest_commit
    async with services.checkouts.workspace(log.id, key, start, job.resume_tree) as opened:
        calls = JobCalls(log, opened.snapshot)
        summary = await services.coder.code(briefing, opened.files, calls)
        tree = opened.snapshot()
    log.append(WorkspaceSnapshotted(tree))
    code = code_commit(repository, log.job, log.id, tree)
    tests = tests_commit(repository, job, log.id, code, job.testing.commit) if job.testing else ""
    metadata = CodeMetadata(base=request.base_commit, commit=code, round=job.round, summary=summary)
    artifacts = product_artifacts(repository, request.base_commit, code)
    log.append(CodeGenerated(CodeGeneration(requirement, artifacts, metadata), tests, calls.steering_seen))


def _earlier_change(services: Services, log: JobLog) -> str:
    """The change of the round before, so that a coder who starts afresh knows what stands."""
    generation = log.job.generation
    if generation is None:
        return ""
    return services.repository.diff(generation.metadata.base, generation.metadata.commit)
