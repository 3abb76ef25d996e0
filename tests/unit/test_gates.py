"""Each gate: what passes, what fails, and who is asked to mend it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.cases import GOOD, NEW, OLD, PROOF, REQUIREMENT, case, generation, result, run
from vulcan.domain.baseline import Baseline, TestEstimate
from vulcan.domain.evidence import Answer, CriterionProof, Finding, GateResult, Owner, Severity
from vulcan.domain.gates import (
    change,
    criteria,
    existing_tests,
    honest_tests,
    judge,
    red_green,
    static_checks,
)
from vulcan.domain.gates.case import Gate
from vulcan.domain.generation import ChangeKind, CodeArtifact
from vulcan.domain.requirements import AcceptanceCriterion
from vulcan.domain.testing import CodeTesting, Outcome, RedGrade, TestCase, TestResult, without_parameters

PASSED, FAILED, ERROR, SKIPPED = Outcome.PASSED, Outcome.FAILED, Outcome.ERROR, Outcome.SKIPPED
GATES: list[Gate] = [
    change.judge,
    static_checks.judge,
    existing_tests.judge,
    criteria.judge,
    red_green.judge,
]
CHANGES_OLD = replace(REQUIREMENT, changed_tests=(OLD,))


def only(judged: GateResult) -> Finding:
    assert not judged.passed
    (finding,) = judged.findings
    assert finding.gate == judged.gate
    return finding


def owners(judged: GateResult) -> list[Owner]:
    return [finding.owner for finding in judged.findings]


@pytest.mark.parametrize("gate", GATES)
def test_a_good_change_passes_every_gate_without_findings(gate: Gate) -> None:
    assert (gate(GOOD).passed, gate(GOOD).findings) == (True, ())


def test_gates_have_names_of_their_own() -> None:
    assert len({gate(GOOD).gate for gate in GATES}) == len(GATES)


# ------------------------------------------------------------------------------------- change and statics


def test_no_change_is_the_coder_s() -> None:
    assert only(change.judge(case(generation=generation()))).owner is Owner.CODER


def test_a_change_is_counted() -> None:
    both = generation(
        CodeArtifact("a.py", ChangeKind.ADDED, 5, 0), CodeArtifact("b.py", ChangeKind.DELETED, 0, 2)
    )
    assert change.judge(case(generation=both)).detail == "2 files, +5 -2"


def test_a_static_finding_blocks_and_a_warning_does_not() -> None:
    fault = Finding("ruff", Owner.CODER, "F821")
    warning = replace(fault, severity=Severity.WARNING)

    assert not static_checks.judge(case(static=(fault, warning))).passed
    judged = static_checks.judge(case(static=(warning,)))
    assert (judged.passed, judged.findings) == (True, (warning,))


def test_the_gate_says_what_was_contested() -> None:
    contested = Finding("ruff", Owner.CODER, "BLE001: too broad", Severity.CONTESTED, contestable=True)
    judged = static_checks.judge(case(static=(contested,)))
    assert judged.passed
    assert judged.detail == "0 new findings, 0 warnings, 1 contested: told to the coder, who let them stand"


# ----------------------------------------------------------------------------------------- existing tests


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ([result(OLD, FAILED, "assert 1 == 2")], "failed:\nassert 1 == 2"),
        ([result(OLD, ERROR, "fixture")], "error:\nfixture"),
        ([], "no longer collected"),
        ([result(OLD.split("::", 1)[0], ERROR, "ImportError: calc")], "ImportError: calc"),
    ],
)
def test_what_worked_before_must_work(now: list[TestResult], words: str) -> None:
    finding = only(existing_tests.judge(case(existing=run(*now))))
    assert (finding.owner, finding.path) == (Owner.CODER, OLD)
    assert words in finding.text


def test_a_test_that_is_skipped_now_no_longer_passes() -> None:
    assert not existing_tests.judge(case(existing=run(result(OLD, SKIPPED)))).passed


@pytest.mark.parametrize("before", [FAILED, ERROR, SKIPPED])
def test_what_failed_before_does_not_count(before: Outcome) -> None:
    other = result("tests/test_old.py::test_other")
    judged = existing_tests.judge(
        case(base=run(result(OLD, before), other), existing=run(result(OLD, FAILED), other))
    )
    assert judged.passed
    assert ("1 failed before" in judged.detail) == (before is not SKIPPED)


def test_each_parameter_set_counts() -> None:
    ids = [f"{OLD}[{n}]" for n in range(2)]
    now = run(result(ids[0]), result(ids[1], FAILED))
    finding = only(existing_tests.judge(case(base=run(*map(result, ids)), existing=now)))
    assert finding.path == ids[1]


@pytest.mark.parametrize("named", [OLD, "tests/test_old.py", f"{OLD}[1]"])
def test_a_test_that_the_requirement_changes_may_fail_in_its_old_form(named: str) -> None:
    changed = case(
        requirement=replace(REQUIREMENT, changed_tests=(named,)),
        base=run(result(f"{OLD}[1]")),
        existing=run(result(f"{OLD}[1]", FAILED)),
        new=run(result(NEW)),
        altered=(f"{OLD}[1]",),
    )
    judged = existing_tests.judge(changed)
    assert (judged.passed, judged.findings) == (True, ())
    assert "change because the requirement says so" in judged.detail


def test_a_changed_test_that_still_fails_in_its_new_form_is_the_author_s() -> None:
    finding = only(
        existing_tests.judge(
            case(
                requirement=CHANGES_OLD,
                existing=run(result(OLD, FAILED)),
                new=run(result(OLD, FAILED, "assert 5 == 6"), result(NEW)),
            )
        )
    )
    assert (finding.owner, finding.path) == (Owner.TEST_AUTHOR, OLD)
    assert "assert 5 == 6" in finding.text


def test_an_altered_test_goes_back_to_its_author() -> None:
    finding = only(existing_tests.judge(case(altered=(OLD,))))
    assert (finding.owner, finding.path) == (Owner.TEST_AUTHOR, OLD)


def test_a_run_that_only_the_change_breaks_is_the_coder_s() -> None:
    judged = existing_tests.judge(case(existing=run(result(OLD), note="pytest could not start")))
    assert only(judged).owner is Owner.CODER
    assert judged.answer is Answer.BROKEN


# --------------------------------------------------------------------------- existing tests: what is not seen

CANT_START = (
    "pytest could not start (exit code 1):\nTraceback (most recent call last):\n"
    '  File "/workspace/tests/conftest.py", line 3, in <module>\n'
    "ModuleNotFoundError: No module named 'trio'"
)
ELSEWHERE = CANT_START.replace("/workspace", "/var/vulcan-8f2a").replace("line 3", "line 4")
FIXTURE = "E   AttributeError: module '_pytest.monkeypatch' has no attribute 'notset'"
BROKEN_FIXTURES = run(*(result(f"tests/test_a.py::test_{n}", ERROR, FIXTURE) for n in range(435)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base": BROKEN_FIXTURES, "existing": BROKEN_FIXTURES}, "has no attribute 'notset'"),
        ({"base": run(note=CANT_START), "existing": run(note=ELSEWHERE)}, "No module named 'trio'"),
        ({"base": run(result(OLD), note="timed out")}, "timed out"),
        ({"base": run(result(OLD, FAILED, "E   assert 1 == 2"))}, "assert 1 == 2"),
        ({"unseen": ("tests/test_b.py",)}, "tests/test_b.py"),
        ({"base": run(), "baseline": Baseline(run(result(OLD)))}, "None of the existing tests"),
        ({"base": run(), "baseline": Baseline(run(), TestEstimate(3))}, "None of the existing tests"),
        ({"baseline": Baseline(run(result(OLD)), blind="sees 1 of about 90 tests")}, "1 of about 90"),
    ],
)
def test_what_can_not_be_seen_is_a_person_s_and_nobody_is_sent_to_work(
    changes: dict[str, Any], words: str
) -> None:
    judged = existing_tests.judge(case(**changes))
    finding = only(judged)
    assert (judged.answer, finding.owner) == (Answer.NOT_SEEN, Owner.PERSON)
    assert words in finding.text
    assert judge(case(**changes)).in_words == "shown, not proven"


def test_what_the_change_breaks_is_broken_though_not_all_is_seen() -> None:
    both = run(result(OLD), result("tests/test_c.py::test_c"), note="timed out")
    judged = existing_tests.judge(case(base=both, existing=run(result(OLD, FAILED), note="timed out")))
    assert judged.answer is Answer.BROKEN
    assert [(f.owner, f.path) for f in judged.findings] == [(Owner.CODER, OLD), (Owner.PERSON, "")]


def test_another_reason_than_on_the_base_is_the_coder_s() -> None:
    other = CANT_START.replace("ModuleNotFoundError: No module named 'trio'", "SyntaxError: invalid syntax")
    judged = existing_tests.judge(case(base=run(note=CANT_START), existing=run(note=other)))
    assert Owner.CODER in owners(judged)


def test_new_tests_that_fail_for_the_base_s_reason_are_nobody_s_to_mend() -> None:
    nothing = run(note=CANT_START)
    spoilt = case(base=nothing, existing=nothing, new=run(note=ELSEWHERE))
    assert only(criteria.judge(spoilt)).owner is Owner.PERSON


def test_the_numbers_are_always_of_how_many_and_names_are_given() -> None:
    broken = "tests/test_d.py::test_d"
    before = run(result(OLD), result(broken, FAILED), result("tests/test_e.py", ERROR, "E   ImportError: x"))
    estimate = TestEstimate(9, tuple(f"tests/test_{n}.py" for n in ("old", "d", "e")))
    judged = existing_tests.judge(case(base=before, baseline=Baseline(before, estimate)))
    assert judged.passed
    assert judged.detail == (
        "1 of 1 that passed before still pass, of 2 collected, 1 of 3 test files not: tests/test_e.py; "
        f"2 failed before the change already: {broken}, tests/test_e.py"
    )


def test_a_project_without_tests_has_none_to_break() -> None:
    judged = existing_tests.judge(case(base=run(), existing=run(), baseline=Baseline(run())))
    assert (judged.passed, judged.detail) == (True, "there are no existing tests")


def test_a_run_of_before_is_said_to_be_one() -> None:
    judged = existing_tests.judge(case(base=replace(run(result(OLD)), reused=True)))
    assert "the base run is that of an earlier job" in judged.detail


def test_many_broken_tests_are_summed_up() -> None:
    ids = [f"tests/test_m.py::test_{n}" for n in range(8)]
    judged = existing_tests.judge(
        case(base=run(*map(result, ids)), existing=run(*(result(i, FAILED) for i in ids)))
    )
    assert [f.path for f in judged.findings] == [*ids[:5], ""]
    assert "3 more" in judged.findings[-1].text
    assert judged.detail.startswith("0 of 8")


# ---------------------------------------------------------------------------------------------- criteria


def test_a_criterion_without_a_test_is_the_author_s() -> None:
    more = replace(
        REQUIREMENT, criteria=(*REQUIREMENT.criteria, AcceptanceCriterion("AC-2", "add(0, 0) is 0"))
    )
    judged = criteria.judge(case(requirement=more))
    finding = only(judged)
    assert (finding.owner, finding.path) == (Owner.TEST_AUTHOR, "AC-2")
    assert judged.detail.startswith("1 of 2")


def test_a_failing_test_is_the_coder_s_first_and_then_the_author_s() -> None:
    failing = case(new=run(result(NEW, FAILED, "assert 4 == 5")))
    first = only(criteria.judge(failing))
    assert (first.owner, first.path) == (Owner.CODER, NEW)
    assert "assert 4 == 5" in first.text
    assert "AC-1" in first.text

    second = only(criteria.judge(replace(failing, earlier=(first,))))
    assert (second.owner, second.path) == (Owner.TEST_AUTHOR, NEW)
    elsewhere = replace(first, path="tests/test_new.py::test_another")
    assert only(criteria.judge(replace(failing, earlier=(elsewhere,)))).owner is Owner.CODER


@pytest.mark.parametrize("outcome", [SKIPPED, ERROR])
def test_a_test_that_is_skipped_or_breaks_is_the_author_s(outcome: Outcome) -> None:
    finding = only(criteria.judge(case(new=run(result(NEW, outcome)))))
    assert finding.owner is Owner.TEST_AUTHOR


def test_a_parametrised_test_must_pass_with_all_parameters() -> None:
    ids = [f"{NEW}[a]", f"{NEW}[b]"]
    assert criteria.judge(case(new=run(*map(result, ids)))).passed
    assert criteria.judge(case(new=run(result(ids[0]), result(ids[1], SKIPPED)))).passed
    assert not criteria.judge(case(new=run(result(ids[0]), result(ids[1], FAILED)))).passed


def test_a_declared_test_that_is_not_collected_is_the_author_s_once() -> None:
    finding = only(criteria.judge(case(missing=(NEW,), new=run())))
    assert (finding.owner, finding.path) == (Owner.TEST_AUTHOR, NEW)
    assert "no such test" in finding.text


def test_new_tests_that_could_not_run_are_the_author_s() -> None:
    finding = only(criteria.judge(case(new=run(note="pytest could not start"))))
    assert finding.owner is Owner.TEST_AUTHOR


def test_one_failing_test_spoils_its_criterion_though_another_passes() -> None:
    two = CodeTesting((TestCase(NEW, ("AC-1",)), TestCase(OLD, ("AC-1",))), (), "tests", 1)
    judged = criteria.judge(case(testing=two, new=run(result(NEW), result(OLD, FAILED))))
    assert not judged.passed
    assert judged.detail.startswith("0 of 1")


# --------------------------------------------------------------------------------------------- red and green


@pytest.mark.parametrize(
    ("grade", "kills", "passed", "words"),
    [
        (RedGrade.ASSERTION, None, True, ""),
        (RedGrade.ASSERTION, True, True, ""),
        (RedGrade.ASSERTION, False, False, ""),
        (RedGrade.ABSENT, True, True, ""),
        (RedGrade.ABSENT, False, False, "bodies"),
        (RedGrade.ABSENT, None, False, "bodies"),
        (RedGrade.BROKEN, None, False, "collected"),
        (RedGrade.BROKEN, True, False, "collected"),
        (RedGrade.PASSES, None, False, "proves nothing"),
        (RedGrade.PASSES, True, False, "proves nothing"),
    ],
)
def test_which_reds_count(grade: RedGrade, kills: bool | None, passed: bool, words: str) -> None:
    judged = red_green.judge(case(red_green=(replace(PROOF, grade=grade, kills_empty_body=kills),)))
    assert judged.passed == passed
    if not passed:
        finding = only(judged)
        assert (finding.owner, finding.path) == (Owner.TEST_AUTHOR, NEW)
        assert words in finding.text
        assert "assert -1 == 5" in finding.text


def test_a_test_that_is_not_green_fails_the_gate_and_is_left_to_the_criteria() -> None:
    judged = red_green.judge(case(red_green=(PROOF, replace(PROOF, green=False))))
    assert (judged.passed, judged.findings) == (False, ())


def test_no_new_tests_prove_nothing() -> None:
    assert only(red_green.judge(case(red_green=()))).owner is Owner.TEST_AUTHOR


@pytest.mark.parametrize("grade", list(RedGrade))
def test_where_bodies_can_not_be_emptied_an_absent_name_is_red_enough_and_that_is_said(
    grade: RedGrade,
) -> None:
    judged = red_green.judge(case(red_green=(replace(PROOF, grade=grade, unemptied="tap"),)))
    assert judged.passed == (grade in (RedGrade.ASSERTION, RedGrade.ABSENT))
    assert judged.detail.endswith("emptied bodies: not applicable to tests run as tap")


@pytest.mark.parametrize(
    ("named", "test", "may"),
    [
        ("calc/calc_test.go::TestAdd", "calc::TestAdd", True),
        ("calc/calc_test.go::TestAdd", "calc::TestAdd/two", True),
        ("calc/calc_test.go::TestAdd", "calc::TestAddMore", False),
        ("calc/calc_test.go::TestAdd", "calc/calc_test.go", True),
        ("test/a.test.js::add > adds", ".::add adds", True),
        ("test/a.test.js::add > adds", "test/b.test.js::add > adds", False),
        ("tests/test_a.py::test_a", "tests/test_a.py", False),
        ("tests/test_a.py::test_a", "tests/test_a.py::test_b", False),
    ],
)
def test_a_test_that_the_requirement_changes_has_several_names(named: str, test: str, *, may: bool) -> None:
    requirement = replace(REQUIREMENT, changed_tests=(named,))
    assert case(requirement=requirement).may_change(test) is may


def test_test_files_of_other_languages_are_not_searched_and_that_is_said() -> None:
    artifact = CodeArtifact("test/a.test.js", ChangeKind.ADDED, 3, 0)
    judged = honest_tests.judge(case(testing=replace(GOOD.testing, artifacts=(artifact,))))
    assert (judged.passed, judged.detail) == (
        True,
        "not applicable: only Python is read for it, not test/a.test.js",
    )


def test_the_detail_counts_the_grades() -> None:
    judged = red_green.judge(case(red_green=(PROOF, replace(PROOF, grade=RedGrade.PASSES))))
    assert judged.detail == "1 of 2 new tests prove the change (grades: 1 A, 0 B, 0 C, 1 F)"


# ---------------------------------------------------------------------------------------------- the verdict

SPOILT: dict[str, dict[str, Any]] = {
    "change": {"generation": generation()},
    "static checks": {"static": (Finding("ruff", Owner.CODER, "F821"),)},
    "existing tests": {"existing": run(result(OLD, FAILED))},
    "criteria": {"new": run(result(NEW, FAILED))},
    "red-green": {"red_green": (replace(PROOF, grade=RedGrade.PASSES),)},
}


def test_the_good_change_is_proven() -> None:
    verdict = judge(GOOD)
    assert (verdict.proven, verdict.commit, verdict.findings) == (True, "tests", ())
    assert verdict.criteria == (CriterionProof("AC-1", (NEW,), proven=True),)


@pytest.mark.parametrize("gate", SPOILT)
def test_each_gate_alone_can_refuse(gate: str) -> None:
    verdict = judge(case(**SPOILT[gate]))
    assert not verdict.proven
    assert [g.gate for g in verdict.gates if not g.passed] == [gate]
    assert {finding.gate for finding in verdict.findings} <= {gate, "ruff"}
    assert verdict.findings


@given(st.sets(st.sampled_from(sorted(SPOILT))))
def test_any_fault_refuses_and_only_a_change_without_fault_is_proven(faults: set[str]) -> None:
    changes = {name: value for fault in faults for name, value in SPOILT[fault].items()}
    assert judge(case(**changes)).proven == (not faults)


@pytest.mark.parametrize(
    "changes", [{"red_green": ()}, {"new": run()}, {"testing": CodeTesting((), (), "tests", 1)}]
)
def test_a_criterion_is_proven_only_by_tests_that_prove_and_pass(changes: dict[str, Any]) -> None:
    assert [proof.proven for proof in judge(case(**changes)).criteria] == [False]


def test_warnings_are_no_findings_of_the_verdict() -> None:
    warning = Finding("ruff", Owner.CODER, "E501", Severity.WARNING)
    fault = Finding("ruff", Owner.CODER, "F821")
    assert judge(case(static=(warning, fault))).findings == (fault,)


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ("t.py::test_a", "t.py::test_a"),
        ("t.py::T::test_a[1-x]", "t.py::T::test_a"),
        ("t.py::test_a[a::b[c]]", "t.py::test_a"),
        ("app/[slug]/test_a.py::test_a[1]", "app/[slug]/test_a.py::test_a"),
        ("app/[slug]/test_a.py", "app/[slug]/test_a.py"),
    ],
)
def test_parameters_are_cut_off_and_nothing_else(node: str, name: str) -> None:
    assert without_parameters(node) == name
