"""A command that says nothing but whether all went well: it counts as one test, and none can be told from others."""

from __future__ import annotations

from vulcan.domain.testing import Outcome, TestResult
from vulcan.infrastructure.testing.reports.parsed import Report, clean


def parse(report: Report, command: str, exit_code: int) -> tuple[TestResult, ...]:
    """One result, named after the command."""
    test = f"{report.nowhere}::{command}"
    if exit_code == 0:
        return (TestResult(test, Outcome.PASSED),)
    return (TestResult(test, Outcome.FAILED, message=clean(f"{report.text}\n{report.output}")),)
