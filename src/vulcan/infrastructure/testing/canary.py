"""A test of a random name that must fail: where it passes, or is gone while others pass, something forges results."""

from __future__ import annotations

import secrets
from dataclasses import replace

from vulcan.application.ports import TestRequest, TestRunResult
from vulcan.domain.testing import Outcome, TestResult, TestRun

FORGED = (
    "a test that can only fail, which Vulcan put beside them, {how}: the code, the tests or a plug-in make results say what "
    "is not so. Remove whatever changes how tests run or are reported"
)


def new_canary(request: TestRequest) -> str:
    """A name for the canary of one run, which no code can know beforehand; empty for runs of whole suites."""
    return f"test_{secrets.token_hex(8)}" if request.ids and not request.beside_all else ""


def without_canary(result: TestRunResult, canary: str) -> TestRunResult:
    """The run without its canary, as pytest would have ended then; unusable where the canary did not fail."""
    if not canary or result.run.note:
        return replace(result, run=_stripped(result.run, canary)) if canary else result
    outcomes = {r.outcome for r in result.run.results if _is(r, canary)}
    if not outcomes and Outcome.PASSED not in result.run.counts:
        return result
    if outcomes and outcomes <= {Outcome.FAILED, Outcome.ERROR}:
        return replace(result, run=_stripped(result.run, canary))
    how = f"is reported as {', '.join(sorted(outcomes))}" if outcomes else "is missing in the report"
    return TestRunResult(TestRun((), result.run.exit_code, result.run.duration, FORGED.format(how=how)))


def _is(result: TestResult, canary: str) -> bool:
    return canary in result.id


def _stripped(run: TestRun, canary: str) -> TestRun:
    results = tuple(r for r in run.results if not _is(r, canary))
    bad = any(r.outcome in (Outcome.FAILED, Outcome.ERROR) for r in results)
    code = 0 if run.exit_code == 1 and results and not bad else run.exit_code
    return replace(run, results=results, exit_code=code)
