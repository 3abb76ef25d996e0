"""From gates to the verdict."""

from __future__ import annotations

from vulcan.domain.evidence import Verdict
from vulcan.domain.gates import (
    change,
    criteria,
    demands,
    existing_tests,
    honest_tests,
    mutation,
    red_green,
    static_checks,
)
from vulcan.domain.gates.case import Case, Gate
from vulcan.domain.gates.criteria import proofs_of

GATES: tuple[Gate, ...] = (
    change.judge,
    static_checks.judge,
    existing_tests.judge,
    honest_tests.judge,
    criteria.judge,
    red_green.judge,
    mutation.judge,
    demands.judge,
)


def judge(case: Case) -> Verdict:
    """Proven if every gate passed. A pure function of the case: no model has a say in it."""
    gates = tuple(gate(case) for gate in GATES)
    proven = all(g.passed for g in gates)
    return Verdict(proven, gates, proofs_of(case), case.report.commit, demands.proofs_of(case))
