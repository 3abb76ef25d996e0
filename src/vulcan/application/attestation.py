"""Evidence as an in-toto statement with the test-result predicate, ready to be signed.

Statement v1: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
Predicate: https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md; `evidence` in it is Vulcan's own.
"""

from __future__ import annotations

from typing import Any

from vulcan.application.commits import request_of, requirement_of
from vulcan.application.verification import Verification
from vulcan.domain.codec import encode
from vulcan.domain.errors import UserError
from vulcan.domain.evidence import Verdict
from vulcan.domain.job import Job
from vulcan.domain.kinds import WorkKind
from vulcan.domain.testing import Outcome, TestReport, TestResult

STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
EVIDENCE_VERSION = 1


def statement_of(seen: Verification) -> dict[str, Any]:
    """The statement on a change that `vulcan verify` judged."""
    evidence = {
        "kind": seen.kind.value,
        "baseline": encode(seen.baseline),
        "unjudged": list(seen.unjudged),
        "protected": [encode(finding) for finding in seen.protected],
    }
    return _statement(seen.base, seen.report, seen.verdict, evidence)


def job_statement(job_id: str, job: Job) -> dict[str, Any]:
    """The statement on the newest commit that a job has judged.

    Raises:
        UserError: there is no verdict yet.
    """
    if job.report is None or job.verdict is None:
        raise UserError("nothing was judged yet", hint=f"See where it stands: vulcan show {job_id}")
    evidence = {
        "job": job_id,
        "kind": WorkKind.BEHAVIOUR.value,
        "requirement": encode(requirement_of(job)),
        "baseline": encode(job.baseline) if job.baseline else None,
        "unjudged": [],
        "protected": [],
    }
    return _statement(request_of(job).base_commit, job.report, job.verdict, evidence)


def _statement(base: str, report: TestReport, verdict: Verdict, evidence: dict[str, Any]) -> dict[str, Any]:
    outcomes = _outcomes(report)
    return {
        "_type": STATEMENT,
        "subject": [{"name": "change", "digest": {"gitCommit": report.commit}}],
        "predicateType": TEST_RESULT,
        "predicate": {
            "result": "PASSED" if verdict.proven else "FAILED",
            "configuration": [
                {"name": "base", "digest": {"gitCommit": base}},
                {"name": "environment", "digest": {"sha256": report.environment}},
            ],
            "passedTests": _named(outcomes, Outcome.PASSED),
            "warnedTests": _named(outcomes, Outcome.SKIPPED),
            "failedTests": _named(outcomes, Outcome.FAILED, Outcome.ERROR),
            "evidence": {
                "version": EVIDENCE_VERSION,
                "verdict": encode(verdict),
                "report": encode(report),
                **evidence,
            },
        },
    }


def _outcomes(report: TestReport) -> dict[str, TestResult]:
    """The last word on each test: existing ones as they were before the change, then those of the change itself."""
    return {result.id: result for run in (report.existing, report.new) for result in run.results}


def _named(results: dict[str, TestResult], *outcomes: Outcome) -> list[str]:
    return sorted(test for test, result in results.items() if result.outcome in outcomes)
