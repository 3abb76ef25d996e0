"""What every agent of a job is told alike."""

from __future__ import annotations

from collections.abc import Sequence

from vulcan.application.commits import request_of
from vulcan.application.ports import Briefing
from vulcan.domain.baseline import first_cause
from vulcan.domain.job import Job
from vulcan.domain.testing import Outcome

NAMED = 20


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


def measured_tests(job: Job) -> str:
    """How the project's tests are started, and what was measured of them on the base commit."""
    seen = job.baseline
    if seen is None:
        return ""
    counts = seen.run.counts
    figures = ", ".join(f"{counts[o]} {o.value}" for o in Outcome if o in counts) or "no tests"
    lines = [f"The project's tests before any change, as `{seen.command}` ran them: {figures}."]
    failing = [r.id for r in seen.run.results if r.outcome in (Outcome.FAILED, Outcome.ERROR)]
    if failing:
        lines.append(f"Not passing before any change: {_some(failing)}.")
    if seen.missing:
        lines.append(f"Test files that can't be run here: {_some(seen.missing)}.")
    if seen.run.note:
        lines.append(f"They can't be run as a whole here: {first_cause(seen.run)}")
    return "\n".join(lines)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
