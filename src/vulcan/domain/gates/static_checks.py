"""Static checks report nothing that the base does not have."""

from __future__ import annotations

from vulcan.domain.evidence import GateResult, Severity
from vulcan.domain.gates.case import Case

NAME = "static checks"


def judge(case: Case) -> GateResult:
    """No new blocking finding of linters, types or secrets."""
    blocking = tuple(f for f in case.static if f.severity is Severity.BLOCKING)
    detail = f"{len(blocking)} new findings, {len(case.static) - len(blocking)} warnings"
    return GateResult(NAME, not blocking, detail, case.static)
