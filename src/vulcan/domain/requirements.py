"""What is asked for: requirements with criteria that can be tested."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count

from vulcan.domain.statements import Statement, is_mentioned


class Risk(StrEnum):
    """How much harm a wrong change could do."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class CriterionKind(StrEnum):
    """What the tests of a criterion do without the change: fail where behaviour is new, pass where it is preserved."""

    NEW = "new"
    PRESERVED = "preserved"


@dataclass(frozen=True, slots=True)
class AcceptanceCriterion:
    """One observable behaviour, numbered `AC-1`, `AC-2`, ..., that at least one test must show.

    `statements` are the ids of the instruction's statements that it covers.
    """

    id: str
    text: str
    kind: CriterionKind = CriterionKind.NEW
    statements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something the analyst took for granted; a person can veto it."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class ExternalApi:
    """An outside service that the change talks to, to be stood in for in tests."""

    name: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """The whole of what a job must achieve.

    Attributes:
        summary: one sentence in the imperative; becomes the pull request's title.
        criteria: at least one, numbered from `AC-1`.
        changed_tests: node ids or files of existing tests whose expectations the instruction itself changes.
        questions: what neither the repository nor the instruction answers; empty means work can start.
        statements: of the instruction, as code took it apart.
        context: ids of statements that demand nothing.
        dropped: ids of statements that demand nothing any more, since a person dropped their criteria.
    """

    summary: str
    criteria: tuple[AcceptanceCriterion, ...]
    assumptions: tuple[Assumption, ...] = ()
    external_apis: tuple[ExternalApi, ...] = ()
    changed_tests: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    risk: Risk = Risk.LOW
    statements: tuple[Statement, ...] = ()
    context: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def demands(self) -> tuple[Statement, ...]:
        """The statements that a test must show."""
        return tuple(each for each in self.statements if each.id not in (*self.context, *self.dropped))

    @property
    def untied(self) -> tuple[Statement, ...]:
        """Statements that neither a criterion covers nor are context."""
        tied = {statement for criterion in self.criteria for statement in criterion.statements}
        return tuple(each for each in self.demands if each.id not in tied)

    @property
    def doubtful(self) -> tuple[Statement, ...]:
        """Statements that are called context though they have words of demand."""
        return tuple(each for each in self.statements if each.id in self.context and each.demanding)

    def of_statement(self, statement: str) -> tuple[AcceptanceCriterion, ...]:
        """The criteria that cover a statement."""
        return tuple(c for c in self.criteria if statement in c.statements)


def without_criteria(requirement: Requirement, dropped: Sequence[AcceptanceCriterion]) -> Requirement:
    """The requirement after a person dropped criteria: statements that only they covered demand nothing any more."""
    kept = replace(requirement, criteria=tuple(c for c in requirement.criteria if c not in dropped))
    orphaned = tuple(each.id for each in kept.untied if each not in requirement.untied)
    return replace(kept, dropped=requirement.dropped + orphaned)


def with_new_words(revised: Requirement, earlier: Requirement) -> Requirement:
    """A requirement after the person spoke: literals that criteria no longer name are replaced, and no test must name them.

    Where a criterion said `total` and the revised ones of its statement don't, the person wants it otherwise.
    """
    statements = tuple(_with_new_words(each, revised, earlier) for each in revised.statements)
    return replace(revised, statements=statements)


def _with_new_words(statement: Statement, revised: Requirement, earlier: Requirement) -> Statement:
    before = "\n".join(c.text for c in earlier.of_statement(statement.id))
    after = "\n".join(c.text for c in revised.of_statement(statement.id))
    dropped = [x for x in statement.literals if is_mentioned(x, before) and not is_mentioned(x, after)]
    return replace(statement, literals=tuple(x for x in statement.literals if x not in dropped))


def renumbered(revised: Requirement, earlier: Requirement) -> Requirement:
    """Criteria that stand word for word keep their numbers, so that tests stay tied to them; others get new ones."""
    known = {criterion.text: criterion.id for criterion in earlier.criteria}
    free = _numbers_after(earlier.criteria)
    criteria = tuple(
        replace(criterion, id=known.pop(criterion.text, "") or f"AC-{next(free)}")
        for criterion in revised.criteria
    )
    return replace(revised, criteria=criteria)


def _numbers_after(criteria: Sequence[AcceptanceCriterion]) -> Iterator[int]:
    numbers = [int(c.id.removeprefix("AC-")) for c in criteria if c.id.removeprefix("AC-").isdigit()]
    return count(max(numbers, default=0) + 1)
