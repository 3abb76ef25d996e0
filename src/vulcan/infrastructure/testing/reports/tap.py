"""The Test Anything Protocol, versions 12 to 14, with subtests as node, tap and others indent them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from vulcan.domain.testing import Outcome, TestResult
from vulcan.infrastructure.testing.reports.parsed import (
    DamagedReportError,
    Report,
    failed,
    merged,
    not_collected,
    seconds_of,
)

INDENT = 4
_POINT = re.compile(r"^(?P<not>not )?ok\b(?: +(?P<number>\d+))?(?: +-(?= |$))?(?P<rest>.*)$")
_PLAN = re.compile(r"^1\.\.(?P<count>\d+)\s*(?:#\s*(?P<why>.*))?$")
_DIRECTIVE = re.compile(
    r"(?<!\\)#\s*(?P<kind>skip|todo)\S*\s*(?P<why>.*)$|(?<!\\)#\s*time=.*$", re.IGNORECASE
)
_SUBTEST = re.compile(r"^# Subtest: ?(?P<name>.*)$")
_SUMMARY = re.compile(r"^# (?:tests?|suites|pass|fail|ok|skip(?:ped)?|todo|cancelled|duration_ms|time)\b")
_FILE = re.compile(r"^\S+\.[cm]?[jt]sx?$")
_FIELD = re.compile(r"^\s*(?P<name>\w+): *(?P<value>.*)$")


@dataclass
class _Point:
    """A test point, with the lines that explain it."""

    names: tuple[str, ...]
    passed: bool
    directive: str
    is_parent: bool
    lines: list[str] = field(default_factory=list)


def parse(report: Report) -> tuple[TestResult, ...]:
    """All test points, as `file::outer > inner`; parents of subtests too, since their own code can fail."""
    reader = _Reader()
    for line in report.text.splitlines():
        reader.read(line)
    reader.check()
    return merged(_result(report, point) for point in reader.points if not _is_only_a_frame(point))


def _is_only_a_frame(point: _Point) -> bool:
    """A parent that passed, or failed for its subtests alone, says nothing that they don't say."""
    return point.is_parent and (point.passed or any("subtestsFailed" in line for line in point.lines))


class _Reader:
    """Reads line by line; what is neither protocol nor explanation is output of the tests."""

    def __init__(self) -> None:
        self.points: list[_Point] = []
        self._names: list[str] = []
        self._counts: dict[int, int] = {}
        self._group = ""
        self._in_block = False
        self._plan: int | None = None
        self._children = 0

    def read(self, line: str) -> None:
        stripped = line.strip()
        if self._in_block:
            self._in_block = stripped != "..."
            self._explain(line)
            return
        depth = (len(line) - len(line.lstrip(" "))) // INDENT
        if stripped == "---":
            self._in_block = True
        elif found := _SUBTEST.match(stripped):
            del self._names[depth:]
            self._names += [""] * (depth - len(self._names)) + [found["name"].removesuffix(" {")]
        elif (found := _POINT.match(stripped)) and (line.startswith(("ok", "not")) or depth):
            self._point(found, depth)
        elif found := _PLAN.match(stripped):
            self._planned(int(found["count"]), depth)
        elif stripped.startswith("Bail out!"):
            raise DamagedReportError(f"the tests gave up: {stripped[:200]}")
        elif stripped.startswith("# ") and not depth and not _SUMMARY.match(stripped):
            self._group = stripped[2:]
        else:
            self._explain(line)

    def _explain(self, line: str) -> None:
        if self.points:
            self.points[-1].lines.append(line)

    def _planned(self, count: int, depth: int) -> None:
        if depth == 0:
            self._plan = count

    def _point(self, found: re.Match[str], depth: int) -> None:
        self._counts[depth] = self._counts.get(depth, 0) + 1
        is_parent = self._counts.pop(depth + 1, 0) > 0
        rest = found["rest"].strip()
        directive = _DIRECTIVE.search(rest)
        name = rest[: directive.start()].rstrip() if directive else rest
        name = name.replace("\\#", "#").replace("\\\\", "\\").removesuffix(" {") or f"test {found['number']}"
        announced = self._names[depth : depth + 1] == [name]
        outer = self._names[:depth] or ([self._group] if self._group and not depth and not announced else [])
        kind = (directive["kind"] or "").lower() if directive else ""
        self.points.append(_Point((*filter(None, outer), name), found["not"] is None, kind, is_parent))

    def check(self) -> None:
        """The plan says how many points there must be; one that is missing broke off."""
        count = self._counts.get(0, 0)
        if self._plan is None and not count:
            raise DamagedReportError("it holds no test points")
        if self._plan is None:
            raise DamagedReportError("it breaks off: it has no plan")
        if count != self._plan:
            raise DamagedReportError(f"it breaks off: {count} of {self._plan} planned tests ended")


def _result(report: Report, point: _Point) -> TestResult:
    fields = dict(_fields(point.lines))
    names, place = list(point.names), report.nowhere
    if _FILE.search(names[0]) and len(names) > 1:
        place = report.place(names.pop(0))
    test = f"{place}::{' > '.join(names)}"
    if point.directive:
        return TestResult(test, Outcome.SKIPPED)
    if point.passed:
        return TestResult(test, Outcome.PASSED, _seconds(fields))
    message = "\n".join(point.lines)
    if len(names) == 1 and _FILE.search(names[0]) and "/" in names[0]:
        return not_collected(report.place(names[0]), message)
    exception = fields.get("name", "").strip("'\"")
    is_assert = "ERR_ASSERTION" in message or "AssertionError" in message or "operator" in fields
    return failed(test, message, exception, is_assert=is_assert, seconds=_seconds(fields))


def _fields(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if found := _FIELD.match(line):
            yield found["name"], found["value"]


def _seconds(fields: dict[str, str]) -> float:
    return round(seconds_of(fields.get("duration_ms", 0)) / 1000, 4)
