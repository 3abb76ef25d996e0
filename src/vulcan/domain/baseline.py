"""What the base commit's own tests show before any work begins, and how many of them can be seen at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import shorten

from vulcan.domain.testing import Outcome, TestResult, TestRun

ENOUGH = 90
"""Percent of the test files that must be seen before anybody works, and pays, on their word."""
ONE_LINE = 300
RENEW = "renew it with: vulcan setup"

_ERROR = re.compile(r"^(?:E +)?((?:[A-Za-z_][\w.]*)?(?:Error|Exception|Interrupt|Exit|Warning)\b.*)$")
_CONFTEST = re.compile(r"conftest '(?:/workspace/)?([^']+)'")
_PLACES = re.compile(r"(?:/[^\s/'\":]+)+/|0x[0-9a-fA-F]+|\d+(?:\.\d+)?")
_PROGRESS = re.compile(r" in \S+::\S+$")


@dataclass(frozen=True, slots=True)
class TestEstimate:
    """Tests counted in the source, without running it: test functions, and the files that hold them."""

    __test__ = False
    tests: int = 0
    paths: tuple[str, ...] = ()

    @property
    def files(self) -> int:
        """Number of files with tests."""
        return len(self.paths)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The whole suite on the base commit.

    Attributes:
        command: how the tests are started, for people and models.
        blind: what is seen, where that is too little to prove anything by; empty where it is enough.
        hint: what the person can do about it.
        gap: what is seen less than the recipe's proof says; empty where it holds or there is none.
    """

    run: TestRun
    estimate: TestEstimate = TestEstimate()
    command: str = ""
    blind: str = ""
    hint: str = ""
    gap: str = ""

    @property
    def in_words(self) -> str:
        """How many of the project's tests are seen, in one line, and whether the recipe's proof still holds."""
        seen = self.blind or sight(self.run, self.estimate)
        return f"{seen}; {self.gap} ({RENEW})" if self.gap else seen

    @property
    def missing(self) -> tuple[str, ...]:
        """Test files of which the run shows nothing but errors, or nothing at all."""
        return missing_files(self.run, self.estimate)


def missing_files(run: TestRun, estimate: TestEstimate) -> tuple[str, ...]:
    """Test files of the source of which a run shows nothing but errors, or nothing at all."""
    seen = {r.id.partition("::")[0] for r in run.results if r.outcome is not Outcome.ERROR}
    return tuple(path for path in estimate.paths if path not in seen)


def exists(run: TestRun, estimate: TestEstimate) -> bool:
    """Whether the project has tests, as far as source and run tell."""
    return bool(estimate.tests or run.results)


def too_little(run: TestRun, estimate: TestEstimate) -> bool:
    """Whether a run shows too little of the project's tests to prove anything by it."""
    if run.note:
        return True
    if exists(run, estimate) and Outcome.PASSED not in run.counts:
        return True
    seen = estimate.files - len(missing_files(run, estimate))
    return 100 * seen < ENOUGH * estimate.files


def sight(run: TestRun, estimate: TestEstimate) -> str:
    """How many of the project's tests are seen, in one line; where not all are, the first cause."""
    if not exists(run, estimate) and not run.note:
        return "sees no existing tests"
    counts, missing = run.counts, missing_files(run, estimate)
    seen = len(run.results) - counts.get(Outcome.ERROR, 0)
    if seen == len(run.results) > 0 and not missing and not run.note:
        return f"sees {seen} of {seen} tests{_failing(counts.get(Outcome.FAILED, 0))}"
    words = f"sees {seen} of about {max(estimate.tests, len(run.results))} tests"
    if missing and seen:
        words += f", {len(missing)} of {estimate.files} test files not"
    cause = first_cause(run)
    return shorten(f"{words}: {cause}" if cause else words, ONE_LINE, placeholder=" ...")


def _failing(count: int) -> str:
    return f", {count} of them failing" if count else ""


def first_cause(run: TestRun) -> str:
    """Why tests are not seen: the run's note, or its first file or test that ended in an error, with its last word."""
    if run.note:
        return _of_note(run.note)
    errors = [r for r in run.results if r.outcome is Outcome.ERROR]
    errors.sort(key=_is_test)
    worst = errors or [r for r in run.results if r.outcome is Outcome.FAILED]
    return f"{worst[0].id}: {error_line(worst[0].message)}" if worst else ""


def _is_test(result: TestResult) -> bool:
    return "::" in result.id


def _of_note(note: str) -> str:
    head, _, rest = note.partition("\n")
    conftest = _CONFTEST.search(note)
    if conftest:
        return f"{conftest[1]}: {error_line(rest)}"
    return f"{head} {error_line(rest)}".strip()


def error_line(text: str) -> str:
    """The line of a traceback or an output that names the error: pytest's own mark, an exception, or the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    marked = [line[1:].strip() for line in lines if line.startswith("E ")]
    named = [found[1] for line in lines if (found := _ERROR.match(line))]
    return (marked[:1] or named[-1:] or lines[-1:] or [""])[0]


def same_cause(note: str, other: str) -> bool:
    """Whether two runs as a whole failed for the same reason, wherever their files lay and how far they came."""
    return bool(note and other) and _cause(note) == _cause(other)


def _cause(note: str) -> tuple[str, frozenset[str]]:
    plain = _PLACES.sub("", _PROGRESS.sub("", note))
    head, _, rest = plain.partition("\n")
    return head, frozenset(found[1] for line in rest.splitlines() if (found := _ERROR.match(line.strip())))
