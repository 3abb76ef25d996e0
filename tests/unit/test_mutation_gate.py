"""The gate on mutants: what goes to the test author, and when a change counts as tested."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.cases import GOOD, NEW, OLD, PROOF, case, result, run
from vulcan.domain.evidence import Owner
from vulcan.domain.gates import judge, judge_as, mutation
from vulcan.domain.gates.case import Case
from vulcan.domain.kinds import WorkKind
from vulcan.domain.mutation import Mutant, MutantOutcome, MutationRun
from vulcan.domain.requirements import AcceptanceCriterion, Requirement
from vulcan.domain.statements import statements_of
from vulcan.domain.testing import CodeTesting, TestCase

KILLED = Mutant("calc.py", 2, "arithmetic", "a + b", "a - b", MutantOutcome.KILLED, NEW)
BOUNDARY = Mutant("calc.py", 4, "comparison", "a < b", "a <= b", MutantOutcome.SURVIVED)
REMOVED = Mutant("calc.py", 5, "statement removed", "raise ValueError(a)", "pass", MutantOutcome.SURVIVED)
NOT_RUN = Mutant("calc.py", 9, "return value", "total", "None", MutantOutcome.NOT_RUN)
UNCHECKED = Mutant("calc.py", 10, "constant", "1", "2", MutantOutcome.NOT_CHECKED)


def tried(*mutants: Mutant, note: str = "") -> Case:
    return case(mutation=MutationRun(mutants, 3, 1.0, note))


def test_all_killed_passes() -> None:
    judged = mutation.judge(tried(KILLED, KILLED))
    assert judged.passed
    assert judged.detail == "2 of 2 small changes of the changed lines are noticed by 3 tests"


def test_what_the_code_can_do_without_goes_to_the_test_author() -> None:
    judged = mutation.judge(tried(*[KILLED] * 5, REMOVED, NOT_RUN, BOUNDARY))
    assert not judged.passed
    removed, unrun, boundary = judged.findings
    assert {f.owner for f in judged.findings} == {Owner.TEST_AUTHOR}
    assert removed.place == "calc.py:5"
    assert "no test notices: statement removed: `raise ValueError(a)`" in removed.text
    assert "No test runs this line of the change: `total`" in unrun.text
    assert "`a < b` -> `a <= b`" in boundary.text
    assert "by none: calc.py:5 (statement removed: `raise ValueError(a)`), calc.py:9" in judged.detail


def test_of_one_that_the_author_was_told_of_the_report_speaks_and_nothing_else() -> None:
    judged = mutation.judge(tried(*[KILLED] * 5, replace(REMOVED, told=True)))
    assert judged.passed
    assert judged.findings == ()
    assert "calc.py:5" in judged.detail


def test_a_boundary_alone_is_reported_and_costs_no_round() -> None:
    judged = mutation.judge(tried(*[KILLED] * 5, BOUNDARY))
    assert judged.passed
    assert "calc.py:4 (`a < b` -> `a <= b`)" in judged.detail


@pytest.mark.parametrize("told", [False, True])
def test_too_many_that_nothing_notices_fail_whoever_was_told(told: bool) -> None:
    judged = mutation.judge(tried(KILLED, *[replace(REMOVED, told=told)] * 3))
    assert not judged.passed
    assert len(judged.findings) == 1


def test_limits_and_constants_do_not_fail_a_change_unless_nothing_at_all_is_noticed() -> None:
    assert mutation.judge(tried(KILLED, *[BOUNDARY] * 9)).passed
    judged = mutation.judge(tried(BOUNDARY))
    assert not judged.passed
    assert len(judged.findings) == 1


def test_those_there_was_no_time_for_count_for_nothing_and_are_said() -> None:
    judged = mutation.judge(tried(*[KILLED] * 2, *[UNCHECKED] * 7))
    assert judged.passed
    assert judged.detail.endswith(
        "2 of 2 small changes of the changed lines are noticed by 3 tests; not checked for want of time: 7"
    )


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (None, "no mutants were made"),
        (MutationRun(note="the change adds no line of Python"), "no line of Python"),
    ],
)
def test_what_could_not_be_tried_says_why(seen: MutationRun | None, why: str) -> None:
    judged = mutation.judge(case(mutation=seen))
    assert judged.passed
    assert judged.detail.startswith("not checked: ")
    assert why in judged.detail


def test_a_word_against_the_figures_stands_beside_them() -> None:
    assert mutation.judge(tried(KILLED, note="tests fail when they run again: t")).detail.endswith(
        "; tests fail when they run again: t"
    )


def test_many_lines_are_bounded() -> None:
    many = [replace(REMOVED, line=n) for n in range(1, 31)]
    judged = mutation.judge(tried(*many))
    assert len(judged.findings) == mutation.MOST_LINES
    assert judged.detail.endswith("18 more")


def test_a_change_that_fails_there_alone_is_proven_in_part() -> None:
    criterion = AcceptanceCriterion("AC-1", "adds", statements=("S1",))
    requirement = Requirement("Make add add", (criterion,), statements=statements_of("Make add add."))
    failing = case(
        requirement=requirement,
        testing=CodeTesting((TestCase(NEW, ("AC-1",)),), (), "tests", 1),
        red_green=(PROOF,),
        new=run(result(OLD), result(NEW)),
        mutation=MutationRun((KILLED, REMOVED)),
    )
    assert judge(failing).in_words == "proven in part"
    assert judge(GOOD).proven


def test_of_somebodys_change_single_points_may_be_open_but_not_too_many() -> None:
    one, many = tried(*[KILLED] * 5, REMOVED), tried(KILLED, *[REMOVED] * 3)
    assert judge_as(WorkKind.BEHAVIOUR, one).proven
    assert not judge_as(WorkKind.REFACTORING, one).proven
    assert not judge_as(WorkKind.BEHAVIOUR, many).proven
