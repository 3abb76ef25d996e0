"""The lines of `go test -json`: `package::TestName/sub`, packages by their folder in the repository."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from vulcan.domain.testing import ABSENT_NAME, Outcome, TestResult
from vulcan.infrastructure.testing.reports.parsed import (
    DamagedReportError,
    Report,
    clean,
    failed,
    merged,
    not_collected,
    seconds_of,
)

OUTCOMES = {"pass": Outcome.PASSED, "fail": Outcome.FAILED, "skip": Outcome.SKIPPED}
_BUILD_FAILED = re.compile(r"^FAIL\t(\S+) \[(?:build|setup) failed\]", re.MULTILINE)
_COMPILER = re.compile(r"^# (\S+)", re.MULTILINE)
_BUILD_ID = re.compile(r" \[.*\]$")
_FRAME = re.compile(r"^(?:=== |\s*--- )[^\n]*\n?", re.MULTILINE)
_SOURCE_LINE = re.compile(r"^\S+\.go:\d+")
_TEST_LINE = re.compile(r"^\S*_test\.go:\d+", re.MULTILINE)


def parse(report: Report) -> tuple[TestResult, ...]:
    """Tests by package; a package that does not compile, or dies outside of any test, is an error of its own."""
    events = list(_events(report.text))
    if not events and not _BUILD_FAILED.search(report.text):
        raise DamagedReportError("it holds no events of go test")
    try:
        _check_ends(events)
        printed = _printed(events)
        results = [_result(report, event, printed) for event in events if _ends_a_test(event)]
        results += _unfinished(report, events, printed)
        results += _packages(
            report, events, printed, {r.id.partition("::")[0] for r in results if _is_bad(r)}
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedReportError(f"{type(error).__name__}: {error}") from error
    return merged(results)


def _check_ends(events: Iterable[dict[str, Any]]) -> None:
    """Every package that is begun ends with a word on the whole of it, unless go itself was stopped."""
    begun = {str(e["Package"]): e for e in events if e.get("Package")}
    ended = {str(e["Package"]) for e in events if e["Action"] in OUTCOMES and not e.get("Test")}
    if open_ := sorted(begun.keys() - ended):
        raise DamagedReportError(f"it breaks off in {open_[0]}")


def _is_bad(result: TestResult) -> bool:
    return result.outcome is Outcome.FAILED


def _events(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        if not line.startswith("{"):
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and isinstance(event.get("Action"), str):
            yield event


def _printed(events: Iterable[dict[str, Any]]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for event in events:
        if event["Action"] in ("output", "build-output"):
            package = str(event.get("Package") or _plain(str(event.get("ImportPath", ""))))
            found[package, str(event.get("Test", ""))].append(str(event.get("Output", "")))
    return {key: "".join(lines) for key, lines in found.items()}


def _ends_a_test(event: dict[str, Any]) -> bool:
    return event["Action"] in OUTCOMES and bool(event.get("Test"))


def _result(report: Report, event: dict[str, Any], printed: dict[tuple[str, str], str]) -> TestResult:
    package, test = str(event["Package"]), str(event["Test"])
    name = clean(f"{folder_of(report, package)}::{test}")
    seconds = seconds_of(event.get("Elapsed", 0.0))
    outcome = OUTCOMES[event["Action"]]
    if outcome is not Outcome.FAILED:
        return TestResult(name, outcome, seconds)
    text = printed.get((package, test), "")
    text += "".join(t for (p, n), t in printed.items() if p == package and n.startswith(f"{test}/"))
    panicked, text = "panic: " in text, _FRAME.sub("", text)
    return failed(name, text, "panic" if panicked else "", is_assert=not panicked, seconds=seconds)


def _unfinished(
    report: Report, events: list[dict[str, Any]], printed: dict[tuple[str, str], str]
) -> Iterator[TestResult]:
    """Tests that were started and never ended: their process died or was stopped."""
    ended = {(e["Package"], e["Test"]) for e in events if _ends_a_test(e)}
    for event in events:
        key = (event.get("Package"), event.get("Test"))
        if event["Action"] == "run" and key not in ended:
            place = folder_of(report, str(key[0]))
            yield failed(clean(f"{place}::{key[1]}"), printed.get((str(key[0]), str(key[1])), ""), "panic")


def _packages(
    report: Report, events: list[dict[str, Any]], printed: dict[tuple[str, str], str], explained: set[str]
) -> Iterator[TestResult]:
    """Packages that failed without a test that says why."""
    said = _compiler_said(report.output)
    broken = {str(e["Package"]) for e in events if e["Action"] == "fail" and not e.get("Test")}
    for package in sorted(broken | set(_BUILD_FAILED.findall(report.text))):
        place = folder_of(report, package)
        if place not in explained:
            text = said.get(package, "") + printed.get((package, ""), "")
            yield _broken_package(place, text)


def _broken_package(place: str, text: str) -> TestResult:
    """A test that does not compile, where the code that it tests does, asks for what is not there."""
    result = not_collected(place, text or "the package can't be built")
    lines = [line.removeprefix("vet: ") for line in text.splitlines()]
    lines = [line for line in lines if _SOURCE_LINE.match(line)]
    if lines and all(_TEST_LINE.match(line) for line in lines):
        return TestResult(place, Outcome.ERROR, exception=ABSENT_NAME, message=result.message)
    return result


def _compiler_said(output: str) -> dict[str, str]:
    """What the compiler printed, by package."""
    found: dict[str, str] = {}
    parts = _COMPILER.split(output)
    for package, text in zip(parts[1::2], parts[2::2], strict=True):
        found[package.removesuffix("_test")] = (
            found.get(package.removesuffix("_test"), "") + text.partition("\n")[2]
        )
    return found


def _plain(import_path: str) -> str:
    """A package's path, without what the build adds: `a/b [a/b.test]`."""
    return _BUILD_ID.sub("", import_path).removesuffix("_test").removesuffix(".test")


def folder_of(report: Report, package: str) -> str:
    """The folder of a package in the repository."""
    for module in sorted(report.modules, key=len, reverse=True):
        if package == module:
            return report.nowhere
        if package.startswith(f"{module}/"):
            return str(PurePosixPath(report.folder, package[len(module) + 1 :]))
    return package
