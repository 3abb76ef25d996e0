"""run_tests: everything runs again, in clean checkouts that no model can write to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vulcan.application.commits import request_of, requirement_of
from vulcan.application.diffs import added_lines
from vulcan.application.joblog import JobLog
from vulcan.application.ports import TestChanges, TestRequest, TestRunResult
from vulcan.application.services import Services
from vulcan.application.suite import run_suite
from vulcan.application.testpaths import is_test_path
from vulcan.domain.environment import ReportForm
from vulcan.domain.errors import VulcanError
from vulcan.domain.events import TestsRun
from vulcan.domain.generation import ChangeKind
from vulcan.domain.job import Job
from vulcan.domain.testing import (
    ABSENT_NAME,
    CodeTesting,
    Outcome,
    RedGrade,
    RedGreen,
    TestCase,
    TestCoverage,
    TestReport,
    TestResult,
    TestRun,
    is_same_test,
    without_parameters,
)

ABSENT = "VulcanAbsent"
_SOURCE = re.compile(r"\.(?:go|[cm]?jsx?|[cm]?tsx?)$")
TIMED_OUT = "TestTimeoutError"
ABSENT_EXCEPTIONS = frozenset({ABSENT, "ImportError", "ModuleNotFoundError", "AttributeError", "NameError"})
ABSENT_PARAMETER = "unexpected keyword argument"


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
    changed = _changed_by_requirement(job, base_run, existing)
    request = replace(_request(services, log), ids=tuple(dict.fromkeys((*ids, *changed))), measure=measure)
    new = await _run(services, log, trees, trees.head, request)
    red_green = await _red_green(services, log, trees, ids, new.run, red, form)
    report = TestReport(
        base=base_run if job.baseline is None else TestRun((), base_run.exit_code),
        existing=existing,
        new=new.run,
        red_green=red_green,
        coverage=_coverage(measure, new),
        sandbox=services.sandbox.name,
        environment=environment,
        commit=trees.head,
        altered=changes.altered + changes.removed,
        tricks=changes.tricks + new.readers,
        missing=tuple(i for i in ids if not new.run.of(i)) if not new.run.note else (),
        unseen=await _unseen(services, log, trees),
    )
    log.append(TestsRun(report, job.round))


async def _compared_and_red(
    services: Services, log: JobLog, trees: Trees, testing: CodeTesting, form: ReportForm
) -> tuple[TestChanges, tuple[str, ...], TestRun]:
    """What changed of the tests, the new ones, and their run on the base: none of it waits for the whole suite."""
    changes = await _compare(services, log, trees)
    ids = tuple(case.id for case in _with_undeclared(testing, changes.new).cases)
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


async def _compare(services: Services, log: JobLog, trees: Trees) -> TestChanges:
    async with (
        services.checkouts.clean(log.id, trees.base, trees.base) as before,
        services.checkouts.clean(log.id, trees.head, trees.base) as after,
    ):
        return await services.inspector.compare_tests(before.path, after.path, trees.test_paths)


def _changed_by_requirement(job: Job, base: TestRun, existing: TestRun) -> tuple[str, ...]:
    """Existing tests that now fail because the requirement changes them: they must pass as the change has them."""
    allowed = requirement_of(job).changed_tests
    now = existing.by_id()
    names = [
        without_parameters(r.id)
        for r in base.results
        if r.outcome is Outcome.PASSED and (r.id not in now or now[r.id].outcome is not Outcome.PASSED)
    ]
    return tuple(
        n
        for n in dict.fromkeys(names)
        if n in allowed or n.split("::", 1)[0] in allowed or any(is_same_test(a, n) for a in allowed)
    )


def _with_undeclared(testing: CodeTesting, new_tests: Sequence[str]) -> CodeTesting:
    """Every new test must prove something, also one that its author did not declare."""
    declared = {case.id for case in testing.cases}
    extra = tuple(TestCase(test, ()) for test in new_tests if test not in declared)
    return replace(testing, cases=testing.cases + extra)


async def _red_run(
    services: Services, log: JobLog, trees: Trees, ids: Sequence[str], form: ReportForm
) -> TestRun:
    """New tests on the base; where a file can't even be collected, once more with stand-ins for absent names."""
    request = replace(_request(services, log), ids=tuple(ids))
    red = (await _run(services, log, trees, trees.red, request)).run
    uncollected = tuple(i for i in ids if not red.of(i) or _is_broken(red.of(i)))
    if not uncollected or not form.is_python:
        return red
    again = (
        await _run(services, log, trees, trees.red, replace(request, ids=uncollected, stub_absent=True))
    ).run
    results = [r for r in red.results if without_parameters(r.id) not in uncollected]
    return replace(red, results=(*results, *again.results), note=again.note)


def _is_broken(results: Sequence[TestResult]) -> bool:
    return any(r.outcome is Outcome.ERROR for r in results)


async def _red_green(
    services: Services,
    log: JobLog,
    trees: Trees,
    ids: Sequence[str],
    new: TestRun,
    red: TestRun,
    form: ReportForm,
) -> tuple[RedGreen, ...]:
    entries = [_graded(test, red.of(test), green=new.passes(test)) for test in ids]
    absent = {e.test for e in entries if e.grade is RedGrade.ABSENT and e.green}
    if not form.is_python:
        return await _sharpened(services, log, trees, entries, form)
    aloof = {e.test for e in entries if e.grade is RedGrade.ASSERTION and e.green and _is_aloof(new, e.test)}
    if aloof and await _changes_values(services, log, trees):
        aloof = set()
    if not absent | aloof:
        return tuple(entries)
    emptied = await _emptied_run(services, log, trees, sorted(absent | aloof))
    asked = absent if emptied is None else absent | aloof
    return tuple(
        replace(e, kills_empty_body=emptied is not None and not emptied.passes(e.test))
        if e.test in asked
        else e
        for e in entries
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
    return tuple(_sharp(e, emptied, form) if e.test in absent else e for e in entries)


def _sharp(entry: RedGreen, emptied: TestRun | None, form: ReportForm) -> RedGreen:
    """A test that can't be run on emptied functions, for whatever reason, says nothing about them."""
    ended = emptied.of(entry.test) if emptied and not emptied.note else ()
    if emptied is None or not ended or _is_broken(ended):
        return replace(entry, unemptied=form.value)
    return replace(entry, kills_empty_body=not emptied.passes(entry.test))


def _is_aloof(new: TestRun, test: str) -> bool:
    """Whether a test called nothing of the changed files: it may look at names, files or source text only."""
    return not any(result.ran for result in new.of(test))


async def _changes_values(services: Services, log: JobLog, trees: Trees) -> bool:
    """Whether the change has parts that a test can rightly look at without calling anything."""
    if trees.has_other_parts:
        return True
    async with (
        services.checkouts.clean(log.id, trees.base, trees.base) as before,
        services.checkouts.clean(log.id, trees.head, trees.base) as after,
    ):
        return await services.inspector.changes_values(before.path, after.path, trees.product_paths)


async def _emptied_run(services: Services, log: JobLog, trees: Trees, tests: Sequence[str]) -> TestRun | None:
    """Run tests on the change with the bodies of its new and changed functions emptied."""
    paths = [path for path in trees.product_paths if path.endswith(".py")]
    async with (
        services.checkouts.clean(log.id, trees.base, trees.base) as before,
        services.checkouts.clean(log.id, trees.head, trees.base) as after,
    ):
        functions = await services.inspector.changed_functions(before.path, after.path, paths)
        if not functions:
            return None
        request = replace(_request(services, log), ids=tuple(tests), empty_bodies=functions)
        run = (await services.runner.run(after.path, after.environment, request)).run
    return None if run.note else run


def _graded(test: str, results: Sequence[TestResult], *, green: bool) -> RedGreen:
    """Grade the red of one test function: the strongest red of its parameter sets counts."""
    failed = [r for r in results if r.outcome in (Outcome.FAILED, Outcome.ERROR)]
    if not results:
        return RedGreen(test, RedGrade.BROKEN, "it was not collected", green)
    if not failed:
        return RedGreen(test, RedGrade.PASSES, "", green)
    graded = sorted(((_grade(r), r) for r in failed), key=lambda pair: pair[0].value)
    grade, result = graded[0]
    return RedGreen(test, grade, _reason(result), green)


def _grade(result: TestResult) -> RedGrade:
    if result.exception == ABSENT_NAME:
        return RedGrade.ABSENT
    if result.outcome is Outcome.ERROR or result.exception == TIMED_OUT:
        return RedGrade.BROKEN
    if result.exception in (ABSENT, "SystemExit") or (
        not result.is_assert and ABSENT_PARAMETER in result.message
    ):
        return RedGrade.ABSENT
    if result.in_test and result.exception in ABSENT_EXCEPTIONS:
        return RedGrade.ABSENT
    return RedGrade.ASSERTION


def _reason(result: TestResult) -> str:
    last = result.message.strip().splitlines()[-1:] or [""]
    return f"{result.exception}: {last[0]}"[:300] if result.exception else last[0][:300]


def _coverage(measure: Mapping[str, tuple[int, ...]], new: TestRunResult) -> TestCoverage:
    """Lines of the change that the new tests ran; lines that hold no statement do not count."""
    covered = changed = 0
    for path, lines in measure.items():
        statements = set(new.statements.get(path, ())) & set(lines)
        changed += len(statements)
        covered += len(statements & set(new.lines.get(path, ())))
    return TestCoverage(covered, changed)
