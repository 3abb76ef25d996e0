"""What every agent of a job is told alike."""

from __future__ import annotations

from vulcan.application.commits import request_of
from vulcan.application.ports import Briefing
from vulcan.domain.job import Job


def briefing_for(job: Job, call_key: str) -> Briefing:
    """The instruction, the rules of the conversation it comes from, and all that the person said since."""
    request = request_of(job)
    return Briefing(
        call_key=call_key,
        instruction=request.instruction,
        answers=job.answers,
        steering=job.steering,
        rules=request.rules,
    )
