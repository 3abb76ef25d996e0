"""How a new test's run without the change is graded, and what counts as covered: rules of the evidence, pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from vulcan.domain.environment import ReportForm
from vulcan.domain.requirements import Requirement
from vulcan.domain.testing import (
    ABSENT_NAME,
    CodeTesting,
    Outcome,
    RedGrade,
    RedGreen,
    TestCase,
    TestCoverage,
    TestResult,
    TestRun,
    is_same_test,
    without_parameters,
)

ABSENT = "VulcanAbsent"
TIMED_OUT = "TestTimeoutError"
ABSENT_EXCEPTIONS = frozenset({ABSENT, "ImportError", "ModuleNotFoundError", "AttributeError", "NameError"})
ABSENT_PARAMETER = "unexpected keyword argument"


def graded(test: str, results: Sequence[TestResult], *, green: bool) -> RedGreen:
    """Grade the red of one test function: the strongest red of its parameter sets counts."""
    failed = [r for r in results if r.outcome in (Outcome.FAILED, Outcome.ERROR)]
    if not results:
        return RedGreen(test, RedGrade.BROKEN, "it was not collected", green)
    if not failed:
        return RedGreen(test, RedGrade.PASSES, "", green)
    graded = sorted(((_grade(r), r) for r in failed), key=lambda pair: pair[0].value)
    grade, result = graded[0]
    return RedGreen(test, grade, _reason(result), green)


def extended(altered: Sequence[str], red_green: Sequence[RedGreen], existing: TestRun) -> tuple[str, ...]:
    """Altered tests that ask more than before.

    As they were, they pass with the change; as they are, they fail without it and pass with it, as where a set of
    parameters was added.
    """
    proving = {entry.test for entry in red_green if entry.proves}
    return tuple(test for test in altered if test in proving and existing.passes(test))


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


def is_broken(results: Sequence[TestResult]) -> bool:
    return any(r.outcome is Outcome.ERROR for r in results)


def sharpened(entry: RedGreen, emptied: TestRun | None, form: ReportForm) -> RedGreen:
    """A test that can't be run on emptied functions, for whatever reason, says nothing about them."""
    ended = emptied.of(entry.test) if emptied and not emptied.note else ()
    if emptied is None or not ended or is_broken(ended):
        return replace(entry, unemptied=form.value)
    return replace(entry, kills_empty_body=not emptied.passes(entry.test))


def is_aloof(new: TestRun, test: str) -> bool:
    """Whether a test called nothing of the changed files: it may look at names, files or source text only."""
    return not any(result.ran for result in new.of(test))


def with_undeclared(testing: CodeTesting, new_tests: Sequence[str]) -> CodeTesting:
    """Every new test must prove something, also one that its author did not declare."""
    declared = {case.id for case in testing.cases}
    extra = tuple(TestCase(test, ()) for test in new_tests if test not in declared)
    return replace(testing, cases=testing.cases + extra)


def changed_by_requirement(requirement: Requirement, base: TestRun, existing: TestRun) -> tuple[str, ...]:
    """Existing tests that now fail because the requirement changes them: they must pass as the change has them."""
    allowed = requirement.changed_tests
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


def coverage_of(
    measure: Mapping[str, tuple[int, ...]],
    statements: Mapping[str, Sequence[int]],
    ran: Mapping[str, Sequence[int]],
) -> TestCoverage:
    """Lines of the change that the new tests ran; lines that hold no statement do not count."""
    covered = changed = 0
    for path, lines in measure.items():
        counted = set(statements.get(path, ())) & set(lines)
        changed += len(counted)
        covered += len(counted & set(ran.get(path, ())))
    return TestCoverage(covered, changed)
