"""judge: all results in, a verdict out."""

from __future__ import annotations

from vulcan.application.commits import requirement_of
from vulcan.application.jobs.log import JobLog
from vulcan.application.services import Services
from vulcan.domain.errors import VulcanError
from vulcan.domain.events import EvidenceJudged
from vulcan.domain.gates import Case
from vulcan.domain.gates import judge as judge_case
from vulcan.domain.job import Job


async def judge(services: Services, log: JobLog) -> None:
    """Append the verdict; pure but for the append."""
    del services
    log.append(EvidenceJudged(judge_case(case_of(log.job)), log.job.round))


def case_of(job: Job) -> Case:
    """All that is known of a job's change."""
    if job.generation is None or job.testing is None or job.report is None:
        raise VulcanError("there are no results to judge")
    return Case(
        requirement=requirement_of(job),
        generation=job.generation,
        testing=job.testing,
        report=job.report,
        static=job.warnings,
        earlier=job.earlier,
        baseline=job.baseline,
    )
