"""What the stages work with, put together by the composition root."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from vulcan.application.ports import (
    Analyst,
    Checkouts,
    CodeInspector,
    Coder,
    Forge,
    History,
    KeptRuns,
    Limits,
    Reviewer,
    Sandbox,
    SourceRepository,
    StaticChecks,
    TestAuthor,
    TestRequest,
    TestRunner,
    VersionControl,
)
from vulcan.domain.testing import TestRun


class Repository(VersionControl, History, Protocol):
    """The host's object database with its history."""


@dataclass(frozen=True, slots=True)
class TestSettings:
    """How long tests may take, in seconds, and further arguments for the runner."""

    __test__ = False
    timeout: float = 1_800.0
    test_timeout: float = 60.0
    arguments: tuple[str, ...] = ()

    def request(self, base: TestRun | None = None) -> TestRequest:
        """The whole suite; once the base's run is known a change may take three times as long, and a minute."""
        longest = min(self.timeout, 3 * base.duration + 60) if base and base.duration else self.timeout
        return TestRequest(timeout=longest, test_timeout=self.test_timeout, arguments=self.arguments)


@dataclass(frozen=True, slots=True)
class Services:
    """Adapters for one project. Agents are only reached through here, so a job needs no model to be judged."""

    analyst: Analyst
    coder: Coder
    test_author: TestAuthor
    reviewer: Reviewer | None
    checkouts: Checkouts
    repository: Repository
    source: SourceRepository
    forge: Forge
    sandbox: Sandbox
    runner: TestRunner
    inspector: CodeInspector
    static: StaticChecks
    runs: KeptRuns
    tests: TestSettings = field(default_factory=TestSettings)
    limits: Limits = field(default_factory=Limits)
