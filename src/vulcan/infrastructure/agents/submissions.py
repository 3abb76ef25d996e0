"""What agents submit, as requirements, tests and findings, and what is sent back to them once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, Field
from pydantic_ai import ModelRetry

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

T = TypeVar("T")
REVIEW = "review"

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
NO_DEMAND = "Every statement is called context, so that nothing of the instruction would be shown. Cover what it asks for."
UNKNOWN = "The instruction has no statements of these ids: "
UNREVIEWED = (
    "Submit the review again with an entry under demands for each of these, too: whether the change meets it, where, and an "
    "input that you tried by hand:"
)
AGAIN = "Submit all of the requirements again."


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

    @property
    def in_words(self) -> str:
        """What is not met, as a finding says it."""
        tried = f" Tried: {self.tried}" if self.tried else ""
        return f"{self.statement} of the instruction is not met: {self.place}{tried}"


class SubmittedReview(BaseModel):
    demands: list[ReviewedDemand] = Field(
        default=[], description="One entry for each statement that a criterion names after `from`."
    )
    findings: list[Objection] = []


def once(objection: Callable[[T], str]) -> Callable[[T], T]:
    """A check of what an agent submits that sends it back with an objection, the first time; then it is taken as it is."""
    asked = False

    def check(submitted: T) -> T:
        nonlocal asked
        told = "" if asked else objection(submitted)
        if told:
            asked = True
            raise ModelRetry(told)
        return submitted

    return check


def loose_ends(submitted: SubmittedRequirements, statements: tuple[Statement, ...]) -> str:
    """What the analyst has to tie to criteria, or to take apart; empty where nothing is left."""
    requirement = requirement_of(submitted, statements)
    if statements and not requirement.demands:
        return f"{NO_DEMAND} {AGAIN}"
    parts = [
        (UNTIED, _listed(requirement.untied)),
        (DOUBTFUL, _listed(requirement.doubtful)),
        (BUNDLED, _bundles(requirement)),
    ]
    told = [f"{words}\n{listed}" for words, listed in parts if listed]
    if unknown := _unknown(submitted, statements):
        told.append(UNKNOWN + ", ".join(unknown))
    return "\n\n".join([*told, AGAIN]) if told else ""


def _unknown(submitted: SubmittedRequirements, statements: tuple[Statement, ...]) -> list[str]:
    """Ids that the analyst ties to criteria, or calls context, though the instruction has none of them."""
    named = [*submitted.context, *(each for c in submitted.criteria for each in c.statements)]
    return sorted(set(named) - {each.id for each in statements})


def unreviewed(review: SubmittedReview, requirement: Requirement | None) -> str:
    """The demands that a review says nothing of, where the instruction has several; else empty."""
    demands = requirement.demands if requirement else ()
    answered = {each.statement for each in review.demands}
    missing = [each for each in demands if each.id not in answered]
    return f"{UNREVIEWED}\n{_listed(missing)}" if missing and len(demands) > 1 else ""


def _listed(statements: Sequence[Statement]) -> str:
    return "\n".join(f"{each.id}: {each.text}" for each in statements)


def _bundles(requirement: Requirement) -> str:
    """Criteria that cover so many statements that a test of a few of them would show all."""
    many = [c for c in requirement.criteria if len(c.statements) > MOST_STATEMENTS]
    return "\n".join(f"{', '.join(c.statements)}: {c.text}" for c in many)


def requirement_of(submitted: SubmittedRequirements, statements: tuple[Statement, ...]) -> Requirement:
    """The requirement; a single statement is what all criteria are of."""
    requirement = replace(_requirement(submitted), statements=statements)
    if len(statements) != 1:
        return requirement
    criteria = tuple(replace(c, statements=(statements[0].id,)) for c in requirement.criteria)
    return replace(requirement, context=(), criteria=criteria)


def findings_of(review: SubmittedReview) -> tuple[Finding, ...]:
    """Demands that are not met, then all other objections."""
    unmet = [Finding(REVIEW, Owner.CODER, each.in_words) for each in review.demands if not each.met]
    others = [
        Finding(
            REVIEW,
            Owner.CODER,
            objection.text,
            Severity.BLOCKING if objection.blocking else Severity.WARNING,
            objection.path,
        )
        for objection in review.findings
    ]
    return (*unmet, *others)


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
