"""What every agent of a job is told alike."""

from __future__ import annotations

from collections.abc import Sequence

from vulcan.application.commits import request_of
from vulcan.application.ports import Briefing
from vulcan.domain.baseline import first_cause
from vulcan.domain.environment import Recipe, ReportForm
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


_NAMING = {
    ReportForm.UNITTEST: "path/to/test_file.py::Class::test_name; write unittest test cases, not pytest functions",
    ReportForm.GO: "folder::TestName, the package's folder in the repository (`.` for its root)",
    ReportForm.NODE: "path/to/file.test.js::name, or path/to/file.test.js::suite > name inside a suite",
    ReportForm.JUNIT: "path/to/file::name, with the name as the command's report gives it",
    ReportForm.TAP: "path/to/file::name, with the whole name as the command's report gives it",
}


def tests_of(recipe: Recipe) -> str:
    """How tests are run and named in a project that pytest does not run; empty where it does."""
    if recipe.report is ReportForm.PYTEST:
        return ""
    place = "" if recipe.path == "." else f" in the folder {recipe.path}"
    naming = _NAMING.get(recipe.report, "path/to/file::name")
    return (
        f"This project's tests are run by `{recipe.command or 'python -m unittest discover'}`{place}, not by pytest. "
        f"Write and run yours the way the existing ones are, in a new file that this command picks up; give each a "
        f"name that no other test has, and declare it as {naming}."
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
