"""Every criterion has a test that passes on the change."""

from __future__ import annotations

from vulcan.domain.baseline import same_cause
from vulcan.domain.evidence import CriterionProof, Finding, GateResult, Owner
from vulcan.domain.gates.case import Case
from vulcan.domain.testing import Outcome

NAME = "criteria"


def judge(case: Case) -> GateResult:
    """Each criterion is tied to tests, and all of those pass."""
    new = case.report.new
    if new.note:
        text = f"The new tests could not be run: {new.note}"
        owner = Owner.PERSON if same_cause(case.report.base.note, new.note) else Owner.TEST_AUTHOR
        return GateResult(NAME, False, new.note, (Finding(NAME, owner, text),), owner is not Owner.PERSON)
    findings = [_missing(test) for test in case.report.missing]
    shown = 0
    for criterion in case.requirement.criteria:
        tests = [c.id for c in case.testing.cases if criterion.id in c.criteria]
        if not tests:
            text = f"No test is tied to {criterion.id}: {criterion.text}"
            findings.append(Finding(NAME, Owner.TEST_AUTHOR, text, path=criterion.id))
        elif all(new.passes(test) for test in tests):
            shown += 1
    failing = [c.id for c in case.testing.cases if c.id not in case.report.missing and not new.passes(c.id)]
    findings += [_failing(case, test) for test in failing]
    detail = f"{shown} of {len(case.requirement.criteria)} criteria shown by passing tests"
    return GateResult(NAME, not findings, detail, tuple(findings))


def proofs_of(case: Case) -> tuple[CriterionProof, ...]:
    """Of each criterion whether all of its tests show it."""
    showing = {entry.test for entry in case.report.red_green if case.counts(entry)}
    proofs = []
    for criterion in case.requirement.criteria:
        tests = tuple(c.id for c in case.testing.cases if criterion.id in c.criteria)
        proven = bool(tests) and all(test in showing and case.report.new.passes(test) for test in tests)
        proofs.append(CriterionProof(criterion.id, tests, proven))
    return tuple(proofs)


def _missing(test: str) -> Finding:
    text = (
        f"{test} was declared but the test run has no such test. Declare tests as the run names them, such as "
        "tests/test_x.py::TestClass::test_name for pytest, and check that the file can be loaded."
    )
    return Finding(NAME, Owner.TEST_AUTHOR, text, path=test)


def _failing(case: Case, test: str) -> Finding:
    """The coder is asked first; a test that still fails after that is the author's to look at again."""
    results = [r for r in case.report.new.of(test) if r.outcome is not Outcome.PASSED]
    message = results[0].message or results[0].outcome.value if results else "no result"
    asked_before = any(f.gate == NAME and f.path == test and f.owner is Owner.CODER for f in case.earlier)
    if asked_before or (results and results[0].outcome in (Outcome.SKIPPED, Outcome.ERROR)):
        text = (
            f"{test} does not pass on the change. Check the test against its criterion; mend the test if it "
            f"demands what the criterion does not say:\n{message}"
        )
        return Finding(NAME, Owner.TEST_AUTHOR, text, path=test)
    criteria = ", ".join(c for item in case.testing.cases if item.id == test for c in item.criteria)
    return Finding(NAME, Owner.CODER, f"{test} (shows {criteria}) fails on the change:\n{message}", path=test)
