"""Running tests, and reading what was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from vulcan.application.ports.workspace import PreparedEnvironment
from vulcan.domain.baseline import TestEstimate
from vulcan.domain.evidence import Finding
from vulcan.domain.mutation import MutationRun
from vulcan.domain.testing import TestRun


@dataclass(frozen=True, slots=True)
class TestRequest:
    """Which tests to run and how.

    Attributes:
        ids: node ids or files; empty runs the whole suite.
        timeout: seconds for the whole run.
        test_timeout: seconds for one test; a test that takes longer fails.
        measure: changed lines by path, for coverage.
        stub_absent: give names that the tests import but the code lacks a stand-in that raises when it is used.
        arguments: further arguments for the runner, from the settings.
        empty_bodies: functions of a commit to run with emptied bodies, as `path::qualified.name`; where it is not
            Python that runs the tests, as `path::line`, the innermost function around that line.
        filled_bodies: let emptied functions of Python return an object that equals no other, instead of None.
        beside_all: collect the whole suite, and of it run `ids` only.
        variables: further environment variables of the run.
        reverse: run the tests in the opposite order; Python's runners only.
    """

    __test__ = False
    ids: tuple[str, ...] = ()
    timeout: float = 600.0
    test_timeout: float = 60.0
    measure: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    stub_absent: bool = False
    empty_bodies: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    filled_bodies: bool = False
    beside_all: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class TestRunResult:
    """A run and, by path where asked, which lines ran and which lines hold statements.

    `readers` says which test files opened the source of a changed file, as `path: what`.
    """

    __test__ = False
    run: TestRun
    lines: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    statements: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    readers: tuple[str, ...] = ()


class TestRunner(Protocol):
    """Runs a project's tests in a single-use box on a clean checkout that is read-only for everybody else."""

    async def run(
        self, checkout: Path, environment: PreparedEnvironment, request: TestRequest
    ) -> TestRunResult:
        """Run and report; a crash or time-out of the run is a note in the result, not an error."""


class MutationTester(Protocol):
    """Tries small changes of the changed lines, and which of them a project's tests notice."""

    async def mutate(
        self, checkout: Path, environment: PreparedEnvironment, request: TestRequest, seconds: float
    ) -> MutationRun:
        """Mutants of the lines that the request measures, run by its tests; about `seconds` for all of them.

        What can't be tried, and why, is a note in the result, not an error.
        """


@dataclass(frozen=True, slots=True)
class TestChanges:
    """Test functions by what happened to their code; node ids without parameters.

    `altered` also names files that support tests; `tricks` says what could forge results, as `path: what`.
    """

    __test__ = False
    new: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    tricks: tuple[str, ...] = ()


class KeptRuns(Protocol):
    """Runs of whole suites, kept by all that goes into them; losing one costs a run, never a result."""

    def find(self, key: str) -> TestRun | None:
        """The run that was kept under `key`; None where there is none, or it is damaged."""

    def keep(self, key: str, run: TestRun) -> None:
        """Keep a run under `key`, a hexadecimal digest; old ones make room."""


class CodeInspector(Protocol):
    """Reads a project's source in a box (parsing hostile text is not the host's business)."""

    async def estimate_tests(self, checkout: Path, arguments: Sequence[str] = ()) -> TestEstimate:
        """Tests that pytest would collect with these arguments, counted in the source without running it."""

    async def importing(self, checkout: Path, tests: Sequence[str], paths: Sequence[str]) -> tuple[str, ...]:
        """Those of the test files `tests` that import what the files `paths` define."""

    async def called(
        self, checkout: Path, tests: Sequence[str], paths: Sequence[str]
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Functions of `paths`, as `path::qualified.name`, that the test files call; with these, the likeliest first."""

    async def interface(self, base: Path, head: Path, paths: Sequence[str]) -> str:
        """Signatures and docstrings of public names in `paths` at head, what changed first; bounded."""

    async def changed_functions(self, base: Path, head: Path, paths: Sequence[str]) -> tuple[str, ...]:
        """Functions new or different at head, as `path::qualified.name`."""

    async def changes_values(self, base: Path, head: Path, paths: Sequence[str]) -> bool:
        """Whether the change also touches what stands outside of functions, such as constants."""

    async def compare_tests(self, base: Path, head: Path, paths: Sequence[str]) -> TestChanges:
        """Test functions that differ between two checkouts, as node ids without parameters."""


class StaticChecks(Protocol):
    """Linters and type checkers in a box."""

    async def check(
        self, checkout: Path, environment: PreparedEnvironment, paths: Sequence[str]
    ) -> tuple[Finding, ...]:
        """All findings on `paths`; the caller compares with the base's to keep only the new ones."""
