"""The kind of a change by its files, and the gates that count for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.cases import GOOD, OLD, case, result, run
from vulcan.domain.evidence import Answer
from vulcan.domain.gates import existing_tests, judge_as
from vulcan.domain.gates.grading import extended
from vulcan.domain.kinds import WorkKind, kind_of
from vulcan.domain.testing import CodeTesting, Outcome, RedGrade, RedGreen


@pytest.mark.parametrize(
    ("paths", "new_tests", "kind"),
    [
        ((), False, WorkKind.TESTS),
        ((), True, WorkKind.TESTS),
        (("README.md", "docs/a.rst", "LICENSE"), True, WorkKind.DOCUMENTS),
        (("README.md", "a.py"), True, WorkKind.BEHAVIOUR),
        (("README.md", "a.py"), False, WorkKind.REFACTORING),
        (("pyproject.toml",), False, WorkKind.SETTINGS),
        (("pyproject.toml",), True, WorkKind.BEHAVIOUR),
        (("requirements.txt",), False, WorkKind.SETTINGS),
        (("src/a.ts",), False, WorkKind.REFACTORING),
    ],
)
def test_the_kind(paths: tuple[str, ...], new_tests: bool, kind: WorkKind) -> None:
    assert kind_of(paths, new_tests=new_tests) is kind


@pytest.mark.parametrize("kind", WorkKind)
def test_a_right_change_of_each_kind_holds(kind: WorkKind) -> None:
    verdict = judge_as(kind, GOOD)
    assert verdict.proven
    assert "demands" not in [gate.gate for gate in verdict.gates], "there is no instruction"


def test_a_refactoring_needs_a_test_that_passes() -> None:
    bare = case(existing=run(), base=run(), new=run(), red_green=(), testing=CodeTesting((), (), "tests", 1))
    verdict = judge_as(WorkKind.REFACTORING, bare)
    assert [g.gate for g in verdict.gates if g.answer is Answer.NOT_SEEN] == ["preserved"]
    assert not verdict.proven
    assert judge_as(WorkKind.DOCUMENTS, bare).proven
    assert judge_as(WorkKind.REFACTORING, case(existing=run(result(OLD)))).proven


RED = RedGreen(OLD, RedGrade.ASSERTION, "AssertionError", green=True)


@pytest.mark.parametrize(
    ("entry", "as_it_was", "asks_more"),
    [
        (RED, Outcome.PASSED, True),
        (RED, Outcome.FAILED, False),
        (replace(RED, green=False), Outcome.PASSED, False),
        (replace(RED, grade=RedGrade.PASSES), Outcome.PASSED, False),
        (replace(RED, grade=RedGrade.BROKEN), Outcome.PASSED, False),
    ],
)
def test_an_altered_test_asks_more_if_it_holds_as_it_was_and_is_red_as_it_is(
    entry: RedGreen, as_it_was: Outcome, asks_more: bool
) -> None:
    found = extended((OLD, "tests/conftest.py"), (entry,), run(result(OLD, as_it_was)))
    assert found == ((OLD,) if asks_more else ())
    judged = existing_tests.judge(case(altered=(OLD,), extended=found, existing=run(result(OLD))))
    assert judged.passed is asks_more
    assert ("1 ask more than before" in judged.detail) is asks_more
