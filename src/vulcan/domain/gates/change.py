"""The change changes the product."""

from __future__ import annotations

from vulcan.domain.evidence import Finding, GateResult, Owner
from vulcan.domain.gates.case import Case

NAME = "change"


def judge(case: Case) -> GateResult:
    """There is a change to something that is not a test."""
    artifacts = case.generation.artifacts
    if artifacts:
        added, removed = sum(a.added for a in artifacts), sum(a.removed for a in artifacts)
        return GateResult(NAME, True, f"{len(artifacts)} files, +{added} -{removed}")
    text = "Nothing in the product's code was changed. Make the change that the criteria describe."
    return GateResult(NAME, False, "no change", (Finding(NAME, Owner.CODER, text),))
