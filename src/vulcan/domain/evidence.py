"""The evidence and its verdict: gates are pure functions from results to `GateResult`s."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Owner(StrEnum):
    """Who must mend a finding."""

    CODER = "coder"
    TEST_AUTHOR = "test author"
    PERSON = "person"


class Severity(StrEnum):
    """Whether a finding stops the job."""

    BLOCKING = "blocking"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, with the text that its owner needs to mend it."""

    gate: str
    owner: Owner
    text: str
    severity: Severity = Severity.BLOCKING
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class GateResult:
    """What one gate saw; `detail` is one line for the report."""

    gate: str
    passed: bool
    detail: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class CriterionProof:
    """One criterion and the tests that show it."""

    criterion: str
    tests: tuple[str, ...]
    proven: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the change is proven. Computed from results only; no model has a say in it."""

    proven: bool
    gates: tuple[GateResult, ...]
    criteria: tuple[CriterionProof, ...]
    commit: str

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All blocking findings of the gates that failed."""
        return tuple(
            finding
            for gate in self.gates
            if not gate.passed
            for finding in gate.findings
            if finding.severity is Severity.BLOCKING
        )
