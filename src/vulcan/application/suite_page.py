"""The project's tests run when somebody asks for it: no result of an earlier run is shown for it."""

from __future__ import annotations

from vulcan.application.services import Services
from vulcan.application.stages.prepare import command_of, estimate_of
from vulcan.domain.baseline import error_line, first_cause, sight
from vulcan.domain.testing import Outcome, TestRun
from vulcan.domain.texts import shortened

FAILURES = 10
"""Failures that are named; the others are counted."""


async def run_tests(services: Services, job: str, commit: str, base: str) -> str:
    """Run the whole suite of a commit in the box, as jobs do, and say how it went."""
    async with services.checkouts.clean(job, commit, base) as checkout:
        environment = checkout.environment
        estimate = await estimate_of(services, checkout)
        run = (await services.runner.run(checkout.path, environment, services.tests.request())).run
    command = command_of(environment.recipe, services.tests.arguments)
    lines = [f"{in_words(run)} ({command})", *failures_of(run)]
    seen = sight(run, estimate)
    notes = [f"note: {note}" for note in environment.notes] if run.note or not run.results else []
    return "\n".join([*lines, f"Vulcan {seen}.", *notes])


def in_words(run: TestRun) -> str:
    """How many tests ended how, or why the run is not usable."""
    if run.note:
        return f"The run came to no result: {first_cause(run)}"
    counted = [f"{run.counts[outcome]} {outcome.value}" for outcome in Outcome if outcome in run.counts]
    return f"{', '.join(counted) or 'No test ran'} in {run.duration:.1f} s"


def failures_of(run: TestRun) -> list[str]:
    """The tests that failed, each with its error, as many as can be read."""
    broken = [result for result in run.results if result.outcome in {Outcome.FAILED, Outcome.ERROR}]
    lines = [f"- {each.id}: {shortened(error_line(each.message), 200)}" for each in broken[:FAILURES]]
    more = len(broken) - FAILURES
    return [*lines, f"- and {more} more"] if more > 0 else lines
