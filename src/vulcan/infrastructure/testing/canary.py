"""A test of a random name that must fail: where it passes, or is gone while others pass, something forges results."""

from __future__ import annotations

import secrets
from dataclasses import replace

from vulcan.application.ports import TestRequest, TestRunResult
from vulcan.domain.testing import Outcome, TestRun

BAD = frozenset({Outcome.FAILED, Outcome.ERROR})
FORGED = (
    "a test that can only fail, which Vulcan put beside them, {how}: the code, the tests or a plug-in make results say what "
    "is not so. Remove whatever changes how tests run or are reported"
)


def new_canary(request: TestRequest) -> str:
    """A name for the canary of one run, which no code can know beforehand; empty for runs of whole suites."""
    return f"test_{secrets.token_hex(8)}" if request.ids and not request.beside_all else ""


def without_canary(result: TestRunResult, canary: str) -> TestRunResult:
    """The run without its canary, as pytest would have ended then; unusable where the canary did not fail."""
    if not canary:
        return result
    run = result.run
    outcomes = {r.outcome for r in run.results if canary in r.id}
    failed = outcomes <= BAD if outcomes else Outcome.PASSED not in run.counts
    if failed or run.note:
        return replace(result, run=_stripped(run, canary))
    how = f"is reported as {', '.join(sorted(outcomes))}" if outcomes else "is missing in the report"
    return TestRunResult(TestRun((), run.exit_code, run.duration, FORGED.format(how=how)))


def _stripped(run: TestRun, canary: str) -> TestRun:
    results = tuple(r for r in run.results if canary not in r.id)
    bad = any(r.outcome in BAD for r in results)
    code = 0 if run.exit_code == 1 and results and not bad else run.exit_code
    return replace(run, results=results, exit_code=code)
