"""Every new test is red without the change, for a reason that counts, and green with it."""

from __future__ import annotations

from vulcan.domain.evidence import Finding, GateResult, Owner
from vulcan.domain.gates.case import Case
from vulcan.domain.testing import RedGrade, RedGreen

NAME = "red-green"

ADVICE = {
    RedGrade.ASSERTION: (
        "calls no function of the changed files, and it still passes when the bodies of the changed functions are "
        "emptied: it looks at names, files or source text. Call the code and assert on what it returns or does."
    ),
    RedGrade.PASSES: (
        "passes without the change, so it proves nothing. Make it assert what is different after the change, "
        "or remove it. If its criterion holds without the change already (an error that is raised today, too), submit the "
        "criterion under holding_already; the report says so."
    ),
    RedGrade.BROKEN: (
        "can't be collected or set up without the change, so its red proves nothing. "
        "Import what the change adds inside the test function, and keep fixtures free of it."
    ),
    RedGrade.ABSENT: (
        "fails without the change only because a name or parameter is absent, and it still passes when the bodies "
        "of the changed functions are emptied. Assert on the values that the new code returns or its effects."
    ),
}

NO_RED = (
    "No new test fails without the change, so nothing shows that the change does anything. Write a test of a criterion "
    "of new behaviour that fails without the change."
)


def judge(case: Case) -> GateResult:
    """Grades of all new tests; one that proves nothing goes back to its author."""
    entries = case.report.red_green
    findings = tuple(_finding(e) for e in entries if e.green and not case.counts(e))
    proving = [e for e in entries if e.proves]
    preserving = [e for e in entries if case.counts(e) and not e.proves]
    grades = ", ".join(f"{sum(e.grade is g for e in entries)} {g.value}" for g in RedGrade)
    detail = f"{len(proving)} of {len(entries)} new tests prove the change (grades: {grades})"
    if preserving:
        detail += f"; {len(preserving)} show what holds without the change, too"
        if already := case.testing.holding_already:
            detail += f" ({', '.join(already)}: new to the analyst, but held already)"
    if unemptied := {e.unemptied for e in entries if e.unemptied}:
        detail += f"; emptied bodies: not applicable to tests run as {', '.join(sorted(unemptied))}"
    if not entries:
        findings = (Finding(NAME, Owner.TEST_AUTHOR, "There are no new tests. Write them."),)
    elif preserving and not proving:
        findings = (*findings, Finding(NAME, Owner.TEST_AUTHOR, NO_RED))
    all_count = len(proving) + len(preserving) == len(entries)
    passed = bool(proving) and (all_count or not case.strict)
    return GateResult(NAME, passed, detail, findings)


def _finding(entry: RedGreen) -> Finding:
    reason = f"\nOn the base it ended with: {entry.red_reason}" if entry.red_reason else ""
    return Finding(NAME, Owner.TEST_AUTHOR, f"{entry.test} {ADVICE[entry.grade]}{reason}", path=entry.test)
