"""What `node --test` says through Vulcan's own reporter: a JSON line a test, `file::suite > name`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from vulcan.domain.testing import Outcome, TestResult
from vulcan.infrastructure.testing.reports.parsed import (
    DamagedReportError,
    Report,
    clean,
    failed,
    merged,
    not_collected,
    seconds_of,
)

NOT_STARTED = frozenset({"hookFailed", "cancelledByParent"})
TIMED_OUT = "testTimeoutFailure"


def parse(report: Report) -> tuple[TestResult, ...]:
    """All tests; suites only where they themselves broke, files only where they hold no tests or can't be loaded."""
    try:
        records = [json.loads(line) for line in report.text.splitlines() if line.strip()]
        results = merged(_results(report, records))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DamagedReportError(f"{type(error).__name__}: {error}") from error
    if not records or records[-1].get("type") != "end":
        raise DamagedReportError("it breaks off before the end of the run")
    return results


def _results(report: Report, records: list[Any]) -> Iterator[TestResult]:
    for record in records:
        if record["type"] == "test" and not _is_only_a_frame(record):
            yield _result(report, record)


def _is_only_a_frame(record: dict[str, Any]) -> bool:
    """A suite says nothing that its tests don't say, unless it broke itself."""
    return bool(record["suite"]) and (
        record["outcome"] != "failed" or record.get("failure") in {"subtestsFailed", "hookFailed"}
    )


def _result(report: Report, record: dict[str, Any]) -> TestResult:
    place = report.place(str(record["file"])) if record["file"] else report.nowhere
    names = [str(name) for name in record["names"]]
    seconds = seconds_of(record.get("seconds", 0.0))
    is_file = [report.place(name) for name in names] == [place]
    test = clean(place if is_file else f"{place}::{' > '.join(names)}")
    outcome = Outcome(record["outcome"])
    if outcome is not Outcome.FAILED:
        return TestResult(test, outcome, seconds)
    message = str(record.get("message", ""))
    if is_file:
        return not_collected(test, str(record.get("printed")) or message)
    if record.get("failure") in NOT_STARTED:
        return TestResult(test, Outcome.ERROR, seconds, message=clean(message))
    if record.get("failure") == TIMED_OUT:
        return TestResult(test, Outcome.FAILED, seconds, "TestTimeoutError", message=clean(message))
    exception = str(record.get("exception", ""))
    is_assert = record.get("code") == "ERR_ASSERTION" or exception == "AssertionError"
    return failed(test, message, exception, is_assert=is_assert, seconds=seconds)
