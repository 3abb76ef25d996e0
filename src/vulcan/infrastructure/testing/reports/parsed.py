"""What all forms of report share: what is read, what comes of it, how tests are named and found again."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from vulcan.domain.testing import (
    ABSENT_NAME,
    Outcome,
    TestResult,
    places,
    plain_names,
    without_parameters,
)

MESSAGE = 2_500
HEADLINE = 300
MOST_TESTS = 200_000
WORST_FIRST = (Outcome.FAILED, Outcome.ERROR, Outcome.PASSED, Outcome.SKIPPED)
NOT_COLLECTED = "CollectionError"
_ABSENT = re.compile(
    r"is not (?:a function|a constructor|defined)|Cannot find (?:module|package)|ERR_MODULE_NOT_FOUND"
    r"|does not provide an export named|has no attribute|cannot import name|No module named"
)
_SOURCE = re.compile(r"\.(?:[cm]?[jt]sx?|go|py|rs|java|kt|rb|php|cs)$")


class DamagedReportError(Exception):
    """A report that is not what its form says."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a command left.

    Attributes:
        text: the report itself.
        output: what else the command printed, for messages.
        root: where the repository is inside the box.
        folder: the recipe's folder in it; empty for the root.
        modules: import paths of the project's own modules, for Go.
    """

    text: str
    output: str = ""
    root: str = "/workspace"
    folder: str = ""
    modules: tuple[str, ...] = ()

    def place(self, name: str) -> str:
        """A path of the report as the repository knows it."""
        name = name.removeprefix("file://")
        if name.startswith(f"{self.root}/"):
            return name[len(self.root) + 1 :]
        return str(PurePosixPath(self.folder, name)) if not name.startswith("/") else name

    @property
    def nowhere(self) -> str:
        """The place of a test of which the report doesn't name the file."""
        return self.folder or "."


def clean(text: str, length: int = MESSAGE) -> str:
    """The end of a text, as it can be stored: without half pairs of surrogates."""
    return text[-length:].encode("utf-8", "replace").decode().strip()


def seconds_of(value: object) -> float:
    """A duration of a report; what is none counts as no time."""
    try:
        seconds = float(str(value).replace(",", ""))
    except ValueError:
        return 0.0
    return round(seconds, 4) if math.isfinite(seconds) and seconds >= 0 else 0.0


def is_absent(exception: str, message: str) -> bool:
    """Whether a failure says that a name is not there."""
    return exception in {"ReferenceError", "NameError"} or _ABSENT.search(message) is not None


def failed(
    test: str, message: str, exception: str = "", *, is_assert: bool = False, seconds: float = 0.0
) -> TestResult:
    """A test that failed; for an absent name the exception says so, whatever the language calls it."""
    message = headline_last(message)
    absent = not is_assert and is_absent(exception, message)
    return TestResult(
        test, Outcome.FAILED, seconds, ABSENT_NAME if absent else exception, is_assert, message=clean(message)
    )


def not_collected(place: str, message: str) -> TestResult:
    """A file or package whose tests can't be started."""
    exception = ABSENT_NAME if is_absent("", message) else NOT_COLLECTED
    return TestResult(place, Outcome.ERROR, exception=exception, message=clean(message))


def headline_last(text: str) -> str:
    """A failure with its own words after the stack of calls, where a reader of last lines finds them."""
    head, frame, _ = text.partition("\n    at ")
    return f"{text}\n{' '.join(head.split())[:HEADLINE]}" if frame else text


def merged(results: Iterable[TestResult]) -> tuple[TestResult, ...]:
    """One result a name: of several the worst."""
    found: dict[str, TestResult] = {}
    for result in results:
        known = found.get(result.id)
        if known is None or WORST_FIRST.index(result.outcome) < WORST_FIRST.index(known.outcome):
            found[result.id] = result
        if len(found) > MOST_TESTS:
            raise DamagedReportError("it names too many tests")
    return tuple(found.values())


def asked(results: Sequence[TestResult], ids: Sequence[str]) -> tuple[TestResult, ...]:
    """The results of the tests that were asked for, under the names that were asked for."""
    if not ids:
        return tuple(results)
    found: dict[str, TestResult] = {}
    for wanted in dict.fromkeys(ids):
        for result in _of(results, wanted):
            found.setdefault(result.id, result)
    return tuple(found.values())


def _of(results: Sequence[TestResult], wanted: str) -> Iterator[TestResult]:
    path, _, names = wanted.partition("::")
    if not names:
        yield from (r for r in results if r.id.partition("::")[0] == path)
        return
    same = [r for r in results if _names(r) == plain_names(without_parameters(f"::{names}")[2:])]
    for place in places(path):
        here = [r for r in same if r.id.partition("::")[0] == place]
        if here:
            yield from (replace(r, id=_renamed(r, wanted)) for r in here)
            return
    elsewhere = [r for r in same if not _SOURCE.search(r.id.partition("::")[0])]
    if len({r.id.partition("::")[0] for r in elsewhere}) == 1:
        yield from (replace(r, id=_renamed(r, wanted)) for r in elsewhere)
        return
    broken = [r for r in results if r.outcome is Outcome.ERROR and r.id in places(path)[:2]]
    yield from (replace(r, id=wanted) for r in broken[:1])


def _names(result: TestResult) -> str:
    return plain_names(without_parameters(result.id).partition("::")[2])


def _renamed(result: TestResult, wanted: str) -> str:
    return wanted + result.id[len(without_parameters(result.id)) :]
