"""Code without new tests is shown by existing ones: there must be some, and they must pass with it."""

from __future__ import annotations

from vulcan.domain.evidence import Finding, GateResult, Owner
from vulcan.domain.gates.case import Case
from vulcan.domain.testing import Outcome

NAME = "preserved"
NOTHING = (
    "no existing test passes with the change, so nothing shows that the code still does what it did. Add tests that fail "
    "without the change, or tests of what must stay"
)


def judge(case: Case) -> GateResult:
    """Not seen where there are no such tests; whether they pass as before is the answer of `existing tests`."""
    passed = case.report.existing.counts.get(Outcome.PASSED, 0)
    if passed:
        return GateResult(NAME, True, f"no new tests; {passed} existing ones pass with the change")
    return GateResult(NAME, False, NOTHING, (Finding(NAME, Owner.PERSON, NOTHING),), seen=False)
