"""JUnit's XML, as Surefire, mocha, jest, pytest and many others write it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn
from xml.parsers import expat

from vulcan.domain.testing import Outcome, TestResult
from vulcan.infrastructure.testing.reports.parsed import (
    DamagedReportError,
    Report,
    failed,
    merged,
    not_collected,
    seconds_of,
)

DEEPEST = 50
SUITES, CASE, KINDS = ("testsuites", "testsuite"), "testcase", ("failure", "error", "skipped")
UNSTARTED = ("failed on setup", "collection failure", "failed on teardown")


def parse(report: Report) -> tuple[TestResult, ...]:
    """The test cases of a document, as `file-or-class::name`."""
    reader = _Reader(report)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(report.text.encode("utf-8", "replace"), True)
    except (expat.ExpatError, ValueError) as error:
        raise DamagedReportError(f"it is no XML: {error}") from error
    if not reader.is_junit:
        raise DamagedReportError("it holds no test suites")
    return merged(reader.results)


def _refuse(*_: object) -> NoReturn:
    """A report needs no document type, and without one there are no entities to expand or fetch."""
    raise DamagedReportError("it declares a document type")


@dataclass
class _Case:
    test: str
    seconds: float
    kind: str = ""
    exception: str = ""
    message: str = ""
    body: list[str] = field(default_factory=list)


class _Reader:
    def __init__(self, report: Report) -> None:
        self._report = report
        self._open: list[str] = []
        self._suites: list[dict[str, str]] = []
        self._case: _Case | None = None
        self.results: list[TestResult] = []
        self.is_junit = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(" ")[2]
        self._open.append(name)
        if len(self._open) > DEEPEST:
            raise DamagedReportError("it is nested too deeply")
        if name in SUITES:
            self.is_junit = True
            self._suites.append(attributes)
        elif name == CASE:
            self._case = _Case(self._named(attributes), seconds_of(attributes.get("time", "0")))
        elif name in KINDS and self._case and self._case.kind != "skipped":
            self._case.kind = name
            self._case.exception = attributes.get("type", "")
            self._case.message = attributes.get("message", "")

    def end(self, name: str) -> None:
        name = name.rpartition(" ")[2]
        self._open.pop()
        if name in SUITES:
            self._suites.pop()
        elif name == CASE and self._case:
            self.results.append(_result(self._case))
            self._case = None

    def text(self, text: str) -> None:
        if self._case and self._open[-1] in KINDS:
            self._case.body.append(text)

    def _named(self, case: dict[str, Any]) -> str:
        file = case.get("file") or next((s["file"] for s in reversed(self._suites) if s.get("file")), "")
        if file:
            place = self._report.place(file)
        else:
            suite = self._suites[-1].get("name", "") if self._suites else ""
            place = case.get("classname") or suite or self._report.nowhere
        return f"{place}::{case.get('name', '')}"


def _result(case: _Case) -> TestResult:
    if not case.kind:
        return TestResult(case.test, Outcome.PASSED, case.seconds)
    if case.kind == "skipped":
        return TestResult(case.test, Outcome.SKIPPED, case.seconds)
    body = "".join(case.body)
    message = body if case.message in body else f"{case.message}\n{body}"
    if case.kind == "error" and case.message.startswith(UNSTARTED):
        return not_collected(case.test, message)
    exception = case.exception.rpartition(".")[2]
    is_assert = case.kind == "failure" and (
        "assert" in f"{exception} {message}".lower() or "Comparison" in exception
    )
    return failed(case.test, message, exception, is_assert=is_assert, seconds=case.seconds)
