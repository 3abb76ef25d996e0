"""From the plugin's lines to a `TestRun`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from vulcan.application.ports import TestRunResult
from vulcan.domain.testing import Outcome, TestResult, TestRun

WORST_FIRST = (Outcome.FAILED, Outcome.ERROR, Outcome.PASSED, Outcome.SKIPPED)
SOME_FAILED = 1
MESSAGE = 4_000
MOST_RECORDS, LONGEST_RECORD = 500_000, 8 * 1024**2


class _DamageError(Exception):
    """The report holds what the plugin never writes, or says what pytest's exit code denies."""


def parse_report(text: str, ids: Sequence[str], exit_code: int, duration: float, note: str) -> TestRunResult:
    """What the run says; where it ended early the note says at which test."""
    duration = round(duration, 3)
    try:
        records = list(_records(text))
        results = _results(records, ids)
        if not any(record["type"] == "end" for record in records):
            note = _early_end(records, results, exit_code, note)
        elif not note:
            _check(records, results, exit_code)
        lines, statements = _lines(records, "lines", "hits"), _lines(records, "statements", "lines")
        readers = [
            _text(f"{r['path']}: reads the source of {r['read']}") for r in records if r["type"] == "source"
        ]
    except (
        _DamageError,
        ArithmeticError,
        AttributeError,
        KeyError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        # The project's code runs beside the plugin and can write into its report.
        why = _text(f"{type(error).__name__}: {error}" if not isinstance(error, _DamageError) else str(error))
        return TestRunResult(TestRun((), exit_code, duration, f"the tests' report is damaged: {why[:300]}"))
    run = TestRun(tuple(results.values()), exit_code, duration, note)
    return TestRunResult(run, lines, statements, tuple(readers))


def _check(records: Sequence[dict[str, Any]], results: dict[str, TestResult], exit_code: int) -> None:
    """A report of a whole run agrees with the exit code, which comes from the box's server and not from the tests."""
    last = max(number for number, record in enumerate(records) if record["type"] == "end")
    first = min(number for number, record in enumerate(records) if record["type"] == "end")
    if first != last or any(record["type"] in ("start", "test") for record in records[last:]):
        raise _DamageError("it goes on after the end of the run")
    if records[last].get("exit") != exit_code:
        raise _DamageError(
            f"it ends with {records[last].get('exit')!r}, yet pytest's exit code is {exit_code}"
        )
    failed = any(result.outcome in (Outcome.FAILED, Outcome.ERROR) for result in results.values())
    if exit_code == SOME_FAILED and not failed:
        raise _DamageError(f"no test failed in it, yet pytest's exit code is {exit_code}")
    if exit_code == 0 and not any(record["type"] == "start" for record in records):
        raise _DamageError("no test started in it, yet pytest's exit code is 0")


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


def records_of(text: str) -> list[dict[str, Any]]:
    """All lines of a report that are records; a ValueError if it is too long, or holds no numbers where they belong."""
    try:
        return list(_records(text))
    except _DamageError as error:
        raise ValueError(str(error)) from None


def _records(text: str) -> Iterable[dict[str, Any]]:
    lines = text.splitlines()
    if len(lines) > MOST_RECORDS or any(len(line) > LONGEST_RECORD for line in lines):
        raise _DamageError("it is too long")
    for line in lines:
        try:
            record = json.loads(line, parse_constant=_no_number)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("type"), str):
            yield record


def _no_number(constant: str) -> NoReturn:
    raise _DamageError(f"{constant} is no number")


def _text(value: object) -> str:
    """Text that can be stored: JSON can name half a surrogate pair, which no encoding holds."""
    return str(value).encode("utf-8", "replace").decode()


def _seconds(value: object) -> float:
    seconds = float(value)  # type: ignore[arg-type]
    if not (math.isfinite(seconds) and seconds >= 0):
        raise _DamageError(f"{seconds} is no duration")
    return round(seconds, 4)


def _result(record: dict[str, Any]) -> TestResult:
    return TestResult(
        id=_text(record["id"]),
        outcome=Outcome(record["outcome"]),
        duration=_seconds(record.get("duration", 0.0)),
        exception=_text(record.get("exception", "")),
        is_assert=bool(record.get("is_assert")),
        in_test=bool(record.get("in_test")),
        message=_text(record.get("message", ""))[-MESSAGE:],
        ran=bool(record.get("ran")),
    )


def _merge(results: dict[str, TestResult], result: TestResult) -> None:
    """Sub-tests report under their parent's id: the worst outcome counts, whatever is said later."""
    known = results.get(result.id)
    if known is None or WORST_FIRST.index(result.outcome) < WORST_FIRST.index(known.outcome):
        results[result.id] = result


def _uncollected(record: dict[str, Any], ids: Sequence[str]) -> list[TestResult]:
    path, message = _text(record["path"]), _text(record.get("message", ""))[-MESSAGE:]
    concerned = [i for i in ids if i.split("::", 1)[0] == path] or [path]
    return [TestResult(i, Outcome.ERROR, message=message, exception="CollectionError") for i in concerned]


def _early_end(
    records: Sequence[dict[str, Any]], results: dict[str, TestResult], exit_code: int, note: str
) -> str:
    started = [_text(r["id"]) for r in records if r["type"] == "start"]
    unfinished = [test for test in started if test not in results]
    where = f" in {unfinished[-1]}" if unfinished else ""
    return f"{note or f'the test run ended early with exit code {exit_code}'}{where}"


def _lines(records: Sequence[dict[str, Any]], kind: str, field: str) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for record in records:
        if record["type"] == kind:
            found.update({_text(path): _numbers(lines) for path, lines in record[field].items()})
    return found


def _numbers(lines: Any) -> tuple[int, ...]:
    if not all(type(line) is int for line in lines):
        raise _DamageError("lines of a file are whole numbers")
    return tuple(lines)
