"""analyze: the instruction becomes requirements with numbered criteria."""

from __future__ import annotations

from dataclasses import replace

from vulcan.application.commits import request_of
from vulcan.application.joblog import JobCalls, JobLog
from vulcan.application.overview import overview
from vulcan.application.ports import Briefing
from vulcan.application.services import Services
from vulcan.domain.events import ClarificationRequested, Event, RequirementsAnalyzed
from vulcan.domain.requirements import Assumption, Requirement


async def analyze(services: Services, log: JobLog) -> None:
    """Ask the analyst; ask the person only what is left open, and only if the job may ask."""
    job, request = log.job, request_of(log.job)
    key = f"analyze/{len(job.conversation.answers) + 1}"
    briefing = Briefing(
        call_key=key,
        instruction=request.instruction,
        overview=overview(services.repository, request.base_commit),
        answers=job.conversation.answers,
    )
    start = request.base_commit
    async with services.checkouts.workspace(log.id, key, start, "") as opened:
        requirement = await services.analyst.analyze(briefing, opened.files, JobCalls(log))
    if requirement.questions and not request.ask:
        requirement = _assume(requirement)
    events: list[Event] = [RequirementsAnalyzed(requirement)]
    if requirement.questions:
        events.append(ClarificationRequested(requirement.questions))
    log.append(*events)


def _assume(requirement: Requirement) -> Requirement:
    """Where nobody can be asked, an open question becomes an assumption that the report shows."""
    first = len(requirement.assumptions) + 1
    assumed = tuple(
        Assumption(f"AS-{first + i}", f"Not asked (the job may not ask): {question}")
        for i, question in enumerate(requirement.questions)
    )
    return replace(requirement, questions=(), assumptions=requirement.assumptions + assumed)
