"""prepare: environment and base run, before anything is paid for; where too little is seen the job does not start."""

from __future__ import annotations

import asyncio
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from vulcan.application.commits import request_of
from vulcan.application.jobs.log import JobLog
from vulcan.application.ports import Checkout
from vulcan.application.services import Services
from vulcan.application.suite import note_environment, suite_of
from vulcan.domain.baseline import Baseline, TestEstimate, exists, sight, too_little
from vulcan.domain.environment import Recipe, ReportForm
from vulcan.domain.errors import EnvironmentUnavailable
from vulcan.domain.events import BaseTestsRun, Event, JobFinished, JobOutcome
from vulcan.domain.proving import gap
from vulcan.domain.testing import TestRun

FOREIGN = frozenset(
    {
        "package.json",
        "go.mod",
        "Cargo.toml",
        "pom.xml",
        "build.gradle",
        "build.gradle.kts",
        "Gemfile",
        "composer.json",
        "mix.exs",
    }
)
SOURCES = {
    ".js": "JavaScript",
    ".ts": "TypeScript",
    ".go": "Go",
    ".rs": "Rust",
    ".java": "Java",
    ".kt": "Kotlin",
    ".rb": "Ruby",
    ".php": "PHP",
    ".c": "C",
    ".cc": "C++",
    ".cpp": "C++",
    ".cs": "C#",
    ".swift": "Swift",
}
PYTHON = frozenset({"pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "Pipfile", "tox.ini"})

COMMAND_HINT = (
    'Let Vulcan find out and prove how its tests are run: vulcan setup. Or say it: [[environment]] command = "..." in '
    "vulcan.toml."
)
BLIND_HINT = "Or go on all the same with --blind: the verdict is then at most 'shown, not proven'."
TIMEOUT_HINT = "Give them more time: [tests] timeout = SECONDS in vulcan.toml."
MISSING_HINT = (
    "Let Vulcan find out and prove what they need: vulcan setup. Or make them run as they do elsewhere: name packages "
    "that they need under [tests] dependencies in vulcan.toml, and leave out those that can't run here with [tests] arguments."
)


async def prepare(services: Services, log: JobLog) -> None:
    """Build the environment, run the project's own tests on the base commit, and stop where too little is seen."""
    try:
        await _look_first(services, log)
    except EnvironmentUnavailable as error:
        log.append(JobFinished(JobOutcome.NOT_STARTED, error.message, error.hint))
        services.checkouts.remove(log.id)


async def _look_first(services: Services, log: JobLog) -> None:
    request = request_of(log.job)
    base = request.base_commit
    async with services.checkouts.clean(log.id, base, base) as checkout:
        environment = checkout.environment
        note_environment(log, environment)
        seen = await seen_in(services, checkout, base)
    events: list[Event] = [BaseTestsRun(seen)]
    stops = bool(seen.blind) and not request.blind
    if stops:
        hints = [*_lacking(environment.notes), seen.hint, BLIND_HINT]
        events.append(JobFinished(JobOutcome.NOT_STARTED, seen.blind, "\n".join(hints)))
    log.append(*events)
    if stops:
        services.checkouts.remove(log.id)


async def seen_in(services: Services, checkout: Checkout, commit: str) -> Baseline:
    """What an open checkout of a commit shows of the project's own tests."""
    estimate, run = await asyncio.gather(
        estimate_of(services, checkout), suite_of(services, checkout, commit)
    )
    environment = checkout.environment
    command = command_of(environment.recipe, services.tests.arguments)
    baseline = Baseline(run, estimate, command, gap=gap(environment.recipe.proof, run, environment.naming))
    return look(baseline, services.repository.files(commit), environment.recipe)


async def estimate_of(services: Services, checkout: Checkout) -> TestEstimate:
    """Tests of the recipe's part of the repository; its files where its report names files."""
    recipe = checkout.environment.recipe
    estimate = await services.inspector.estimate_tests(checkout.path, services.tests.arguments)
    if recipe.path not in ("", "."):
        inside = tuple(p for p in estimate.paths if p.startswith(f"{recipe.path}/"))
        estimate = TestEstimate(estimate.tests if inside else 0, inside)
    return estimate if recipe.report is ReportForm.PYTEST else replace(estimate, paths=())


def command_of(recipe: Recipe, arguments: Sequence[str]) -> str:
    """How the project's tests are started, as a person would type it."""
    return recipe.command or shlex.join(["python", "-m", "pytest", "-q", *arguments])


def look(baseline: Baseline, files: Sequence[str], recipe: Recipe) -> Baseline:
    """The baseline, and where it shows too little to prove anything by it, why that is and what helps."""
    run, estimate = baseline.run, baseline.estimate
    foreign = _foreign(files) if not recipe.command and not exists(run, estimate) else ""
    if foreign:
        blind = f"sees no tests: a project with {foreign} has tests that pytest can't run"
        return replace(baseline, blind=blind, hint=COMMAND_HINT)
    if too_little(run, estimate):
        return replace(baseline, blind=sight(run, estimate), hint=_hint(run))
    return baseline


def _foreign(files: Sequence[str]) -> str:
    """What shows that a project is of another language: what its root names, or its files."""
    root = {path for path in files if "/" not in path}
    if root & PYTHON:
        return ""
    if named := root & FOREIGN:
        return min(named)
    suffixes = Counter(PurePosixPath(path).suffix for path in files)
    known = [(count, SOURCES[suffix]) for suffix, count in suffixes.items() if suffix in SOURCES]
    return f"{max(known)[1]} files" if known and not suffixes[".py"] else ""


def _hint(run: TestRun) -> str:
    return TIMEOUT_HINT if "took longer than" in run.note else MISSING_HINT


def _lacking(notes: Sequence[str]) -> list[str]:
    return [f"note: {' '.join(note.split())[:300]}" for note in notes[:3]]
