"""Evidence as an in-toto statement with the test-result predicate, ready to be signed.

Statement v1: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
Predicate: https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md; `evidence` in it is Vulcan's own.
"""

from __future__ import annotations

from typing import Any

from vulcan.application.verification import Verification
from vulcan.domain.codec import encode
from vulcan.domain.testing import Outcome, TestReport, TestResult

STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
EVIDENCE_VERSION = 1


def statement_of(seen: Verification) -> dict[str, Any]:
    """The statement on the commit that was judged."""
    outcomes = _outcomes(seen.report)
    return {
        "_type": STATEMENT,
        "subject": [{"name": "change", "digest": {"gitCommit": seen.head}}],
        "predicateType": TEST_RESULT,
        "predicate": {
            "result": "PASSED" if seen.verdict.proven else "FAILED",
            "configuration": [
                {"name": "base", "digest": {"gitCommit": seen.base}},
                {"name": "environment", "digest": {"sha256": seen.report.environment}},
            ],
            "passedTests": _named(outcomes, Outcome.PASSED),
            "warnedTests": _named(outcomes, Outcome.SKIPPED),
            "failedTests": _named(outcomes, Outcome.FAILED, Outcome.ERROR),
            "evidence": {
                "version": EVIDENCE_VERSION,
                "kind": seen.kind.value,
                "verdict": encode(seen.verdict),
                "report": encode(seen.report),
                "baseline": encode(seen.baseline),
                "unjudged": list(seen.unjudged),
                "protected": [encode(finding) for finding in seen.protected],
            },
        },
    }


def _outcomes(report: TestReport) -> dict[str, TestResult]:
    """The last word on each test: existing ones as they were before the change, then those of the change itself."""
    return {result.id: result for run in (report.existing, report.new) for result in run.results}


def _named(results: dict[str, TestResult], *outcomes: Outcome) -> list[str]:
    return sorted(test for test, result in results.items() if result.outcome in outcomes)
