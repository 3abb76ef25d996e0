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
    Limits,
    Reviewer,
    Sandbox,
    SourceRepository,
    StaticChecks,
    TestAuthor,
    TestRunner,
    VersionControl,
)


class Repository(VersionControl, History, Protocol):
    """The host's object database with its history."""


@dataclass(frozen=True, slots=True)
class TestSettings:
    """How long tests may take, in seconds."""

    __test__ = False
    timeout: float = 600.0
    test_timeout: float = 60.0


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
    tests: TestSettings = field(default_factory=TestSettings)
    limits: Limits = field(default_factory=Limits)
