"""New tests look at what the code does, and leave the machinery that runs them alone."""

from __future__ import annotations

from vulcan.domain.evidence import Finding, GateResult, Owner
from vulcan.domain.gates.case import Case

NAME = "honest tests"


def judge(case: Case) -> GateResult:
    """No new test file steers pytest, reads the product's source, or replaces parts of the product."""
    tricks = case.report.tricks
    findings = tuple(_finding(trick) for trick in tricks)
    detail = (
        f"{len(tricks)} places that could forge a result" if tricks else "nothing that could forge a result"
    )
    paths = [a.path for a in case.testing.artifacts]
    if paths and not tricks and not any(path.endswith(".py") for path in paths):
        detail = f"not applicable: only Python is read for it, not {', '.join(paths)}"
    return GateResult(NAME, not tricks, detail, findings)


def _finding(trick: str) -> Finding:
    text = f"{trick}. Remove it: tests must show what the code does by calling it."
    return Finding(NAME, Owner.TEST_AUTHOR, text, path=trick.split(": ", 1)[0])
