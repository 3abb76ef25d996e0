"""A test that must fail: what its result says of all others."""

from __future__ import annotations

import pytest

from vulcan.application.ports import TestRequest, TestRunResult
from vulcan.domain.testing import Outcome, TestResult, TestRun
from vulcan.infrastructure.testing.canary import new_canary, without_canary

CANARY = "test_0123456789abcdef"
GOOD = TestResult("tests/test_a.py::test_a", Outcome.PASSED)
BAD = TestResult("tests/test_a.py::test_b", Outcome.FAILED)
ID = f"tests/{CANARY}.py::{CANARY}"


def ended(*results: TestResult, code: int = 1, note: str = "") -> TestRun:
    return without_canary(TestRunResult(TestRun(results, code, 1.0, note)), CANARY).run


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.ERROR])
def test_an_honest_run_is_as_if_it_had_had_none(outcome: Outcome) -> None:
    assert ended(GOOD, TestResult(ID, outcome)) == TestRun((GOOD,), 0, 1.0)
    assert ended(GOOD, BAD, TestResult(ID, outcome)) == TestRun((GOOD, BAD), 1, 1.0)


@pytest.mark.parametrize("outcome", [Outcome.PASSED, Outcome.SKIPPED])
def test_one_that_did_not_fail_makes_the_run_unusable(outcome: Outcome) -> None:
    run = ended(GOOD, TestResult(ID, outcome))
    assert run.results == ()
    assert f"is reported as {outcome.value}" in run.note


def test_so_does_one_that_is_gone_while_others_pass() -> None:
    assert "is missing in the report" in ended(GOOD, code=0).note


def test_where_nothing_passes_it_need_not_be_there() -> None:
    assert ended(BAD) == TestRun((BAD,), 1, 1.0)
    assert ended(code=5) == TestRun((), 5, 1.0)


def test_a_run_that_ended_early_keeps_its_reason() -> None:
    assert ended(GOOD, TestResult(ID, Outcome.FAILED), code=124, note="too long") == TestRun(
        (GOOD,), 124, 1.0, "too long"
    )


def test_names_differ_and_whole_suites_have_none() -> None:
    request = TestRequest(ids=("tests/test_a.py::test_a",))
    assert len({new_canary(request) for _ in range(10)}) == 10
    assert new_canary(TestRequest()) == ""
    assert new_canary(TestRequest(ids=("x",), beside_all=True)) == ""
