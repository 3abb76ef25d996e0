"""From gates to the verdict."""

from __future__ import annotations

from vulcan.domain.evidence import CriterionProof, Verdict
from vulcan.domain.gates import change, criteria, existing_tests, honest_tests, red_green, static_checks
from vulcan.domain.gates.case import Case, Gate

GATES: tuple[Gate, ...] = (
    change.judge,
    static_checks.judge,
    existing_tests.judge,
    honest_tests.judge,
    criteria.judge,
    red_green.judge,
)


def judge(case: Case) -> Verdict:
    """Proven if every gate passed. A pure function of the case: no model has a say in it."""
    gates = tuple(gate(case) for gate in GATES)
    return Verdict(all(g.passed for g in gates), gates, _proofs(case), case.report.commit)


def _proofs(case: Case) -> tuple[CriterionProof, ...]:
    proving = {entry.test for entry in case.report.red_green if entry.proves}
    proofs = []
    for criterion in case.requirement.criteria:
        tests = tuple(c.id for c in case.testing.cases if criterion.id in c.criteria)
        proven = bool(tests) and all(test in proving and case.report.new.passes(test) for test in tests)
        proofs.append(CriterionProof(criterion.id, tests, proven))
    return tuple(proofs)
