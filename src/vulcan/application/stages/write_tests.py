"""write_tests: another agent writes tests from the requirements and the public interface."""

from __future__ import annotations

from dataclasses import replace

from vulcan.application.briefing import briefing_for, tests_of
from vulcan.application.commits import request_of, requirement_of, test_artifacts, tests_commit
from vulcan.application.jobs.log import JobCalls, JobLog
from vulcan.application.overview import overview
from vulcan.application.ports import AuthoredTests
from vulcan.application.secrets import find_secrets
from vulcan.application.services import Services
from vulcan.domain.errors import VulcanError
from vulcan.domain.events import TestsGenerated, WorkspaceSnapshotted
from vulcan.domain.evidence import Finding, Owner
from vulcan.domain.generation import ChangeKind, CodeGeneration
from vulcan.domain.job import Job
from vulcan.domain.testing import CodeTesting, TestCase, without_parameters

GATE = "test author"


async def write_tests(services: Services, log: JobLog) -> None:
    """Let the test author work; only test files of what it made are taken."""
    job, request = log.job, request_of(log.job)
    generation, repository = _generation(log), services.repository
    key = f"write_tests/{job.round}"
    briefing = replace(
        briefing_for(job, key),
        overview=overview(repository, request.base_commit),
        requirement=requirement_of(job),
        findings=tuple(f for f in job.findings if f.owner is Owner.TEST_AUTHOR),
        remark=generation.metadata.summary,
        interface=await _interface(services, log.id, generation),
        tests=await _how(services, log.id, generation),
        diff=_own_tests(services, job),
        declared=job.testing.cases if job.testing else (),
    )
    start = job.newest_commit
    async with services.checkouts.workspace(log.id, key, start, job.resume_tree) as opened:
        authored = await services.test_author.write_tests(
            briefing, opened.files, JobCalls(log, opened.snapshot)
        )
        tree = opened.snapshot()
    log.append(WorkspaceSnapshotted(tree))
    code = generation.metadata.commit
    commit = tests_commit(repository, log.job, log.id, code, tree)
    artifacts = test_artifacts(repository, code, commit)
    testing = CodeTesting(
        _cases(log, authored),
        artifacts,
        commit,
        job.round,
        authored.summary,
        authored.not_testable,
        authored.holding_already,
    )
    secrets = find_secrets(repository.diff(code, commit), Owner.TEST_AUTHOR)
    log.append(TestsGenerated(testing, secrets + _rejected(log, testing)))


def _own_tests(services: Services, job: Job) -> str:
    """What the author wrote in the rounds before, as a diff; empty in the first."""
    if job.testing is None:
        return ""
    base, repository = request_of(job).base_commit, services.repository
    paths = [each.path for each in test_artifacts(repository, base, job.newest_commit)]
    return repository.diff(base, job.newest_commit, paths) if paths else ""


async def _how(services: Services, job: str, generation: CodeGeneration) -> str:
    base = generation.metadata.base
    async with services.checkouts.clean(job, base, base) as checkout:
        return tests_of(checkout.environment.recipe)


def _generation(log: JobLog) -> CodeGeneration:
    if log.job.generation is None:
        raise VulcanError("there is no change to write tests for")
    return log.job.generation


async def _interface(services: Services, job: str, generation: CodeGeneration) -> str:
    paths = [
        a.path for a in generation.artifacts if a.kind is not ChangeKind.DELETED and a.path.endswith(".py")
    ]
    if not paths:
        return "\n".join(f"{a.kind.value}: {a.path}" for a in generation.artifacts)
    base = generation.metadata.base
    async with (
        services.checkouts.clean(job, base, base) as before,
        services.checkouts.clean(job, generation.metadata.commit, base) as after,
    ):
        return await services.inspector.interface(before.path, after.path, paths)


def _cases(log: JobLog, authored: AuthoredTests) -> tuple[TestCase, ...]:
    """Declared cases, one a test function; criteria that do not exist are dropped."""
    known = {c.id for c in requirement_of(log.job).criteria}
    cases: dict[str, TestCase] = {}
    for case in authored.cases:
        name = without_parameters(case.id.strip().removeprefix("./"))
        earlier = cases.get(name, TestCase(name, ()))
        criteria = tuple(dict.fromkeys((*earlier.criteria, *(c for c in case.criteria if c in known))))
        cases[name] = replace(earlier, criteria=criteria)
    return tuple(cases.values())


def _rejected(log: JobLog, testing: CodeTesting) -> tuple[Finding, ...]:
    """What can be said before any test is run."""
    if not testing.artifacts:
        text = (
            "No test file was written. Write tests in files that the project's test run collects (tests/test_*.py or "
            "beside the existing tests) and declare each of them with the criteria that it shows."
        )
        return (Finding(GATE, Owner.TEST_AUTHOR, text),)
    tied = {criterion for case in testing.cases for criterion in case.criteria}
    return tuple(
        Finding(GATE, Owner.TEST_AUTHOR, f"No test is tied to {c.id}: {c.text}", path=c.id)
        for c in requirement_of(log.job).criteria
        if c.id not in tied
    )
