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


class Repository(VersionControl, History, Protocol):
    """The host's object database with its history."""


@dataclass(frozen=True, slots=True)
class TestSettings:
    """How long tests may take, in seconds, and further arguments for the runner."""

    __test__ = False
    timeout: float = 600.0
    test_timeout: float = 60.0
    arguments: tuple[str, ...] = ()

    def request(self) -> TestRequest:
        """The whole suite."""
        return TestRequest(timeout=self.timeout, test_timeout=self.test_timeout, arguments=self.arguments)


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
