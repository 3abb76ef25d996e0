"""Tests would notice if the changed lines did something else: few small changes of them go unnoticed."""

from __future__ import annotations

from itertools import groupby

from vulcan.domain.evidence import MUTATION, Finding, GateResult, Owner
from vulcan.domain.gates.case import Case
from vulcan.domain.mutation import Mutant, MutantOutcome, MutationRun
from vulcan.domain.texts import shortened

NAME = MUTATION
MOST_OPEN, MOST_OPEN_SHARE = 2, 1 / 3
"""So many telling mutants, or so many of them, may go unnoticed. Others are named and don't count: on real fixes of people as
many moved limits and constants went unnoticed as were noticed, some of which nobody could see."""
MOST_LINES = 12
QUOTED = 80


def judge(case: Case) -> GateResult:
    """A part that the code can do without goes to the test author once; then the share decides."""
    run = case.report.mutation
    if run is None or not run.mutants:
        return GateResult(NAME, True, f"not checked: {run.note if run else 'no mutants were made'}")
    untold = [each for each in run.open if not each.told]
    telling = [each for each in run.checked if each.telling]
    unnoticed = [each for each in telling if each.open]
    enough = len(unnoticed) <= max(MOST_OPEN, MOST_OPEN_SHARE * len(telling)) and (run.killed or not run.open)
    passed = bool(enough) and not (case.strict and any(each.telling for each in untold))
    findings = () if passed else _findings(untold or list(run.open))
    return GateResult(NAME, passed, _detail(run), findings)


def _detail(run: MutationRun) -> str:
    detail = f"{run.killed} of {len(run.checked)} small changes of the changed lines are noticed by {run.tests} tests"
    if run.open:
        detail += "; by none: " + ", ".join(_listed(run.open))
    if unchecked := len(run.mutants) - len(run.checked):
        detail += f"; not checked for want of time: {unchecked}"
    return f"{detail}; {run.note}" if run.note else detail


def _listed(mutants: tuple[Mutant, ...]) -> list[str]:
    ordered = sorted(mutants, key=lambda each: not each.telling)
    listed = [f"{each.path}:{each.line} ({_change(each)})" for each in ordered[:MOST_LINES]]
    more = len(ordered) - MOST_LINES
    return [*listed, f"{more} more"] if more > 0 else listed


def _findings(mutants: list[Mutant]) -> tuple[Finding, ...]:
    """One finding a line, those that do without a part of the code first."""
    ordered = sorted(mutants, key=lambda each: (each.path, each.line))
    lines = [list(group) for _, group in groupby(ordered, key=lambda each: (each.path, each.line))]
    lines.sort(key=lambda line: not any(each.telling for each in line))
    return tuple(_finding(line) for line in lines[:MOST_LINES])


def _finding(line: list[Mutant]) -> Finding:
    first = line[0]
    if all(each.outcome is MutantOutcome.NOT_RUN for each in line):
        text = f"No test runs this line of the change: `{shortened(first.before, QUOTED)}`. "
    else:
        changes = "; ".join(_change(each) for each in line)
        text = f"The change can be altered here, and no test notices: {changes}. "
    text += (
        "Write a test of what the instruction asks for here that fails with it. Where nobody can see the difference from "
        "outside, leave it."
    )
    return Finding(NAME, Owner.TEST_AUTHOR, text, path=first.path, line=first.line)


def _change(mutant: Mutant) -> str:
    before, after = shortened(mutant.before, QUOTED), shortened(mutant.after, QUOTED)
    if mutant.after in ("pass", "raise"):
        return f"{mutant.operator}: `{before}`"
    if mutant.operator == "return value":
        return f"`return {before}` -> `return {after}`"
    return f"`{before}` -> `{after}`"
