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
    """Whether a finding stops the job; a contested one does not: it was told to the coder and let stand."""

    BLOCKING = "blocking"
    CONTESTED = "contested"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, with the text that its owner needs to mend it.

    `contestable` ones are a checker's opinion, which the owner may let stand; `code` is what it calls it.
    """

    gate: str
    owner: Owner
    text: str
    severity: Severity = Severity.BLOCKING
    path: str = ""
    line: int = 0
    contestable: bool = False

    @property
    def code(self) -> str:
        """What its text begins with, such as F401; empty where that is no code."""
        before, colon, _ = self.text.partition(": ")
        return before if colon and " " not in before else ""

    @property
    def place(self) -> str:
        """Where it is, as `path:line`; empty where the text itself says so, or nothing does."""
        if not self.path or self.path in self.text:
            return ""
        return f"{self.path}:{self.line}" if self.line else self.path

    def is_same_as(self, other: Finding) -> bool:
        """Whether it is the same, wherever in the file it has moved to."""
        return (self.gate, self.path, self.text) == (other.gate, other.path, other.text)


@dataclass(frozen=True, slots=True)
class Contested:
    """A finding that its owner was told of and let stand, and what it said of it."""

    finding: Finding
    words: str


class Answer(StrEnum):
    """What a gate says: what it looks for holds, or does not, or could not be looked at."""

    HOLDS = "holds"
    BROKEN = "broken"
    NOT_SEEN = "not seen"


@dataclass(frozen=True, slots=True)
class GateResult:
    """What one gate saw; `detail` is one line for the report.

    `seen` is False where nothing speaks against the change, but too little could be looked at to speak for it.
    """

    gate: str
    passed: bool
    detail: str
    findings: tuple[Finding, ...] = ()
    seen: bool = True

    @property
    def answer(self) -> Answer:
        """The gate's answer; only `holds` lets a change be proven."""
        if self.passed:
            return Answer.HOLDS
        return Answer.BROKEN if self.seen else Answer.NOT_SEEN


@dataclass(frozen=True, slots=True)
class CriterionProof:
    """One criterion and the tests that show it."""

    criterion: str
    tests: tuple[str, ...]
    proven: bool


@dataclass(frozen=True, slots=True)
class DemandProof:
    """One demand of the instruction: what shows it, or else why it counts as not shown."""

    statement: str
    text: str
    criteria: tuple[str, ...] = ()
    missing: str = ""

    @property
    def shown(self) -> bool:
        """Whether tests show it."""
        return not self.missing


DEMANDS = "demands"
"""The gate that counts what of the instruction is shown."""
EXISTING_TESTS = "existing tests"
"""The gate that looks at the tests that were there before the change."""
MUTATION = "mutation"
"""The gate that counts which small changes of the changed lines tests notice."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the change is proven. Computed from results only; no model has a say in it."""

    proven: bool
    gates: tuple[GateResult, ...]
    criteria: tuple[CriterionProof, ...]
    commit: str
    demands: tuple[DemandProof, ...] = ()

    @property
    def in_part(self) -> bool:
        """Whether all that stands against the change is that some demands, or lines of it, are not shown."""
        failed = {gate.gate for gate in self.gates if not gate.passed}
        return bool(failed) and failed <= {DEMANDS, MUTATION} and any(each.shown for each in self.demands)

    @property
    def in_words(self) -> str:
        """Proven, in part (all that is shown holds), not proven, or shown as far as anything could be seen."""
        if self.proven:
            return "proven"
        if self.in_part:
            return "proven in part"
        speaking = all(gate.answer is not Answer.BROKEN for gate in self.gates)
        return "shown, not proven" if speaking and self.gates else "not proven"

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
