"""From the plugin's lines to a `TestRun`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from vulcan.application.ports import TestRunResult
from vulcan.domain.testing import Outcome, TestResult, TestRun

WORST_FIRST = (Outcome.FAILED, Outcome.ERROR, Outcome.PASSED, Outcome.SKIPPED)


def parse_report(text: str, ids: Sequence[str], exit_code: int, duration: float, note: str) -> TestRunResult:
    """What the run says; where it ended early the note says at which test."""
    records = list(_records(text))
    duration = round(duration, 3)
    try:
        results = _results(records, ids)
        if not any(record["type"] == "end" for record in records):
            note = _early_end(records, results, exit_code, note)
        lines, statements = _lines(records, "lines", "hits"), _lines(records, "statements", "lines")
        readers = [f"{r['path']}: reads the source of {r['read']}" for r in records if r["type"] == "source"]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # The project's code runs beside the plugin and can write into its report.
        return TestRunResult(TestRun((), exit_code, duration, f"the tests' report is damaged: {error!r}"))
    run = TestRun(tuple(results.values()), exit_code, duration, note)
    return TestRunResult(run, lines, statements, tuple(readers))


def _results(records: Sequence[dict[str, Any]], ids: Sequence[str]) -> dict[str, TestResult]:
    results: dict[str, TestResult] = {}
    for record in records:
        if record["type"] == "test":
            _merge(results, _result(record))
    for record in records:
        if record["type"] == "collect":
            for result in _uncollected(record, ids):
                results.setdefault(result.id, result)
    return results


def _records(text: str) -> Iterable[dict[str, Any]]:
    for line in text.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("type"), str):
            yield record


def _result(record: dict[str, Any]) -> TestResult:
    return TestResult(
        id=str(record["id"]),
        outcome=Outcome(record["outcome"]),
        duration=round(float(record.get("duration", 0.0)), 4),
        exception=str(record.get("exception", "")),
        is_assert=bool(record.get("is_assert")),
        in_test=bool(record.get("in_test")),
        message=str(record.get("message", "")),
        ran=bool(record.get("ran")),
    )


def _merge(results: dict[str, TestResult], result: TestResult) -> None:
    """Sub-tests report under their parent's id: the worst outcome counts."""
    known = results.get(result.id)
    if known is None or WORST_FIRST.index(result.outcome) < WORST_FIRST.index(known.outcome):
        results[result.id] = result


def _uncollected(record: dict[str, Any], ids: Sequence[str]) -> list[TestResult]:
    path, message = str(record["path"]), str(record.get("message", ""))
    concerned = [i for i in ids if i.split("::", 1)[0] == path] or [path]
    return [TestResult(i, Outcome.ERROR, message=message, exception="CollectionError") for i in concerned]


def _early_end(
    records: Sequence[dict[str, Any]], results: dict[str, TestResult], exit_code: int, note: str
) -> str:
    started = [str(r["id"]) for r in records if r["type"] == "start"]
    unfinished = [test for test in started if test not in results]
    where = f" in {unfinished[-1]}" if unfinished else ""
    return f"{note or f'the test run ended early with exit code {exit_code}'}{where}"


def _lines(records: Sequence[dict[str, Any]], kind: str, field: str) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for record in records:
        if record["type"] == kind:
            found.update({path: tuple(lines) for path, lines in record[field].items()})
    return found
