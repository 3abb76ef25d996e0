"""From gates to the verdict."""

from __future__ import annotations

from dataclasses import replace

from vulcan.domain.evidence import Verdict
from vulcan.domain.gates import (
    change,
    criteria,
    demands,
    existing_tests,
    flaky,
    honest_tests,
    mutation,
    preserved,
    red_green,
    static_checks,
)
from vulcan.domain.gates.case import Case, Gate
from vulcan.domain.gates.criteria import proofs_of
from vulcan.domain.kinds import WorkKind

GATES: tuple[Gate, ...] = (
    change.judge,
    static_checks.judge,
    existing_tests.judge,
    honest_tests.judge,
    criteria.judge,
    flaky.judge,
    red_green.judge,
    mutation.judge,
    demands.judge,
)


ALWAYS: tuple[Gate, ...] = (static_checks.judge, existing_tests.judge, honest_tests.judge)
GATES_BY_KIND: dict[WorkKind, tuple[Gate, ...]] = {
    WorkKind.BEHAVIOUR: GATES,
    WorkKind.REFACTORING: (change.judge, *ALWAYS, preserved.judge, mutation.judge),
    WorkKind.SETTINGS: (change.judge, *ALWAYS),
    WorkKind.DOCUMENTS: (change.judge, *ALWAYS),
    WorkKind.TESTS: (*ALWAYS, criteria.judge, flaky.judge),
}
"""What counts for each kind: what a change can't have, such as tests that fail without it, is not asked of it."""


def judge_as(kind: WorkKind, case: Case) -> Verdict:
    """The verdict on somebody's change, by the gates of its kind.

    Of behaviour some points may be open, as long as new tests show it: people's tests rarely notice everything. Code without
    new tests is only shown by tests that notice everything.
    """
    case = replace(case, strict=kind is not WorkKind.BEHAVIOUR)
    asked = bool(case.requirement.statements)
    counting = [gate for gate in GATES_BY_KIND[kind] if asked or gate is not demands.judge]
    gates = tuple(gate(case) for gate in counting)
    shown = demands.proofs_of(case) if demands.judge in counting else ()
    return Verdict(all(g.passed for g in gates), gates, proofs_of(case), case.report.commit, shown)


def judge(case: Case) -> Verdict:
    """Proven if every gate passed. A pure function of the case: no model has a say in it."""
    gates = tuple(gate(case) for gate in GATES)
    proven = all(g.passed for g in gates)
    return Verdict(proven, gates, proofs_of(case), case.report.commit, demands.proofs_of(case))
