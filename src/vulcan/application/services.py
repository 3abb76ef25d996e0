"""What the stages work with, put together by the composition root."""

from __future__ import annotations

from dataclasses import dataclass, field

from vulcan.application.ports import (
    Analyst,
    Checkouts,
    CodeInspector,
    Coder,
    Forge,
    KeptRuns,
    Limits,
    MutationTester,
    Repository,
    Reviewer,
    Sandbox,
    SourceRepository,
    StaticChecks,
    TestAuthor,
    TestRunner,
)
from vulcan.application.settings import TestSettings


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
    mutation: MutationTester
    inspector: CodeInspector
    static: StaticChecks
    runs: KeptRuns
    tests: TestSettings = field(default_factory=TestSettings)
    limits: Limits = field(default_factory=Limits)
