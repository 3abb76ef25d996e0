"""A change that every gate passes, to be spoilt one thing at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vulcan.domain.gates import Case
from vulcan.domain.generation import ChangeKind, CodeArtifact, CodeGeneration, CodeMetadata
from vulcan.domain.requirements import AcceptanceCriterion, Requirement
from vulcan.domain.testing import (
    CodeTesting,
    Outcome,
    RedGrade,
    RedGreen,
    TestCase,
    TestCoverage,
    TestReport,
    TestResult,
    TestRun,
)

OLD, NEW = "tests/test_old.py::test_old", "tests/test_new.py::test_new"
REQUIREMENT = Requirement("Make add add", (AcceptanceCriterion("AC-1", "add(2, 3) is 5"),))
PROOF = RedGreen(NEW, RedGrade.ASSERTION, "assert -1 == 5", green=True)


def result(test: str, outcome: Outcome = Outcome.PASSED, message: str = "") -> TestResult:
    return TestResult(test, outcome, 0.1, message=message)


def run(*results: TestResult, note: str = "") -> TestRun:
    code = int(any(r.outcome in (Outcome.FAILED, Outcome.ERROR) for r in results))
    return TestRun(results, code, 1.0, note)


def generation(*artifacts: CodeArtifact, requirement: Requirement = REQUIREMENT) -> CodeGeneration:
    return CodeGeneration(requirement, artifacts, CodeMetadata("base", "code", 1))


GOOD_REPORT = TestReport(
    base=run(result(OLD)),
    existing=run(result(OLD)),
    new=run(result(OLD), result(NEW)),
    red_green=(PROOF,),
    coverage=TestCoverage(2, 2),
    sandbox="bubblewrap",
    environment="e" * 64,
    commit="tests",
)
GOOD = Case(
    requirement=REQUIREMENT,
    generation=generation(CodeArtifact("calc.py", ChangeKind.MODIFIED, 3, 1)),
    testing=CodeTesting((TestCase(NEW, ("AC-1",)),), (), "tests", 1),
    report=GOOD_REPORT,
)


def case(**changes: Any) -> Case:
    """The good case with other fields; those of the report may be given by their names."""
    own = {name: changes.pop(name) for name in tuple(changes) if name in Case.__dataclass_fields__}
    return replace(GOOD, report=replace(GOOD_REPORT, **changes), **own)
