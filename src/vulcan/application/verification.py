"""Judging anybody's change without a model: the same evidence, and the gates that fit the kind of the change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from vulcan.application.commits import product_artifacts, test_artifacts, without_tests
from vulcan.application.jobs.commands import new_job_id
from vulcan.application.jobs.log import JobLog
from vulcan.application.ports import BlobStore, Clock, EventStore, Observer, SourceRepository
from vulcan.application.ports.project import Project, Projects
from vulcan.application.protected import find_protected
from vulcan.application.services import Services
from vulcan.application.stages.judge import case_of
from vulcan.application.stages.prepare import prepare
from vulcan.application.stages.run_tests import compare, run_tests
from vulcan.application.stages.validate import computed_findings
from vulcan.domain.baseline import Baseline
from vulcan.domain.budget import Budget
from vulcan.domain.errors import UserError
from vulcan.domain.events import CodeGenerated, JobRequested, RequirementsAnalyzed, TestsGenerated
from vulcan.domain.evidence import Finding, Verdict
from vulcan.domain.gates import Case, judge_as
from vulcan.domain.generation import CodeArtifact, CodeGeneration, CodeMetadata
from vulcan.domain.kinds import WorkKind, kind_of
from vulcan.domain.policy import ReviewPolicy
from vulcan.domain.requirements import AcceptanceCriterion, CriterionKind, Requirement
from vulcan.domain.statements import statements_of
from vulcan.domain.testing import CodeTesting, TestCase, TestReport

CRITERION = "What the new tests show"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that somebody wants judged.

    Attributes:
        repository: a folder of the user's repository.
        head: branch, tag or commit; empty for the files as they lie there, committed or not.
        base: what the change is compared with; empty for where it left the repository's main branch.
        instruction: what was asked, if it is known; its literals must then stand in the new tests.
        changed_tests: existing tests, or files of them, that the change may alter.
        blind: whether to go on where too little of the project's tests is seen.
    """

    repository: Path
    head: str = ""
    base: str = ""
    instruction: str = ""
    changed_tests: tuple[str, ...] = ()
    blind: bool = False


@dataclass(frozen=True, slots=True)
class Verification:
    """What was seen of a change.

    Attributes:
        unjudged: sentences of the instruction that have no literal, so that only a model could tie them to tests.
        protected: files of the change that act on people's machines or guard the repository.
    """

    base: str
    head: str
    kind: WorkKind
    baseline: Baseline
    report: TestReport
    verdict: Verdict
    unjudged: tuple[str, ...] = ()
    protected: tuple[Finding, ...] = ()


Scratch = Callable[[], AbstractContextManager[EventStore]]
"""A log for one verification, gone with it."""


class Verifier:
    """Judges changes with the evidence of jobs; no model is asked, nothing is delivered and nothing is kept but caches.

    Args:
        projects: a repository with all that is needed to work on it.
        scratch: where the events of one verification are.
    """

    def __init__(
        self,
        source: Callable[[], SourceRepository],
        projects: Projects,
        scratch: Scratch,
        blobs: BlobStore,
        clock: Clock,
    ) -> None:
        self._source, self._projects, self._scratch = source, projects, scratch
        self._blobs, self._clock = blobs, clock

    async def verify(self, proposal: Proposal, observers: Sequence[Observer] = ()) -> Verification:
        """Run all that fits the change.

        Raises:
            UserError: repository, base or head can't be used, nothing differs, or too little of the tests is seen.
        """
        project, base, head = self._commits(proposal)
        with self._scratch() as store:
            log = JobLog(new_job_id(self._clock.now()), store, self._blobs, self._clock, observers)
            try:
                return await _verified(project.services, log, proposal, base, head)
            finally:
                project.checkouts.remove(log.id)

    def _commits(self, proposal: Proposal) -> tuple[Project, str, str]:
        """The project, and the base and head of the change in the host's repository."""
        root, base, head = self._source().ends(proposal.repository, proposal.base, proposal.head)
        project = self._projects(root)
        repository = project.repository
        repository.fetch(root, base)
        repository.fetch(root, head)
        if not proposal.head:
            head = repository.commit(
                repository.snapshot(root, head), head, "Files as they lie in the work tree"
            )
        if not repository.changes(base, head):
            raise UserError(
                f"nothing differs between {base[:10]} and {head[:10]}",
                hint="Name what to compare with: vulcan verify BRANCH --base REF",
            )
        return project, base, head


async def _verified(
    services: Services, log: JobLog, proposal: Proposal, base: str, head: str
) -> Verification:
    log.append(_request(proposal, base))
    await prepare(services, log)
    if log.job.baseline is None or log.job.outcome is not None:
        raise UserError(log.job.reason, hint=log.job.next_steps)
    tests = test_artifacts(services.repository, base, head)
    code = without_tests(services.repository, base, head)
    generation = CodeGeneration(
        Requirement("", ()), product_artifacts(services.repository, base, head), CodeMetadata(base, code, 1)
    )
    found = await computed_findings(services, log, generation, services.repository.diff(base, head))
    own = await _own_tests(services, log, base, head, tests)
    requirement = _requirement(proposal)
    testing = CodeTesting(tuple(TestCase(test, ("AC-1",)) for test in own), tests, head, 1)
    log.append(
        RequirementsAnalyzed(requirement),
        CodeGenerated(replace(generation, requirement=requirement)),
        TestsGenerated(testing),
    )
    await run_tests(services, log)
    case = replace(case_of(log.job), static=found)
    kind = kind_of([each.path for each in generation.artifacts], new_tests=_shows_more(case))
    return Verification(
        base,
        head,
        kind,
        log.job.baseline,
        case.report,
        judge_as(kind, case),
        tuple(each.text for each in requirement.statements if each.id in requirement.context),
        find_protected(services.repository, base, head),
    )


def _request(proposal: Proposal, base: str) -> JobRequested:
    return JobRequested(
        instruction=proposal.instruction,
        repository=str(proposal.repository),
        base_commit=base,
        base_branch="",
        model="",
        budget=Budget(),
        policy=ReviewPolicy(),
        blind=proposal.blind,
    )


def _requirement(proposal: Proposal) -> Requirement:
    """What can be held against a change without a model: that its new tests name what the instruction names."""
    statements = statements_of(proposal.instruction)
    named = tuple(each.id for each in statements if each.literals)
    context = tuple(each.id for each in statements if not each.literals)
    criterion = AcceptanceCriterion("AC-1", CRITERION, CriterionKind.PRESERVED, named)
    return Requirement(
        CRITERION,
        (criterion,),
        changed_tests=proposal.changed_tests,
        statements=statements if named else (),
        context=context if named else (),
    )


async def _own_tests(
    services: Services, log: JobLog, base: str, head: str, tests: Sequence[CodeArtifact]
) -> tuple[str, ...]:
    """Test functions that the change adds or alters."""
    if not tests:
        return ()
    changes = await compare(services, log, base, head, [each.path for each in tests])
    return changes.new + tuple(test for test in changes.altered if "::" in test)


def _shows_more(case: Case) -> bool:
    """Whether the change comes with new test functions, or with existing ones that fail without it now."""
    return any(entry.proves or entry.test not in case.report.altered for entry in case.report.red_green)
