"""The four agents. Each run is one piece of work: a fresh context, a briefing, tools, a bounded loop."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field
from pydantic_ai import ModelRetry, ToolOutput
from pydantic_ai.models import Model

from vulcan.application.ports import AuthoredTests, Briefing, CallJournal, Workspace
from vulcan.application.prompts import PromptSource
from vulcan.domain.errors import ModelUnavailable
from vulcan.domain.evidence import Finding, Owner, Severity
from vulcan.domain.requirements import (
    AcceptanceCriterion,
    Assumption,
    CriterionKind,
    ExternalApi,
    Requirement,
    Risk,
)
from vulcan.domain.statements import Statement
from vulcan.domain.testing import NotTestable, TestCase
from vulcan.infrastructure.agents.briefings import render
from vulcan.infrastructure.agents.journaled import TurnLimit
from vulcan.infrastructure.agents.packaged import prompt
from vulcan.infrastructure.agents.run import AgentRun, Tuning, Work
from vulcan.infrastructure.agents.tools import LoopingError

UNTIED = (
    "These statements of the instruction are tied to nothing. Name each of them under the statements of a criterion (add "
    "criteria where none covers it; kind preserved for what must stay as it is), or under context where it demands nothing:"
)
DOUBTFUL = (
    "These are called context, but have words of demand. Cover each with a criterion, or leave it under context if it "
    "truly demands nothing; the report then says so:"
)
MOST_STATEMENTS = 2
BUNDLED = (
    "These criteria bundle many statements, so that a test of one of them would count for all. Split them, a criterion for "
    "each behaviour, limit and error:"
)
UNREVIEWED = (
    "Submit the review again with an entry under demands for each of these, too: whether the change meets it, where, and an "
    "input that you tried by hand:"
)
AGAIN = "Submit all of the requirements again."

TURNS = {"analyst": 16, "coder": 250, "test author": 80, "reviewer": 12}


class ApiUse(BaseModel):
    name: str
    purpose: str = ""


def _criterion(given: object) -> object:
    """A criterion that came as its text alone."""
    return {"text": given} if isinstance(given, str) else given


def _number(given: object) -> object:
    """`S3`, however it was written: 3, "3", "s3", "S3: ..."."""
    found = re.match(r"[sS]?(\d+)\b", str(given).strip())
    return f"S{found[1]}" if found else str(given)


StatementId = Annotated[str, BeforeValidator(_number)]


class SubmittedCriterion(BaseModel):
    text: str
    kind: Literal["new", "preserved"] = Field(
        default="new", description="preserved: it holds today and must go on holding."
    )
    statements: list[StatementId] = Field(default=[], description="Ids of the statements that it covers.")


class SubmittedRequirements(BaseModel):
    summary: str = Field(description="The goal in one imperative sentence, at most 70 characters.")
    criteria: list[Annotated[SubmittedCriterion, BeforeValidator(_criterion)]] = Field(
        min_length=1, max_length=30
    )
    context: list[StatementId] = Field(default=[], description="Ids of the statements that demand nothing.")
    changed_tests: list[str] = []
    assumptions: list[str] = []
    external_apis: list[ApiUse] = Field(default=[], description="Outside services that the change calls.")
    questions: list[str] = []
    risk: Literal["low", "medium", "high"] = "low"


class WrittenTest(BaseModel):
    test: str
    criteria: list[str]


class GivenUp(BaseModel):
    statement: StatementId
    why: str


class SubmittedTests(BaseModel):
    tests: list[WrittenTest] = Field(min_length=1)
    holding_already: list[str] = Field(
        default=[], description="Criteria (AC-2) that hold without the change, too: their tests pass on both."
    )
    not_testable: list[GivenUp] = Field(
        default=[],
        description="Statements that no test can show, or that a criterion gets wrong; they count as not shown.",
    )


class Objection(BaseModel):
    text: str
    path: str = ""
    blocking: bool = True


class ReviewedDemand(BaseModel):
    statement: StatementId
    met: bool
    place: str = Field(description="Where the diff meets it, such as path:line; or what is missing.")
    tried: str = Field(default="", description="An input tried by hand, and what the code gives for it.")


class SubmittedReview(BaseModel):
    demands: list[ReviewedDemand] = Field(
        default=[], description="One entry for each statement that a criterion names after `from`."
    )
    findings: list[Objection] = []


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
            tied = Tied(briefing.statements)
            return tied.requirement(await run.go(run.tools.reading(), output, tied.check))
        except (TurnLimit, LoopingError) as error:
            reason = f"the model came to no requirements in {TURNS['analyst']} turns"
            run.forget(reason)
            raise ModelUnavailable(
                reason,
                hint="Go on with a stronger model: vulcan resume --model NAME, or say more precisely what is wanted.",
            ) from error

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
            review = await run.go(run.tools.reading(), output, EachDemand(briefing.requirement).check)
        except (TurnLimit, LoopingError):
            return ()
        unmet = tuple(
            Finding(
                "review",
                Owner.CODER,
                f"{each.statement} of the instruction is not met: {each.place}"
                + (f" Tried: {each.tried}" if each.tried else ""),
            )
            for each in review.demands
            if not each.met
        )
        return unmet + tuple(
            Finding(
                "review",
                Owner.CODER,
                objection.text,
                Severity.BLOCKING if objection.blocking else Severity.WARNING,
                objection.path,
            )
            for objection in review.findings
        )


class EachDemand:
    """Sees to it that the reviewer looks at every demand of an instruction that has several; asks once."""

    def __init__(self, requirement: Requirement | None) -> None:
        demands = requirement.demands if requirement else ()
        self._demands = demands if len(demands) > 1 else ()
        self._asked = False

    def check(self, review: SubmittedReview) -> SubmittedReview:
        """The same; raises `ModelRetry` where demands are not answered, the first time."""
        answered = {each.statement for each in review.demands}
        missing = [each for each in self._demands if each.id not in answered]
        if self._asked or not missing:
            return review
        self._asked = True
        raise ModelRetry(f"{UNREVIEWED}\n{_listed(missing)}")


class Tied:
    """Sees to it that the analyst ties every statement of the instruction; asks once, then the verdict says what is not."""

    def __init__(self, statements: tuple[Statement, ...]) -> None:
        self._statements, self._asked = statements, False

    def check(self, submitted: SubmittedRequirements) -> SubmittedRequirements:
        """The same; raises `ModelRetry` where statements are tied to nothing, the first time."""
        requirement = self.requirement(submitted)
        parts = [
            (UNTIED, _listed(requirement.untied)),
            (DOUBTFUL, _listed(requirement.doubtful)),
            (BUNDLED, _bundles(requirement)),
        ]
        told = [f"{words}\n{listed}" for words, listed in parts if listed]
        if self._asked or not told:
            return submitted
        self._asked = True
        raise ModelRetry("\n\n".join([*told, AGAIN]))

    def requirement(self, submitted: SubmittedRequirements) -> Requirement:
        """The requirement; a single statement is what all criteria are of."""
        requirement = replace(_requirement(submitted), statements=self._statements)
        if len(self._statements) != 1:
            return requirement
        only = (self._statements[0].id,)
        return replace(
            requirement, context=(), criteria=tuple(replace(c, statements=only) for c in requirement.criteria)
        )


def _listed(statements: Sequence[Statement]) -> str:
    return "\n".join(f"{each.id}: {each.text}" for each in statements)


def _bundles(requirement: Requirement) -> str:
    """Criteria that cover so many statements that a test of a few of them would show all."""
    many = [c for c in requirement.criteria if len(c.statements) > MOST_STATEMENTS]
    return "\n".join(f"{', '.join(c.statements)}: {c.text}" for c in many)


def _requirement(submitted: SubmittedRequirements) -> Requirement:
    return Requirement(
        summary=submitted.summary,
        criteria=tuple(
            AcceptanceCriterion(f"AC-{n}", each.text, CriterionKind(each.kind), tuple(each.statements))
            for n, each in enumerate(submitted.criteria, 1)
        ),
        context=tuple(submitted.context),
        assumptions=tuple(Assumption(f"AS-{n}", text) for n, text in enumerate(submitted.assumptions, 1)),
        external_apis=tuple(ExternalApi(a.name, a.purpose) for a in submitted.external_apis),
        changed_tests=tuple(submitted.changed_tests),
        questions=tuple(submitted.questions),
        risk=Risk(submitted.risk),
    )
