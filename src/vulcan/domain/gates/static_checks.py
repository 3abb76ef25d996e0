"""Static checks report nothing that the base does not have."""

from __future__ import annotations

from vulcan.domain.evidence import GateResult, Severity
from vulcan.domain.gates.case import Case

NAME = "static checks"


def judge(case: Case) -> GateResult:
    """No new blocking finding of linters, types or secrets."""
    blocking = tuple(f for f in case.static if f.severity is Severity.BLOCKING)
    contested = sum(f.severity is Severity.CONTESTED for f in case.static)
    detail = f"{len(blocking)} new findings, {len(case.static) - len(blocking) - contested} warnings"
    if contested:
        detail += f", {contested} contested: told to the coder, who let them stand"
    return GateResult(NAME, not blocking, detail, case.static)
