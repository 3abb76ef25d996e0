"""run_tests: everything runs again, in clean checkouts that no model can write to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vulcan.application.commits import request_of, requirement_of
from vulcan.application.diffs import added_lines, additions
from vulcan.application.jobs.log import JobLog
from vulcan.application.ports import TestChanges, TestRequest, TestRunResult
from vulcan.application.services import Services
from vulcan.application.suite import run_suite
from vulcan.application.testpaths import is_test_path
from vulcan.domain.environment import ReportForm
from vulcan.domain.errors import VulcanError
from vulcan.domain.events import TestsRun
from vulcan.domain.gates.grading import (
    changed_by_requirement,
    coverage_of,
    extended,
    graded,
    is_aloof,
    is_broken,
    sharpened,
    with_undeclared,
)
from vulcan.domain.gates.literals import unmentioned
from vulcan.domain.generation import ChangeKind
from vulcan.domain.job import Job
from vulcan.domain.mutation import MutationRun
from vulcan.domain.testing import (
    CodeTesting,
    Outcome,
    RedGrade,
    RedGreen,
    TestReport,
    TestResult,
    TestRun,
    without_parameters,
)

MUTATION_SECONDS, MUTATION_TIMES = 10.0, 4.0
"""Time for all mutants: so much, and so many times what the tests take that are run against them."""
AFFECTED_SECONDS = 20.0
"""Existing tests run against mutants while they take no longer than this together."""
VARIATIONS = (
    ({"PYTHONHASHSEED": "4207", "TZ": "EAST-13"}, True),
    ({"PYTHONHASHSEED": "90125", "TZ": "WEST+11"}, False),
)
"""Variables, and whether the order is turned round; zones in POSIX's form, which needs no data files."""
NO_TESTS = TestRun((), exit_code=5)
"""A run of no tests at all, with pytest's exit code for it; asked for none a runner would run the whole suite."""
_SOURCE = re.compile(r"\.(?:go|[cm]?jsx?|[cm]?tsx?)$")


@dataclass(frozen=True, slots=True)
class Trees:
    """The four trees that the evidence needs; `touched` also names what the change removes."""

    base: str
    head: str
    existing: str
    red: str
    product_paths: tuple[str, ...]
    test_paths: tuple[str, ...]
    touched: tuple[str, ...]
    has_other_parts: bool


async def run_tests(services: Services, log: JobLog) -> None:
    """Run the existing tests on base and change, the new tests on both, and record all of it."""
    job = log.job
    if job.generation is None or job.testing is None:
        raise VulcanError("there are no tests to run")
    trees = _trees(services, job)
    async with services.checkouts.clean(log.id, trees.head, trees.base) as checkout:
        environment, form = checkout.environment.digest, checkout.environment.recipe.report
    base_run, existing, (changes, ids, red) = await asyncio.gather(
        _base_run(services, log, trees),
        run_suite(services, log.id, trees.existing, trees.base),
        _compared_and_red(services, log, trees, job.testing, form),
    )
    added = added_lines(services.repository.diff(trees.base, trees.head, trees.product_paths))
    measure = {path: added.get(path, ()) for path in trees.product_paths if path.endswith(".py")} | added
    changed = changed_by_requirement(requirement_of(job), base_run, existing)
    request = replace(_request(services, log), ids=tuple(dict.fromkeys((*ids, *changed))), measure=measure)
    new = await _run(services, log, trees, trees.head, request) if request.ids else TestRunResult(NO_TESTS)
    flaky = await _flaky(services, log, trees, ids, new.run)
    red_green = await _red_green(services, log, trees, ids, new.run, red, form)
    mutation = await _mutation(services, log, trees, added, request, new.run, existing)
    report = TestReport(
        base=base_run if job.baseline is None else TestRun((), base_run.exit_code),
        existing=existing,
        new=new.run,
        red_green=red_green,
        coverage=coverage_of(measure, new.statements, new.lines),
        sandbox=services.sandbox.name,
        environment=environment,
        commit=trees.head,
        altered=changes.altered + changes.removed,
        tricks=changes.tricks + new.readers,
        missing=tuple(i for i in ids if not new.run.of(i)) if not new.run.note else (),
        unseen=await _unseen(services, log, trees),
        unmentioned=unmentioned(requirement_of(job), job.testing, _texts(services, trees)),
        extended=extended(changes.altered, red_green, existing),
        flaky=flaky,
        mutation=mutation,
    )
    log.append(TestsRun(report, job.round))


def _texts(services: Services, trees: Trees) -> dict[str, str]:
    """What the change adds to test files, by path; what is changed elsewhere is there by its path alone."""
    texts = dict.fromkeys(trees.touched, "")
    for path, _, text in additions(services.repository.diff(trees.base, trees.head, trees.test_paths)):
        texts[path] = f"{texts.get(path, '')}{text}\n"
    return texts


async def _compared_and_red(
    services: Services, log: JobLog, trees: Trees, testing: CodeTesting, form: ReportForm
) -> tuple[TestChanges, tuple[str, ...], TestRun]:
    """What changed of the tests, the new ones, and their run on the base: none of it waits for the whole suite."""
    changes = await compare(services, log, trees.base, trees.head, trees.test_paths)
    ids = tuple(case.id for case in with_undeclared(testing, changes.new).cases)
    if not ids:
        return changes, ids, NO_TESTS
    return changes, ids, await _red_run(services, log, trees, ids, form)


def _trees(services: Services, job: Job) -> Trees:
    repository, base, head = services.repository, request_of(job).base_commit, job.newest_commit
    changed = repository.changes(base, head)
    test_paths = tuple(a.path for a in changed if is_test_path(a.path))
    return Trees(
        base=base,
        head=head,
        existing=repository.overlay(head, base, test_paths),
        red=repository.overlay(base, head, test_paths),
        product_paths=tuple(
            a.path for a in changed if not is_test_path(a.path) and a.kind is not ChangeKind.DELETED
        ),
        test_paths=test_paths,
        touched=tuple(a.path for a in changed if not is_test_path(a.path)),
        has_other_parts=any(
            a.kind is ChangeKind.DELETED or not a.path.endswith(".py")
            for a in changed
            if not is_test_path(a.path)
        ),
    )


def _request(services: Services, log: JobLog) -> TestRequest:
    baseline = log.job.baseline
    return services.tests.request(baseline.run if baseline else None)


async def _run(
    services: Services, log: JobLog, trees: Trees, tree: str, request: TestRequest
) -> TestRunResult:
    async with services.checkouts.clean(log.id, tree, trees.base) as checkout:
        return await services.runner.run(checkout.path, checkout.environment, request)


async def _base_run(services: Services, log: JobLog, trees: Trees) -> TestRun:
    """The base does not change from round to round: what the log holds of it is used again."""
    if log.job.baseline is not None:
        return log.job.baseline.run
    if log.job.report is not None:
        return log.job.report.base
    return await run_suite(services, log.id, trees.base, trees.base)


async def _unseen(services: Services, log: JobLog, trees: Trees) -> tuple[str, ...]:
    """Test files that the base run does not see although they import what the change touches."""
    baseline = log.job.baseline
    missing = baseline.missing if baseline and not baseline.blind else ()
    if not missing:
        return ()
    async with services.checkouts.clean(log.id, trees.base, trees.base) as before:
        return await services.inspector.importing(before.path, missing, trees.touched)


async def compare(
    services: Services, log: JobLog, base: str, head: str, test_paths: Sequence[str]
) -> TestChanges:
    """What a change does to test functions, and to what supports them."""
    async with (
        services.checkouts.clean(log.id, base, base) as before,
        services.checkouts.clean(log.id, head, base) as after,
    ):
        return await services.inspector.compare_tests(before.path, after.path, test_paths)


async def _red_run(
    services: Services, log: JobLog, trees: Trees, ids: Sequence[str], form: ReportForm
) -> TestRun:
    """New tests on the base; where a file can't even be collected, once more with stand-ins for absent names."""
    request = replace(_request(services, log), ids=tuple(ids))
    red = (await _run(services, log, trees, trees.red, request)).run
    uncollected = tuple(i for i in ids if not red.of(i) or is_broken(red.of(i)))
    if not uncollected or not form.is_python:
        return red
    again = (
        await _run(services, log, trees, trees.red, replace(request, ids=uncollected, stub_absent=True))
    ).run
    results = [r for r in red.results if without_parameters(r.id) not in uncollected]
    return replace(red, results=(*results, *again.results), note=again.note)


async def _red_green(
    services: Services,
    log: JobLog,
    trees: Trees,
    ids: Sequence[str],
    new: TestRun,
    red: TestRun,
    form: ReportForm,
) -> tuple[RedGreen, ...]:
    entries = [graded(test, red.of(test), green=new.passes(test)) for test in ids]
    absent = {e.test for e in entries if e.grade is RedGrade.ABSENT and e.green}
    if not form.is_python:
        return await _sharpened(services, log, trees, entries, form)
    aloof = {e.test for e in entries if e.grade is RedGrade.ASSERTION and e.green and is_aloof(new, e.test)}
    if aloof and await _changes_values(services, log, trees):
        aloof = set()
    if not absent | aloof:
        return tuple(entries)
    emptied = await _emptied_run(services, log, trees, sorted(absent | aloof))
    asked = absent if emptied is None else absent | aloof
    passing = {test for test in asked if emptied is None or emptied.passes(test)}
    if emptied is not None and passing:  # a test that expects None is told from one that looks at nothing
        filled = await _emptied_run(services, log, trees, sorted(passing), filled=True)
        passing = {test for test in passing if filled is None or filled.passes(test)}
    return tuple(
        replace(e, kills_empty_body=e.test not in passing) if e.test in asked else e for e in entries
    )


async def _sharpened(
    services: Services, log: JobLog, trees: Trees, entries: Sequence[RedGreen], form: ReportForm
) -> tuple[RedGreen, ...]:
    """In other languages than Python: what tests that fail for an absent name alone say of emptied functions."""
    absent = [e.test for e in entries if e.grade is RedGrade.ABSENT and e.green]
    if not absent:
        return tuple(entries)
    lines = added_lines(services.repository.diff(trees.base, trees.head, trees.product_paths))
    places = tuple(f"{path}::{n}" for path in lines if _SOURCE.search(path) for n in lines[path])
    request = replace(_request(services, log), ids=tuple(absent), empty_bodies=places)
    emptied = (await _run(services, log, trees, trees.head, request)).run if places else None
    return tuple(sharpened(e, emptied, form) if e.test in absent else e for e in entries)


async def _changes_values(services: Services, log: JobLog, trees: Trees) -> bool:
    """Whether the change has parts that a test can rightly look at without calling anything."""
    if trees.has_other_parts:
        return True
    async with (
        services.checkouts.clean(log.id, trees.base, trees.base) as before,
        services.checkouts.clean(log.id, trees.head, trees.base) as after,
    ):
        return await services.inspector.changes_values(before.path, after.path, trees.product_paths)


async def _emptied_run(
    services: Services, log: JobLog, trees: Trees, tests: Sequence[str], *, filled: bool = False
) -> TestRun | None:
    """Run tests on the change with the bodies of its new and changed functions emptied."""
    paths = [path for path in trees.product_paths if path.endswith(".py")]
    async with (
        services.checkouts.clean(log.id, trees.base, trees.base) as before,
        services.checkouts.clean(log.id, trees.head, trees.base) as after,
    ):
        functions = await services.inspector.changed_functions(before.path, after.path, paths)
        if not functions:
            return None
        request = replace(
            _request(services, log), ids=tuple(tests), empty_bodies=functions, filled_bodies=filled
        )
        run = (await services.runner.run(after.path, after.environment, request)).run
    return None if run.note else run


async def _flaky(
    services: Services, log: JobLog, trees: Trees, ids: Sequence[str], new: TestRun
) -> tuple[str, ...]:
    """New tests that pass, and fail when they run again with what no test may depend on varied."""
    passing = tuple(test for test in ids if new.passes(test))
    if not passing:
        return ()
    request = replace(_request(services, log), ids=passing)
    varied = [replace(request, variables=each, reverse=backwards) for each, backwards in VARIATIONS]
    runs = await asyncio.gather(*(_run(services, log, trees, trees.head, each) for each in varied))
    return tuple(
        t for t in passing if any(r.run.of(t) and not r.run.passes(t) for r in runs if not r.run.note)
    )


async def _mutation(
    services: Services,
    log: JobLog,
    trees: Trees,
    added: Mapping[str, tuple[int, ...]],
    request: TestRequest,
    new: TestRun,
    existing: TestRun,
) -> MutationRun:
    """Which small changes of the added lines the new tests notice, or those existing ones that import what changed."""
    lines = {path: numbers for path, numbers in added.items() if path.endswith(".py")}
    if not lines:
        return MutationRun(note="the change adds no line of Python")
    if new.note or any(not new.passes(test) for test in request.ids):
        return MutationRun(note="the new tests do not pass yet")
    async with services.checkouts.clean(log.id, trees.head, trees.base) as checkout:
        affected = await _affected(services, checkout.path, existing, sorted(lines))
        if not affected and not request.ids:
            return MutationRun(note="no test imports what the change touches")
        plain = new.duration + sum(result.duration for result in affected)
        ids = tuple(dict.fromkeys((*request.ids, *(without_parameters(r.id) for r in affected))))
        asked = replace(request, ids=ids, measure=lines)
        seconds = MUTATION_SECONDS + MUTATION_TIMES * plain
        run = await services.mutation.mutate(checkout.path, checkout.environment, asked, seconds)
    before = log.job.report.mutation if log.job.report else None
    told = {mutant.change for mutant in before.open} if before else set()
    return replace(run, mutants=tuple(replace(m, told=m.change in told) for m in run.mutants))


async def _affected(
    services: Services, head: Path, existing: TestRun, paths: Sequence[str]
) -> list[TestResult]:
    """Existing tests that pass and whose files import what changed, the fastest first, as many as there is time for."""
    passed = [result for result in existing.results if result.outcome is Outcome.PASSED]
    files = sorted({result.id.split("::", 1)[0] for result in passed})
    near = set(await services.inspector.importing(head, files, paths)) if files else set()
    affected, seconds = [], 0.0
    for result in sorted(passed, key=lambda each: each.duration):
        if result.id.split("::", 1)[0] in near and seconds + result.duration <= AFFECTED_SECONDS:
            affected.append(result)
            seconds += result.duration
    return affected
