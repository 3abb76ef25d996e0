"""The CodeTesting aggregate: test cases, their results, and how strongly a red proves something."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from vulcan.domain.generation import CodeArtifact
from vulcan.domain.mutation import MutationRun

ABSENT_NAME = "AbsentName"
"""The exception of a test that failed since a name is absent, in languages that have no stand-ins for it."""


class Outcome(StrEnum):
    """How one test ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    NOT_RUN = "not run"


class RedGrade(StrEnum):
    """How a new test ended on the base commit, graded by what that proves.

    A: an assertion of the test, or an exception of the product's own code, failed: the behaviour is missing.
    B: a name or parameter that the change adds was absent: counts only if the test also fails on emptied bodies.
    C: the test could not be collected or its fixture broke: proves nothing.
    F: the test passes without the change: proves nothing.
    """

    ASSERTION = "A"
    ABSENT = "B"
    BROKEN = "C"
    PASSES = "F"


def without_parameters(node_id: str) -> str:
    """The node id of the test function that a parametrised test belongs to."""
    path, separator, names = node_id.partition("::")
    return path + separator + names.split("[", 1)[0]


_BETWEEN = re.compile(r"\s*(?:::|>)\s*|\s+")


def plain_names(names: str) -> str:
    """The names of suites and test in an id, however they are joined."""
    return _BETWEEN.sub(" ", names).strip()


def places(path: str) -> tuple[str, str, str]:
    """Where a run may say that a test of a file is: in the file, in its folder, or nowhere."""
    return path, str(PurePosixPath(path).parent), "."


def is_same_test(named: str, test: str) -> bool:
    """Whether a test of a run is the one that is named by its file, or a part of it."""
    path, _, names = named.partition("::")
    place, _, ran = test.partition("::")
    known, found = plain_names(names), plain_names(ran)
    return bool(known) and place in places(path) and (found == known or found.startswith(f"{known}/"))


@dataclass(frozen=True, slots=True)
class TestCase:
    """A new test, tied to the criteria that it shows; `id` is a pytest node id without parameters."""

    __test__ = False
    id: str
    criteria: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotTestable:
    """A statement of the instruction that the test author could not show in full, and why: it stays not shown."""

    statement: str
    why: str


@dataclass(frozen=True, slots=True)
class Unmentioned:
    """Literals of a statement that stand in no test of its criteria."""

    statement: str
    literals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TestResult:
    """How one test ended in one run; `duration` in seconds; `message` is the last lines of a failure.

    `ran` says whether it called a function of a changed file, where that was measured.
    """

    __test__ = False
    id: str
    outcome: Outcome
    duration: float = 0.0
    exception: str = ""
    is_assert: bool = False
    in_test: bool = False
    message: str = ""
    ran: bool = False


@dataclass(frozen=True, slots=True)
class TestRun:
    """All results of one run.

    Attributes:
        exit_code: pytest's own; 0 all passed, 1 some failed, 5 nothing collected; negative for a signal.
        note: why the run as a whole is not usable (timed out, crashed, report missing); empty if it is.
        reused: whether the same files were run before in the same environment, and these are the results of then.
    """

    __test__ = False
    results: tuple[TestResult, ...]
    exit_code: int
    duration: float = 0.0
    note: str = ""
    reused: bool = False

    def by_id(self) -> dict[str, TestResult]:
        """Results by node id."""
        return {result.id: result for result in self.results}

    def of(self, test: str) -> tuple[TestResult, ...]:
        """Results of a test function, one a parameter set; none if it was not collected."""
        return tuple(result for result in self.results if without_parameters(result.id) == test)

    def passes(self, test: str) -> bool:
        """Whether a test function ran and every parameter set of it passed."""
        outcomes = {result.outcome for result in self.of(test)}
        return Outcome.PASSED in outcomes and outcomes <= {Outcome.PASSED, Outcome.SKIPPED}

    @property
    def counts(self) -> dict[Outcome, int]:
        """Number of results by outcome."""
        return dict(Counter(result.outcome for result in self.results))


@dataclass(frozen=True, slots=True)
class RedGreen:
    """What a new test showed on the base and on the change.

    `unemptied` names the language of a change whose functions Vulcan can't empty: there an absent name is red enough.
    """

    test: str
    grade: RedGrade
    red_reason: str
    green: bool
    kills_empty_body: bool | None = None
    unemptied: str = ""

    @property
    def proves(self) -> bool:
        """Whether this test is red without the change for a reason that counts, and green with it.

        A strong red counts unless it was found to call nothing of the change and to pass without its bodies.
        """
        strong = self.grade is RedGrade.ASSERTION and self.kills_empty_body is not False
        sharp = self.kills_empty_body is True or bool(self.unemptied)
        weak_but_sharp = self.grade is RedGrade.ABSENT and sharp
        return self.green and (strong or weak_but_sharp)


@dataclass(frozen=True, slots=True)
class TestCoverage:
    """Lines of the change that new tests ran; `percent` is None where it was not measured."""

    __test__ = False
    covered: int = 0
    changed: int = 0

    @property
    def percent(self) -> float | None:
        """Covered share of the changed lines, 0 to 100."""
        return None if self.changed == 0 else 100.0 * self.covered / self.changed


@dataclass(frozen=True, slots=True)
class CodeTesting:
    """The tests of a change: the files the author wrote and the cases tied to criteria.

    `holding_already` are criteria that hold without the change, too, as the author says: their tests pass on both.
    """

    cases: tuple[TestCase, ...]
    artifacts: tuple[CodeArtifact, ...]
    commit: str
    round: int
    summary: str = ""
    not_testable: tuple[NotTestable, ...] = ()
    holding_already: tuple[str, ...] = ()

    @property
    def handed_in(self) -> tuple[object, ...]:
        """All that the author hands in but words: the same again gives the same results."""
        return self.commit, self.cases, self.not_testable, self.holding_already


@dataclass(frozen=True, slots=True)
class TestReport:
    """Everything that `run_tests` saw, in clean checkouts.

    Attributes:
        base: existing tests on the base commit; left out of the log where the job's baseline holds the run.
        existing: the base commit's tests laid over the change.
        new: the new tests on the change.
        red_green: one entry a new test.
        sandbox: which sandbox held the runs.
        environment: digest of the prepared dependencies.
        altered: existing tests whose code the change alters or removes, as node ids without parameters.
        missing: new tests that were declared but that no run collected.
        tricks: what in the new test files could make results say what the code does not do, as `path: what`.
        unseen: test files that import what the change touches, and that the base run does not see.
        unmentioned: literals of the instruction that no test of their statement names.
        extended: altered ones that ask more than before: as they were they pass with the change, as they are they fail without.
        flaky: new tests that pass and fail on the same code: in other order, with another hash seed, in another time zone.
        mutation: which small changes of the changed lines tests notice; None in logs from before that was looked at.
    """

    __test__ = False
    base: TestRun
    existing: TestRun
    new: TestRun
    red_green: tuple[RedGreen, ...]
    coverage: TestCoverage
    sandbox: str
    environment: str
    commit: str
    altered: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    tricks: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    unmentioned: tuple[Unmentioned, ...] = ()
    extended: tuple[str, ...] = ()
    flaky: tuple[str, ...] = ()
    mutation: MutationRun | None = None
