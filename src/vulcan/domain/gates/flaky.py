"""New tests end the same way whatever their order, the hash seed and the time zone."""

from __future__ import annotations

from vulcan.domain.evidence import Finding, GateResult, Owner
from vulcan.domain.gates.case import Case

NAME = "flaky tests"


def judge(case: Case) -> GateResult:
    """A test that passes and fails on the same code shows nothing."""
    flaky = case.report.flaky
    detail = f"{len(flaky)} new tests pass and fail on the same code" if flaky else "no new test is flaky"
    return GateResult(NAME, not flaky, detail, tuple(map(_finding, flaky)))


def _finding(test: str) -> Finding:
    text = (
        f"{test} passes and fails on the same code: it was run again in the opposite order, with other values of "
        "PYTHONHASHSEED and TZ. Make it independent of other tests, of the order of sets, of the clock and of the time zone."
    )
    return Finding(NAME, Owner.TEST_AUTHOR, text, path=test)
