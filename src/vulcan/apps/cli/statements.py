"""The statement of `vulcan verify --json`, as types that its schema is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from typing_extensions import TypedDict  # pydantic reads this one on Python 3.11, not that of typing

from vulcan.domain.baseline import Baseline
from vulcan.domain.evidence import Finding, Verdict
from vulcan.domain.kinds import WorkKind
from vulcan.domain.requirements import Requirement
from vulcan.domain.testing import TestReport


class Resource(TypedDict):
    """Something by its digest, such as `{"gitCommit": "..."}`."""

    name: str
    digest: dict[str, str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Vulcan's own part, in which fields that have their default are left out; `version` counts its forms."""

    version: Literal[1]
    kind: WorkKind
    verdict: Verdict
    report: TestReport
    baseline: Baseline | None
    unjudged: tuple[str, ...]
    protected: tuple[Finding, ...]
    job: str = ""
    requirement: Requirement | None = None


class ResultPredicate(TypedDict):
    """in-toto's predicate on results of tests, with Vulcan's evidence in it."""

    result: Literal["PASSED", "FAILED"]
    configuration: list[Resource]
    passedTests: list[str]
    warnedTests: list[str]
    failedTests: list[str]
    evidence: Evidence


class Statement(TypedDict):
    """What `vulcan verify --json` and `vulcan show --statement` print."""

    _type: Literal["https://in-toto.io/Statement/v1"]
    subject: list[Resource]
    predicateType: Literal["https://in-toto.io/attestation/test-result/v0.1"]
    predicate: ResultPredicate
