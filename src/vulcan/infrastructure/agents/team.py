"""The four agents. Each run is one piece of work: a fresh context, a briefing, tools, a bounded loop."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from pydantic_ai import ToolOutput
from pydantic_ai.models import Model

from vulcan.application.ports import AuthoredTests, Briefing, CallJournal, Workspace
from vulcan.application.prompts import PromptSource
from vulcan.domain.errors import ModelUnavailable
from vulcan.domain.evidence import Finding
from vulcan.domain.requirements import Requirement
from vulcan.domain.testing import NotTestable, TestCase
from vulcan.infrastructure.agents.briefings import render
from vulcan.infrastructure.agents.journaled import TurnLimit
from vulcan.infrastructure.agents.packaged import prompt
from vulcan.infrastructure.agents.run import AgentRun, Tuning, Work
from vulcan.infrastructure.agents.submissions import (
    SubmittedRequirements,
    SubmittedReview,
    SubmittedTests,
    findings_of,
    loose_ends,
    once,
    requirement_of,
    unreviewed,
)
from vulcan.infrastructure.agents.tools import LoopingError

TURNS = {"analyst": 16, "coder": 250, "test author": 80, "reviewer": 12}


class Team:
    """Analyst, coder, test author and reviewer; satisfies all four ports.

    Args:
        model: the model of all that have none of their own.
        prompts: version and text of an agent's prompt; by default the packaged ones.
        tuning: how the models are asked.
        models: of single agents, by their names.
    """

    def __init__(
        self,
        model: Model,
        prompts: PromptSource = prompt,
        tuning: Tuning | None = None,
        models: Mapping[str, Model] | None = None,
    ) -> None:
        self._model, self._prompts, self._tuning = model, prompts, tuning
        self._models = models or {}

    def _run(self, agent: str, briefing: Briefing, workspace: Workspace, journal: CallJournal) -> AgentRun:
        work = Work(agent, briefing.call_key, render(briefing), TURNS[agent], len(briefing.steering))
        return AgentRun(
            work,
            self._prompts(agent),
            self._models.get(agent, self._model),
            workspace,
            journal,
            tuning=self._tuning,
        )

    async def analyze(self, briefing: Briefing, workspace: Workspace, journal: CallJournal) -> Requirement:
        """Requirements from an instruction."""
        run = self._run("analyst", briefing, workspace, journal)
        output = ToolOutput(SubmittedRequirements, name="submit_requirements")
        try:
            check = once(partial(loose_ends, statements=briefing.statements))
            submitted = await run.go(run.tools.reading(), output, check)
        except (TurnLimit, LoopingError) as error:
            reason = f"the model came to no requirements in {TURNS['analyst']} turns"
            run.forget(reason)
            raise ModelUnavailable(
                reason,
                hint="Go on with a stronger model: vulcan resume --model NAME, or say more precisely what is wanted.",
            ) from error
        return requirement_of(submitted, briefing.statements)

    async def code(self, briefing: Briefing, workspace: Workspace, journal: CallJournal) -> str:
        """The coder's closing words; what counts is the workspace."""
        run = self._run("coder", briefing, workspace, journal)
        try:
            return str(await run.go(run.tools.writing(), str))
        except TurnLimit:
            return "All turns were used up."
        except LoopingError as error:
            return f"Stopped: the same call was repeated without end ({error})."

    async def write_tests(
        self, briefing: Briefing, workspace: Workspace, journal: CallJournal
    ) -> AuthoredTests:
        """Tests in the workspace, tied to criteria."""
        run = self._run("test author", briefing, workspace, journal)
        output = ToolOutput(SubmittedTests, name="submit_tests")
        try:
            submitted = await run.go(run.tools.writing(), output)
        except (TurnLimit, LoopingError):
            return AuthoredTests((), "The test author ended without submitting tests.")
        return AuthoredTests(
            tuple(TestCase(t.test, tuple(t.criteria)) for t in submitted.tests),
            holding_already=tuple(submitted.holding_already),
            not_testable=tuple(NotTestable(each.statement, each.why) for each in submitted.not_testable),
        )

    async def review(
        self, briefing: Briefing, workspace: Workspace, journal: CallJournal
    ) -> tuple[Finding, ...]:
        """Objections to a change; a reviewer who comes to no end has none."""
        run = self._run("reviewer", briefing, workspace, journal)
        output = ToolOutput(SubmittedReview, name="submit_review")
        try:
            check = once(partial(unreviewed, requirement=briefing.requirement))
            return findings_of(await run.go(run.tools.reading(), output, check))
        except (TurnLimit, LoopingError):
            return ()
