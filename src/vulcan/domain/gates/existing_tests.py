"""Tests that existed before stay green; their code comes from the base commit."""

from __future__ import annotations

from vulcan.domain.baseline import Baseline, exists, first_cause, same_cause
from vulcan.domain.evidence import EXISTING_TESTS, Finding, GateResult, Owner
from vulcan.domain.gates.case import Case
from vulcan.domain.testing import Outcome, TestResult, without_parameters

NAME = EXISTING_TESTS
SHOWN = 5
BAD = frozenset({Outcome.FAILED, Outcome.ERROR})


def judge(case: Case) -> GateResult:
    """Every test that passed on the base passes on the change, unless the requirement changes it.

    What was broken is the coder's or the test author's; what could not be seen is a person's, since no change to the
    code makes it seen.
    """
    findings = [*_unusable(case), *_all_broken(case), *_all_altered(case), *_all_stale(case)]
    unseen = _unseen(case)
    if unseen:
        findings.append(Finding(NAME, Owner.PERSON, unseen))
    broken = any(f.owner is not Owner.PERSON for f in findings)
    seen = broken or not unseen
    return GateResult(NAME, not findings, _detail(case, unseen), tuple(findings), seen)


# ----------------------------------------------------------------------------------------------- broken


def _unusable(case: Case) -> list[Finding]:
    """A run that only the change breaks as a whole is the coder's."""
    note, before = case.report.existing.note, case.report.base.note
    if not note or same_cause(before, note):
        return []
    return [Finding(NAME, Owner.CODER, f"The existing tests could not be run on the change: {note}")]


def _passed(case: Case) -> list[str]:
    return [r.id for r in case.report.base.results if r.outcome is Outcome.PASSED]


def _no_longer(case: Case) -> list[str]:
    """Tests that passed before and don't now; where the run broke off, those that it did not reach don't count."""
    now = case.report.existing.by_id()
    cut = bool(case.report.existing.note)
    return [t for t in _passed(case) if not _still_passes(now.get(t)) and not (cut and t not in now)]


def _all_broken(case: Case) -> list[Finding]:
    now = case.report.existing.by_id()
    broken = [test for test in _no_longer(case) if not case.may_change(test)]
    findings = [_broken(test, now.get(test) or now.get(test.split("::", 1)[0])) for test in broken[:SHOWN]]
    if len(broken) > SHOWN:
        text = f"... and {len(broken) - SHOWN} more existing tests fail: {_named(broken[SHOWN:])}"
        findings.append(Finding(NAME, Owner.CODER, text))
    return findings


def _all_altered(case: Case) -> list[Finding]:
    allowed = case.report.extended
    altered = [t for t in case.report.altered if t not in allowed and not case.may_change(t)]
    return [_altered(test) for test in altered[:SHOWN]]


def _changed(case: Case) -> list[str]:
    """Test functions that fail now because the requirement says so."""
    return sorted({without_parameters(t) for t in _no_longer(case) if case.may_change(t)})


def _all_stale(case: Case) -> list[Finding]:
    return [_stale(case, test) for test in _changed(case) if _is_stale(case, test)][:SHOWN]


# --------------------------------------------------------------------------------------------- not seen


def _unseen(case: Case) -> str:
    """Why the existing tests say too little about the change; empty where they say enough."""
    base, before = case.report.base, case.baseline or Baseline(case.report.base)
    if before.blind:
        return f"Vulcan {before.blind}. {before.hint}".rstrip()
    if base.note:
        return f"On the base commit the existing tests could not be run: {base.note}"
    if exists(before.run, before.estimate) and Outcome.PASSED not in base.counts:
        return f"None of the existing tests passes on the base commit: {first_cause(base)}"
    if case.report.unseen:
        return (
            f"Test files that import what was changed can't be collected on the base commit: "
            f"{_named(case.report.unseen)} ({first_cause(base)})"
        )
    return ""


# -------------------------------------------------------------------------------------------- in words


def _detail(case: Case, unseen: str) -> str:
    base, passed = case.report.base, _passed(case)
    before = case.baseline or Baseline(base)
    if not base.results and not unseen:
        return "there are no existing tests"
    gone = [test for test in _no_longer(case) if not case.may_change(test)]
    parts = [
        f"{len(passed) - len(gone)} of {len(passed)} that passed before still pass, of {_collected(case)}"
    ]
    if before.missing:
        parts[0] += (
            f", {len(before.missing)} of {before.estimate.files} test files not: {_named(before.missing)}"
        )
    failing = [r.id for r in base.results if r.outcome in BAD]
    if failing:
        parts.append(f"{len(failing)} failed before the change already: {_named(failing)}")
    parts += _altered_rightly(case)
    if gone:
        parts.append(f"broken: {_named(gone)}")
    if case.report.existing.note and not same_cause(base.note, case.report.existing.note):
        parts.append(f"on the change: {case.report.existing.note}")
    if unseen:
        parts.insert(0, f"not seen: {unseen}")
    return "; ".join([*parts, *_reused(case)])


def _altered_rightly(case: Case) -> list[str]:
    """Existing tests that the change may alter, and why."""
    extended, changed, parts = case.report.extended, _changed(case), []
    if extended:
        parts.append(f"{len(extended)} ask more than before: {_named(extended)}")
    if changed:
        parts.append(f"{len(changed)} change because the requirement says so: {', '.join(changed)}")
    return parts


def _reused(case: Case) -> list[str]:
    """Which runs are those of before."""
    parts = []
    if case.report.base.reused:
        parts.append("the base run is that of an earlier job on the same files")
    if case.report.existing.reused:
        parts.append("the run on the change is one of before on the same files")
    return parts


def _collected(case: Case) -> str:
    return (
        f"{sum('::' in r.id or r.outcome is not Outcome.ERROR for r in case.report.base.results)} collected"
    )


def _named(tests: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(tests) - SHOWN} more" if len(tests) > SHOWN else ""
    return ", ".join(tests[:SHOWN]) + more


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
