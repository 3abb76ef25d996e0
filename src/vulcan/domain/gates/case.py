"""What a gate judges, and the shape that every gate has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vulcan.domain.baseline import Baseline
from vulcan.domain.evidence import Finding, GateResult
from vulcan.domain.generation import CodeGeneration
from vulcan.domain.requirements import CriterionKind, Requirement
from vulcan.domain.testing import (
    CodeTesting,
    RedGrade,
    RedGreen,
    TestReport,
    is_same_test,
    without_parameters,
)


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that is known about a change.

    `earlier` are the findings of the round before, `baseline` is what was seen of the project's tests before the work.
    `strict` says whether each open point counts, since somebody is asked to mend it, or only too many of them.
    """

    requirement: Requirement
    generation: CodeGeneration
    testing: CodeTesting
    report: TestReport
    static: tuple[Finding, ...] = ()
    earlier: tuple[Finding, ...] = ()
    baseline: Baseline | None = None
    strict: bool = True

    def is_preserving(self, test: str) -> bool:
        """Whether a new test shows only behaviour that was there before, so that it passes without the change, too."""
        tied = {c for case in self.testing.cases if case.id == test for c in case.criteria}
        shown = [c for c in self.requirement.criteria if c.id in tied]
        already = self.testing.holding_already
        return bool(shown) and all(c.kind is CriterionKind.PRESERVED or c.id in already for c in shown)

    def counts(self, entry: RedGreen) -> bool:
        """Whether a new test's run without the change and with it is what its criteria need."""
        preserved = entry.green and entry.grade is RedGrade.PASSES and self.is_preserving(entry.test)
        return entry.proves or preserved

    def may_change(self, test: str) -> bool:
        """Whether the requirement itself changes what an existing test expects (node id or its file)."""
        name = without_parameters(test)
        path = name.split("::", 1)[0]
        return any(
            allowed in (name, path, test) or is_same_test(allowed, name) or _is_file_of(allowed, test)
            for allowed in self.requirement.changed_tests
        )


def _is_file_of(allowed: str, test: str) -> bool:
    """Whether a file must change for a test in it: outside of Python it is not read what else in it changes."""
    return "::" not in test and not test.endswith(".py") and allowed.startswith(f"{test}::")


Gate = Callable[[Case], GateResult]
