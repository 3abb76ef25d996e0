"""Every demand of the instruction is shown: its criteria by tests, and its literals by what those tests name."""

from __future__ import annotations

from vulcan.domain.evidence import DEMANDS, DemandProof, Finding, GateResult, Owner
from vulcan.domain.gates.case import Case
from vulcan.domain.gates.criteria import proofs_of as criteria_proofs
from vulcan.domain.statements import Statement
from vulcan.domain.texts import shortened

NAME = DEMANDS
QUOTED = 120
NO_DEMAND = "no statement of the instruction is taken as a demand, so nothing that was asked is shown"


def judge(case: Case) -> GateResult:
    """Counts statements of the instruction, not criteria: what the analyst left out counts as not shown."""
    proofs = proofs_of(case)
    if not case.requirement.statements:
        return GateResult(NAME, True, "the instruction was not taken apart into statements")
    if not proofs and not case.requirement.dropped:
        return GateResult(NAME, False, NO_DEMAND, (Finding(NAME, Owner.PERSON, NO_DEMAND),))
    hidden = [proof for proof in proofs if not proof.shown]
    detail = f"{len(proofs) - len(hidden)} of {len(proofs)} demands shown"
    if hidden:
        detail += "; not shown: " + ", ".join(f"{p.statement} ({p.missing})" for p in hidden)
    if doubtful := case.requirement.doubtful:
        detail += "; taken as no demand: " + ", ".join(_quoted(each) for each in doubtful)
    findings = (*_for_author(case), *_for_person(case))
    return GateResult(NAME, not hidden, detail, findings)


def proofs_of(case: Case) -> tuple[DemandProof, ...]:
    """Of each demand what shows it, or why it counts as not shown."""
    proven = {proof.criterion for proof in criteria_proofs(case) if proof.proven}
    return tuple(_proof(case, each, proven) for each in case.requirement.demands)


def _proof(case: Case, statement: Statement, proven: set[str]) -> DemandProof:
    criteria = tuple(c.id for c in case.requirement.of_statement(statement.id))
    open_ones = [c for c in criteria if c not in proven]
    literals = _literals(case).get(statement.id, ())
    missing = ""
    if not criteria:
        missing = "no criterion covers it"
    elif open_ones:
        missing = f"{', '.join(open_ones)} not shown"
    elif why := _given_up(case).get(statement.id):
        missing = f"not testable: {shortened(why, QUOTED)}"
    elif literals:
        missing = f"no test names {_listed(literals)}"
    return DemandProof(statement.id, statement.text, criteria, missing)


def _for_author(case: Case) -> list[Finding]:
    given_up = _given_up(case)
    findings = []
    for statement in case.requirement.demands:
        literals = _literals(case).get(statement.id, ())
        if not literals or statement.id in given_up:
            continue
        criteria = ", ".join(c.id for c in case.requirement.of_statement(statement.id))
        text = (
            f"No test of {criteria} names {_listed(literals)}, which stands in {_quoted(statement)}. Test exactly that, "
            f"or submit it under not_testable with the reason; it then counts as not shown."
        )
        findings.append(Finding(NAME, Owner.TEST_AUTHOR, text, path=statement.id))
    return findings


def _for_person(case: Case) -> list[Finding]:
    untied = [f"No criterion covers {_quoted(each)}." for each in case.requirement.untied]
    names = {each.id: each for each in case.requirement.demands}
    given_up = [
        f"{_quoted(names[statement])} is not shown in full; the test author says: {why}"
        for statement, why in _given_up(case).items()
        if statement in names
    ]
    return [Finding(NAME, Owner.PERSON, text) for text in untied + given_up]


def _literals(case: Case) -> dict[str, tuple[str, ...]]:
    return {each.statement: each.literals for each in case.report.unmentioned}


def _given_up(case: Case) -> dict[str, str]:
    return {each.statement: each.why for each in case.testing.not_testable}


def _listed(literals: tuple[str, ...]) -> str:
    return ", ".join(f"`{literal}`" for literal in literals)


def _quoted(statement: Statement) -> str:
    return f"{statement.id} ({shortened(statement.text, QUOTED)})"
