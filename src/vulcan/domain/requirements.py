"""What is asked for: requirements with criteria that can be tested."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count


class Risk(StrEnum):
    """How much harm a wrong change could do."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class AcceptanceCriterion:
    """One observable behaviour, numbered `AC-1`, `AC-2`, ..., that at least one test must show."""

    id: str
    text: str


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
    """

    summary: str
    criteria: tuple[AcceptanceCriterion, ...]
    assumptions: tuple[Assumption, ...] = ()
    external_apis: tuple[ExternalApi, ...] = ()
    changed_tests: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    risk: Risk = Risk.LOW


def renumbered(revised: Requirement, earlier: Requirement) -> Requirement:
    """Criteria that stand word for word keep their numbers, so that tests stay tied to them; others get new ones."""
    known = {criterion.text: criterion.id for criterion in earlier.criteria}
    free = _numbers_after(earlier.criteria)
    criteria = tuple(
        AcceptanceCriterion(known.pop(criterion.text, "") or f"AC-{next(free)}", criterion.text)
        for criterion in revised.criteria
    )
    return replace(revised, criteria=criteria)


def _numbers_after(criteria: Sequence[AcceptanceCriterion]) -> Iterator[int]:
    numbers = [int(c.id.removeprefix("AC-")) for c in criteria if c.id.removeprefix("AC-").isdigit()]
    return count(max(numbers, default=0) + 1)
