"""Demands: what of the instruction is shown, what is not and why, and who is asked to mend it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.cases import GOOD, NEW, OLD, PROOF, case, result, run
from vulcan.application.jobs.amendments import Amendment, Word, amend
from vulcan.domain.evidence import Owner
from vulcan.domain.gates import Case, demands, judge, red_green
from vulcan.domain.gates.literals import unmentioned
from vulcan.domain.requirements import (
    AcceptanceCriterion,
    CriterionKind,
    Requirement,
    with_new_words,
    without_criteria,
)
from vulcan.domain.statements import statements_of
from vulcan.domain.testing import (
    CodeTesting,
    NotTestable,
    Outcome,
    RedGrade,
    RedGreen,
    TestCase,
    Unmentioned,
)

INSTRUCTION = "Make add add, so that `add(2, 3)` is 5. It must still take 0."
STAYS = "tests/test_new.py::test_stays"
ADDS = AcceptanceCriterion("AC-1", "add(2, 3) is 5", statements=("S1",))
KEEPS = AcceptanceCriterion("AC-2", "add(0, 0) is 0", CriterionKind.PRESERVED, ("S2",))
WHOLE = Requirement("Make add add", (ADDS, KEEPS), statements=statements_of(INSTRUCTION))
TESTS = CodeTesting((TestCase(NEW, ("AC-1",)), TestCase(STAYS, ("AC-2",))), (), "tests", 1)
HELD = RedGreen(STAYS, RedGrade.PASSES, "", green=True)


def whole(requirement: Requirement = WHOLE, testing: CodeTesting = TESTS, **changes: object) -> Case:
    given = {"red_green": (PROOF, HELD), "new": run(result(OLD), result(NEW), result(STAYS))} | changes
    return case(requirement=requirement, testing=testing, **given)


def test_all_demands_shown_is_proven() -> None:
    verdict = judge(whole())
    assert verdict.proven
    assert [(d.statement, d.criteria, d.shown) for d in verdict.demands] == [
        ("S1", ("AC-1",), True),
        ("S2", ("AC-2",), True),
    ]
    assert demands.judge(whole()).detail == "2 of 2 demands shown"


def test_an_instruction_that_was_not_taken_apart_says_so_and_blocks_nothing() -> None:
    assert demands.judge(GOOD).passed
    assert judge(GOOD).demands == ()


def test_a_demand_without_a_criterion_is_proven_in_part_only() -> None:
    verdict = judge(
        whole(replace(WHOLE, criteria=(ADDS,)), replace(TESTS, cases=TESTS.cases[:1]), red_green=(PROOF,))
    )
    assert not verdict.proven
    assert verdict.in_words == "proven in part"
    assert [(d.statement, d.missing) for d in verdict.demands if not d.shown] == [
        ("S2", "no criterion covers it")
    ]
    (finding,) = verdict.findings
    assert finding.owner is Owner.PERSON
    assert "It must still take 0." in finding.text


def test_a_literal_that_no_test_names_goes_to_the_test_author() -> None:
    judged = demands.judge(whole(unmentioned=(Unmentioned("S1", ("5",)),)))
    (finding,) = judged.findings
    assert (finding.owner, finding.path) == (Owner.TEST_AUTHOR, "S1")
    assert "No test of AC-1 names `5`" in finding.text
    assert judged.detail == "1 of 2 demands shown; not shown: S1 (no test names `5`)"


def test_what_the_author_gives_up_is_a_persons_and_stays_not_shown() -> None:
    testing = replace(TESTS, not_testable=(NotTestable("S1", "a clock is needed"),))
    judged = demands.judge(whole(testing=testing, unmentioned=(Unmentioned("S1", ("5",)),)))
    assert [f.owner for f in judged.findings] == [Owner.PERSON]
    assert not judged.passed
    assert "not testable: a clock is needed" in judged.detail


def test_what_is_given_up_counts_as_not_shown_even_with_passing_tests() -> None:
    testing = replace(TESTS, not_testable=(NotTestable("S2", "?"),))
    assert judge(whole(testing=testing)).in_words == "proven in part"


def test_a_demand_whose_test_fails_is_not_shown() -> None:
    spoilt = whole(new=run(result(OLD), result(NEW, Outcome.FAILED), result(STAYS)))
    verdict = judge(spoilt)
    assert verdict.in_words == "not proven"
    assert [d.missing for d in verdict.demands] == ["AC-1 not shown", ""]


def test_a_demand_that_is_called_context_is_named() -> None:
    requirement = replace(WHOLE, criteria=(ADDS,), context=("S2",))
    judged = demands.judge(whole(requirement, replace(TESTS, cases=TESTS.cases[:1]), red_green=(PROOF,)))
    assert judged.passed
    assert judged.detail == "1 of 1 demands shown; taken as no demand: S2 (It must still take 0.)"


def test_an_instruction_all_of_which_is_called_context_is_not_proven() -> None:
    free = replace(WHOLE, criteria=(replace(ADDS, statements=()),), context=("S1", "S2"))
    verdict = judge(whole(free, replace(TESTS, cases=TESTS.cases[:1]), red_green=(PROOF,)))
    assert verdict.in_words == "not proven"
    (finding,) = verdict.findings
    assert (finding.owner, finding.text) == (Owner.PERSON, demands.NO_DEMAND)


def test_nothing_shown_is_not_proven_in_part() -> None:
    nothing = replace(WHOLE, criteria=(replace(ADDS, statements=()),))
    verdict = judge(whole(nothing, replace(TESTS, cases=TESTS.cases[:1]), red_green=(PROOF,)))
    assert verdict.in_words == "not proven"


# ----------------------------------------------------------------------------------- preserved behaviour


def test_a_test_of_preserved_behaviour_may_pass_without_the_change() -> None:
    assert red_green.judge(whole()).passed
    assert "1 show what holds without the change" in red_green.judge(whole()).detail


@pytest.mark.parametrize("criteria", [("AC-1",), ("AC-1", "AC-2"), ()])
def test_a_test_of_anything_else_may_not(criteria: tuple[str, ...]) -> None:
    testing = replace(TESTS, cases=(TESTS.cases[0], TestCase(STAYS, criteria)))
    judged = red_green.judge(whole(testing=testing))
    assert not judged.passed
    assert [f.path for f in judged.findings] == [STAYS]


def test_a_criterion_that_holds_already_is_said_to_hold_already() -> None:
    held = replace(KEEPS, kind=CriterionKind.NEW)
    testing = replace(TESTS, holding_already=("AC-2",))
    judged = red_green.judge(whole(replace(WHOLE, criteria=(ADDS, held)), testing))
    assert judged.passed
    assert "AC-2: new to the analyst, but held already" in judged.detail
    assert not red_green.judge(whole(replace(WHOLE, criteria=(ADDS, held)))).passed


def test_preserved_behaviour_alone_proves_no_change() -> None:
    testing = replace(TESTS, cases=TESTS.cases[1:])
    judged = red_green.judge(whole(testing=testing, red_green=(HELD,)))
    assert not judged.passed
    assert "No new test fails without the change" in judged.findings[0].text


def test_a_preserved_behaviour_that_breaks_is_not_shown() -> None:
    broken = whole(
        red_green=(PROOF, replace(HELD, green=False)),
        new=run(result(OLD), result(NEW), result(STAYS, Outcome.FAILED)),
    )
    assert [d.shown for d in judge(broken).demands] == [True, False]


# ------------------------------------------------------------------------------------- literals in tests


def missing(texts: dict[str, str], requirement: Requirement = WHOLE) -> dict[str, tuple[str, ...]]:
    return {u.statement: u.literals for u in unmentioned(requirement, TESTS, texts)}


def test_literals_are_looked_for_in_the_tests_of_their_statement() -> None:
    text = "def test_new():\n    assert add(2, 3) == 5\n\n\ndef test_stays():\n    assert add(0, 0) == 0\n"
    assert missing({"tests/test_new.py": text}) == {}
    assert missing({"tests/test_new.py": "assert add(2, 3) == 5\n"}) == {"S2": ("0",)}
    assert missing({"tests/test_other.py": "0", "tests/test_new.py": "add(2, 3) == 5"}) == {}


FILE = """import pytest

LIMIT = 10


@pytest.mark.parametrize(
    "a", [20, 30]
)
def test_new(a):
    assert a == 40
    def test_inner():
        assert 50


class TestMore:
    def test_stays(
        self
    ):
        assert 60


def helper():
    return 70
"""


@pytest.mark.parametrize(
    ("number", "statement"),
    [(10, ""), (20, "S2"), (30, "S2"), (40, "S2"), (50, "S2"), (60, "S1"), (70, ""), (80, "both")],
)
def test_a_literal_counts_for_the_tests_that_name_it(number: int, statement: str) -> None:
    requirement = replace(WHOLE, statements=statements_of(f"Take {number}. Also {number}."))
    testing = replace(
        TESTS, cases=(TESTS.cases[0], TestCase("tests/test_new.py::TestMore::test_stays", ("AC-2",)))
    )
    found = [each.statement for each in unmentioned(requirement, testing, {"tests/test_new.py": FILE})]
    assert found == {"": [], "both": ["S1", "S2"]}.get(statement, [statement])


def test_another_test_file_does_not_name_them() -> None:
    elsewhere = replace(
        TESTS, cases=(TestCase("tests/test_a.py::test_a", ("AC-1",)), TestCase("b.py::t", ("AC-2",)))
    )
    found = unmentioned(WHOLE, elsewhere, {"tests/test_a.py": "0", "b.py": "add(2, 3) == 5"})
    assert [u.statement for u in found] == ["S1", "S2"]


def test_test_data_and_the_names_of_changed_files_count() -> None:
    requirement = replace(WHOLE, statements=statements_of("Write `5` to calc.py. Take 0."))
    texts = {"tests/test_new.py": "", "tests/data/cases.txt": "5 0", "src/calc.py": ""}
    assert missing(texts, requirement) == {}


def test_a_statement_without_tests_is_told_elsewhere() -> None:
    assert missing({}, replace(WHOLE, criteria=())) == {}


# -------------------------------------------------------------------------------------- a person's veto


def test_a_statement_whose_criteria_a_person_drops_demands_nothing_any_more() -> None:
    kept = without_criteria(WHOLE, [KEEPS])
    assert kept.criteria == (ADDS,)
    assert kept.dropped == ("S2",)
    assert kept.demands == WHOLE.statements[:1]
    assert kept.untied == ()


def test_one_that_another_criterion_covers_stays_a_demand() -> None:
    twice = replace(WHOLE, criteria=(ADDS, replace(KEEPS, statements=("S1", "S2"))))
    assert without_criteria(twice, [ADDS]).dropped == ()


# ------------------------------------------------------------------------------ what a person words anew


@pytest.mark.parametrize(
    ("text", "literals"),
    [
        ("add(2, 3) is 6", ("add(2, 3)",)),
        ("plus(2, 3) is 5", ("5",)),
        ("add(2, 3) gives 5", ("add(2, 3)", "5")),
    ],
)
def test_a_literal_that_a_person_replaced_need_not_be_named(text: str, literals: tuple[str, ...]) -> None:
    amended = amend(WHOLE, Amendment(Word.EDIT, (1,), text)).requirement
    assert [s.literals for s in amended.statements] == [literals, ("0",)]


def test_a_literal_that_no_criterion_named_before_stays_a_demand() -> None:
    vague = replace(WHOLE, criteria=(replace(ADDS, text="it adds"), KEEPS))
    assert with_new_words(
        replace(WHOLE, criteria=(replace(ADDS, text="it sums"), KEEPS)), vague
    ).statements == (WHOLE.statements)
