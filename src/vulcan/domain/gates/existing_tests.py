"""Tests that existed before stay green; their code comes from the base commit."""

from __future__ import annotations

from vulcan.domain.evidence import Finding, GateResult, Owner, Severity
from vulcan.domain.gates.case import Case
from vulcan.domain.testing import Outcome, TestResult, without_parameters

NAME = "existing tests"
SHOWN = 5


def judge(case: Case) -> GateResult:
    """Every test that passed on the base passes on the change, unless the requirement changes it."""
    base, existing = case.report.base, case.report.existing
    if existing.note:
        text = f"The existing tests could not be run on the change: {existing.note}"
        return GateResult(NAME, False, existing.note, (Finding(NAME, Owner.CODER, text),))
    now = existing.by_id()
    passed = [r.id for r in base.results if r.outcome is Outcome.PASSED]
    broken = [test for test in passed if not _still_passes(now.get(test)) and not case.may_change(test)]
    altered = [t for t in case.report.altered if not case.may_change(t)]
    findings = [_broken(test, now.get(test) or now.get(test.split("::", 1)[0])) for test in broken[:SHOWN]]
    findings += [_altered(test) for test in altered[:SHOWN]]
    if len(broken) > SHOWN:
        findings.append(
            Finding(NAME, Owner.CODER, f"... and {len(broken) - SHOWN} more existing tests fail.")
        )
    allowed = {without_parameters(t) for t in passed if case.may_change(t) and not _still_passes(now.get(t))}
    findings += [_stale(case, test) for test in sorted(allowed) if _is_stale(case, test)][:SHOWN]
    detail = f"{len(passed) - len(broken)} of {len(passed)} that passed before still pass"
    failing_before = sum(1 for r in base.results if r.outcome in (Outcome.FAILED, Outcome.ERROR))
    if failing_before:
        detail += f"; {failing_before} failed before the change already"
    if allowed:
        detail += f"; {len(allowed)} change because the requirement says so: {', '.join(sorted(allowed))}"
    if base.note:
        findings.append(Finding(NAME, Owner.PERSON, f"On the base commit: {base.note}", Severity.WARNING))
        detail += f"; base run: {base.note}"
    blocking = any(f.severity is Severity.BLOCKING for f in findings)
    return GateResult(NAME, not blocking, detail, tuple(findings))


def _still_passes(result: TestResult | None) -> bool:
    return result is not None and result.outcome is Outcome.PASSED


def _is_stale(case: Case, test: str) -> bool:
    """Whether the change still has a test that the requirement changes, and it fails."""
    return bool(case.report.new.of(test)) and not case.report.new.passes(test)


def _stale(case: Case, test: str) -> Finding:
    message = next((r.message for r in case.report.new.of(test) if r.message), "")
    text = f"{test} contradicts the requirement, which says so. Bring its expectation up to date:\n{message}"
    return Finding(NAME, Owner.TEST_AUTHOR, text, path=test)


def _broken(test: str, result: TestResult | None) -> Finding:
    what = "is no longer collected" if result is None else f"{result.outcome.value}:\n{result.message}"
    return Finding(NAME, Owner.CODER, f"{test} passed before the change and now {what}", path=test)


def _altered(test: str) -> Finding:
    text = (
        f"{test} existed before and its code was altered or removed, which the requirement does not ask for. "
        "Put it back as it was; add new tests beside it."
    )
    return Finding(NAME, Owner.TEST_AUTHOR, text, path=test)
