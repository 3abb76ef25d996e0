"""The four agents of a job, what they are told, and where their calls are recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vulcan.application.ports.workspace import Workspace
from vulcan.domain.budget import Usage
from vulcan.domain.environment import Recipe
from vulcan.domain.evidence import Finding
from vulcan.domain.requirements import Requirement
from vulcan.domain.statements import Statement
from vulcan.domain.testing import NotTestable, TestCase


@dataclass(frozen=True, slots=True)
class Briefing:
    """What an agent is told: all of it data of the job, rendered by the agent's prompt.

    Attributes:
        call_key: stable name of this piece of work, `stage/round`; replies are found again under it.
        overview: the repository in short (files, conventions), bounded.
        answers: what the person answered to the analyst, in order.
        steering: what the person said while the job was under way, in order.
        rules: standing rules of the conversation that the job comes from.
        tests: how the project's tests are started, and what they gave before any change; for analyst and coder; for the
            test author how tests are run and named where pytest does not run them.
        diff: the change so far, for reviewers; for the test author its own test files from the second round on.
        interface: signatures and docstrings of what changed, for the test author.
        remark: what the coder said when it finished, for reviewer and test author.
        statements: of the instruction, for the analyst, who ties each of them to a criterion.
        declared: what the test author declared in the round before.
    """

    call_key: str
    instruction: str
    overview: str = ""
    requirement: Requirement | None = None
    findings: tuple[Finding, ...] = ()
    answers: tuple[str, ...] = ()
    steering: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    tests: str = ""
    diff: str = ""
    interface: str = ""
    remark: str = ""
    statements: tuple[Statement, ...] = ()
    declared: tuple[TestCase, ...] = ()


class CallJournal(Protocol):
    """Where agents record each model reply and tool result before the next step, and find them on resume."""

    def recorded(self, key: str) -> str | None:
        """The payload recorded under `key`, or None."""

    def record_reply(
        self, key: str, agent: str, model: str, usage: Usage, payload: str, prompt: str = ""
    ) -> None:
        """Record a model's reply (serialised by the agents room) and the version of the prompt it answers."""

    def record_wait(self, agent: str, seconds: float, reason: str) -> None:
        """Record that the agent waits before it asks its model again."""

    def drop(self, keys: tuple[str, ...], reason: str) -> None:
        """Record that these replies, with what came of them, count no more: they are asked for anew."""

    def record_tool(self, key: str, agent: str, tool: str, summary: str, payload: str) -> None:
        """Record a tool's result."""

    def steering(self) -> tuple[str, ...]:
        """What the person has said up to this moment while the work is under way, in order; asked before each call."""

    def check_budget(self) -> None:
        """Raise `BudgetExceeded` if the next model call may not be made."""


class Analyst(Protocol):
    """Turns an instruction into requirements."""

    async def analyze(self, briefing: Briefing, workspace: Workspace, journal: CallJournal) -> Requirement:
        """The requirements; raises `ModelUnavailable` where no usable reply can be had."""


class Coder(Protocol):
    """Changes the product's code in the workspace."""

    async def code(self, briefing: Briefing, workspace: Workspace, journal: CallJournal) -> str:
        """Edit the workspace; the summary that comes back decides nothing."""


@dataclass(frozen=True, slots=True)
class AuthoredTests:
    """Tests that the author wrote into the workspace."""

    cases: tuple[TestCase, ...]
    summary: str = ""
    not_testable: tuple[NotTestable, ...] = ()
    holding_already: tuple[str, ...] = ()


class TestAuthor(Protocol):
    """Writes tests from requirements and interface, in a context of its own."""

    async def write_tests(
        self, briefing: Briefing, workspace: Workspace, journal: CallJournal
    ) -> AuthoredTests:
        """Write test files into the workspace and tie each test to criteria."""


class Reviewer(Protocol):
    """Reads a change as a colleague would; can object, can't approve."""

    async def review(
        self, briefing: Briefing, workspace: Workspace, journal: CallJournal
    ) -> tuple[Finding, ...]:
        """Objections; an empty tuple says nothing about correctness."""


class RecipeBench(Protocol):
    """Where recipes are tried, each from the same start; nothing of a try is left for the next one."""

    async def attempt(self, recipe: Recipe) -> str:
        """What the project's tests show with a recipe, bounded; raises `ToolError` where no more may be tried."""


class EnvironmentEngineer(Protocol):
    """Finds out how a project is set up and its tests are run; what it proposes counts for nothing until it is proven."""

    async def propose(
        self, call_key: str, told: str, workspace: Workspace, bench: RecipeBench, journal: CallJournal
    ) -> Recipe | None:
        """A recipe; None where it comes to no end."""
