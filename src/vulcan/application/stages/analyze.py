"""analyze: the instruction becomes requirements with numbered criteria."""

from __future__ import annotations

from dataclasses import replace

from vulcan.application.briefing import briefing_for, measured_tests
from vulcan.application.commits import request_of
from vulcan.application.jobs.log import JobCalls, JobLog
from vulcan.application.overview import overview
from vulcan.application.services import Services
from vulcan.application.testpaths import is_test_path
from vulcan.domain.events import ClarificationRequested, ConfirmationRequested, Event, RequirementsAnalyzed
from vulcan.domain.requirements import Assumption, Requirement, renumbered, with_new_words
from vulcan.domain.statements import statements_of


async def analyze(services: Services, log: JobLog) -> None:
    """Ask the analyst; ask the person only what is left open, and only if the job may ask."""
    job, request = log.job, request_of(log.job)
    key = f"analyze/{job.analyses + 1}"
    briefing = replace(
        briefing_for(job, key),
        overview=overview(services.repository, request.base_commit),
        tests=measured_tests(job),
        requirement=job.requirement if job.analyses else None,
        statements=statements_of(request.instruction),
    )
    calls = JobCalls(log)
    start = job.newest_commit if job.generation else request.base_commit
    async with services.checkouts.reading(start) as files:
        requirement = _of_tests(await services.analyst.analyze(briefing, files, calls))
    if job.requirement is not None and job.steering:
        requirement = with_new_words(requirement, job.requirement)
    if job.requirement is not None and job.testing is not None:  # tests are tied to numbers already
        requirement = renumbered(requirement, job.requirement)
    if requirement.questions and not request.ask:
        requirement = _assume(requirement)
    log.append(RequirementsAnalyzed(requirement, calls.steering_seen), *_what_waits(requirement, log))


def _of_tests(requirement: Requirement) -> Requirement:
    """Only tests can be named as tests that change: whatever else is named there stays under every check."""
    named = tuple(test for test in requirement.changed_tests if is_test_path(test.split("::", 1)[0]))
    return replace(requirement, changed_tests=named)


def _what_waits(requirement: Requirement, log: JobLog) -> list[Event]:
    """Questions wait for an answer; requirements for the person's word, where it is wanted and nothing is built yet."""
    if requirement.questions:
        return [ClarificationRequested(requirement.questions)]
    if request_of(log.job).confirm and log.job.generation is None:
        return [ConfirmationRequested()]
    return []


def _assume(requirement: Requirement) -> Requirement:
    """Where nobody can be asked, an open question becomes an assumption that the report shows."""
    first = len(requirement.assumptions) + 1
    assumed = tuple(
        Assumption(f"AS-{first + i}", f"Not asked (the job may not ask): {question}")
        for i, question in enumerate(requirement.questions)
    )
    return replace(requirement, questions=(), assumptions=requirement.assumptions + assumed)
