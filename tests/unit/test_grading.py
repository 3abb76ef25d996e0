"""What the red of a new test proves, by how it failed without the change."""

from __future__ import annotations

import pytest

from vulcan.domain.environment import ReportForm
from vulcan.domain.gates.grading import (
    changed_by_requirement,
    coverage_of,
    graded,
    is_aloof,
    sharpened,
    with_undeclared,
)
from vulcan.domain.requirements import AcceptanceCriterion, Requirement
from vulcan.domain.testing import (
    CodeTesting,
    Outcome,
    RedGrade,
    RedGreen,
    TestCase,
    TestResult,
    TestRun,
)

TEST = "tests/test_a.py::test_x"


def failed(
    exception: str, *, is_assert: bool = False, in_test: bool = False, message: str = ""
) -> TestResult:
    return TestResult(
        TEST, Outcome.FAILED, exception=exception, is_assert=is_assert, in_test=in_test, message=message
    )


@pytest.mark.parametrize(
    ("result", "grade"),
    [
        (failed("AssertionError", is_assert=True, in_test=True), RedGrade.ASSERTION),
        (failed("ZeroDivisionError"), RedGrade.ASSERTION),
        (failed("AttributeError", in_test=True), RedGrade.ABSENT),
        (failed("AttributeError"), RedGrade.ASSERTION),
        (failed("ModuleNotFoundError", in_test=True), RedGrade.ABSENT),
        (failed("TypeError", message="f() got an unexpected keyword argument 'n'"), RedGrade.ABSENT),
        (failed("TypeError", is_assert=True, message="unexpected keyword argument"), RedGrade.ASSERTION),
        (failed("SystemExit"), RedGrade.ABSENT),
        (failed("TestTimeoutError"), RedGrade.BROKEN),
        (TestResult(TEST, Outcome.ERROR, exception="KeyError"), RedGrade.BROKEN),
    ],
)
def test_a_red_is_graded_by_how_the_test_failed(result: TestResult, grade: RedGrade) -> None:
    assert graded(TEST, [result], green=True).grade is grade


def test_what_was_not_collected_or_passes_is_no_red() -> None:
    assert graded(TEST, [], green=True).grade is RedGrade.BROKEN
    assert graded(TEST, [TestResult(TEST, Outcome.PASSED)], green=True).grade is RedGrade.PASSES


def test_of_several_parameter_sets_the_strongest_red_counts_and_is_quoted() -> None:
    weak, strong = (
        failed("NameError", in_test=True),
        failed("AssertionError", is_assert=True, message="a\nassert 1 == 2"),
    )
    entry = graded(TEST, [TestResult(TEST, Outcome.PASSED), weak, strong], green=True)
    assert (entry.grade, entry.red_reason) == (RedGrade.ASSERTION, "AssertionError: assert 1 == 2")


def test_what_can_not_be_run_on_emptied_functions_says_so() -> None:
    entry = RedGreen(TEST, RedGrade.ABSENT, "", green=True)
    assert sharpened(entry, None, ReportForm.GO).unemptied == "go"
    noted = TestRun((TestResult(TEST, Outcome.FAILED),), 1, 0.0, "it broke off")
    assert sharpened(entry, noted, ReportForm.GO).unemptied == "go"
    assert sharpened(entry, TestRun((TestResult(TEST, Outcome.FAILED),), 1), ReportForm.GO).kills_empty_body
    passing = sharpened(entry, TestRun((TestResult(TEST, Outcome.PASSED),), 0), ReportForm.GO)
    assert (passing.kills_empty_body, passing.unemptied) == (False, "")


def test_a_test_that_ran_nothing_of_the_change_is_aloof() -> None:
    assert is_aloof(TestRun((TestResult(TEST, Outcome.PASSED),), 0), TEST)
    assert not is_aloof(TestRun((TestResult(TEST, Outcome.PASSED, ran=True),), 0), TEST)


def test_new_tests_that_nobody_declared_must_prove_something_too() -> None:
    testing = CodeTesting((TestCase(TEST, ("AC-1",)),), (), "c" * 40, 1)
    assert [case.id for case in with_undeclared(testing, [TEST, "tests/test_a.py::test_y"]).cases] == [
        TEST,
        "tests/test_a.py::test_y",
    ]


def test_only_tests_that_the_requirement_names_may_fail_where_they_passed() -> None:
    requirement = Requirement(
        "Add", (AcceptanceCriterion("AC-1", "x"),), changed_tests=("tests/test_a.py::test_x",)
    )
    base = TestRun(tuple(TestResult(i, Outcome.PASSED) for i in (f"{TEST}[1]", "tests/test_b.py::test_z")), 0)
    now = TestRun(tuple(TestResult(i, Outcome.FAILED) for i in (f"{TEST}[1]", "tests/test_b.py::test_z")), 1)
    assert changed_by_requirement(requirement, base, now) == (TEST,)


def test_lines_without_a_statement_do_not_count_as_changed() -> None:
    coverage = coverage_of({"a.py": (1, 2, 3)}, {"a.py": (1, 3, 9)}, {"a.py": (3, 9)})
    assert (coverage.covered, coverage.changed) == (1, 2)
