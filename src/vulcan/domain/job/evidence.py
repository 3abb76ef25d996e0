"""From the change to the verdict: who gets which finding next."""

from __future__ import annotations

from dataclasses import replace

from vulcan.domain.events import (
    CodeGenerated,
    CodeValidated,
    EvidenceJudged,
    Stage,
    TestsGenerated,
    TestsRun,
    ToolCalled,
    WorkspaceSnapshotted,
)
from vulcan.domain.evidence import Contested, Owner
from vulcan.domain.generation import CodeGeneration
from vulcan.domain.job.handling import Handlers, blocking_of, of_test_author, send_back
from vulcan.domain.job.state import STEERING, Changes, Job
from vulcan.domain.testing import CodeTesting

HANDLERS = Handlers()


@HANDLERS.on(ToolCalled)
def _tool_called(job: Job, event: ToolCalled) -> Changes:
    del job, event
    return {"tree_is_current": False}


@HANDLERS.on(WorkspaceSnapshotted)
def _snapshotted(job: Job, event: WorkspaceSnapshotted) -> Changes:
    del job
    return {"tree": event.tree, "tree_is_current": True}


@HANDLERS.on(CodeGenerated)
def _generated(job: Job, event: CodeGenerated) -> Changes:
    testing = job.testing
    if testing is not None and event.tests_commit:
        testing = replace(testing, commit=event.tests_commit)
    standing = (
        job.generation is not None and job.generation.metadata.commit == event.generation.metadata.commit
    )
    if standing and any(finding.gate != STEERING for finding in job.findings):
        return _coder_disagrees(job, event.generation, testing) | {"steering_in_code": event.steering_seen}
    return {
        "steering_in_code": event.steering_seen,
        "generation": event.generation,
        "testing": testing,
        "due": Stage.VALIDATE,
        "verdict": None,
        "pipeline": None,
    }


@HANDLERS.on(CodeValidated)
def _validated(job: Job, event: CodeValidated) -> Changes:
    blocking = blocking_of(event.findings)
    changes: Changes = {
        "warnings": tuple(f for f in event.findings if f not in blocking),
        "reviewed": job.reviewed or event.reviewed,
    }
    for_author = of_test_author(job.findings)
    if blocking and job.last_round and all(f.contestable for f in blocking):
        changes["warnings"] = (
            event.findings
        )  # no round is left to mend them in: they stop the proof, not the evidence
    elif blocking:
        note = f"round {job.round}: {len(blocking)} findings of static checks or review"
        return changes | send_back(job, blocking + for_author, note)
    mended = job.testing is not None and not for_author and not _untied(job)
    return changes | {"due": Stage.RUN_TESTS if mended else Stage.WRITE_TESTS}


@HANDLERS.on(TestsGenerated)
def _tests_generated(job: Job, event: TestsGenerated) -> Changes:
    if _same_tests(job, event):
        note = f"round {job.round}: the test author left its tests as they are: {event.testing.summary}"
        return {"history": (*job.history, note.rstrip(": ")), "due": Stage.DELIVER}
    changes: Changes = {"testing": event.testing, "verdict": None}
    blocking = blocking_of(event.rejected)
    if blocking:
        return changes | send_back(job, blocking, f"round {job.round}: the test author's work was refused")
    return changes | {"due": Stage.RUN_TESTS, "findings": ()}


@HANDLERS.on(TestsRun)
def _tests_run(job: Job, event: TestsRun) -> Changes:
    report = event.report if job.baseline is None else replace(event.report, base=job.baseline.run)
    return {"report": report, "due": Stage.JUDGE}


@HANDLERS.on(EvidenceJudged)
def _judged(job: Job, event: EvidenceJudged) -> Changes:
    verdict = event.verdict
    if verdict.proven:
        return {"verdict": verdict, "findings": (), "due": Stage.DELIVER}
    failed = ", ".join(gate.gate for gate in verdict.gates if not gate.passed)
    note = f"round {job.round}: {verdict.in_words} ({failed})"
    return {"verdict": verdict} | send_back(job, verdict.findings, note)


def _coder_disagrees(job: Job, generation: CodeGeneration, testing: CodeTesting | None) -> Changes:
    """The coder leaves the code as it is in spite of findings: its words go to the test author, or to a person.

    Where checkers' opinions are all that it lets stand, the work goes on, and the report says so.
    """
    words = generation.metadata.summary
    changes: Changes = {
        "generation": generation,
        "testing": testing,
        "history": (*job.history, f"round {job.round}: the coder left the code as it is: {words}"),
    }
    let_stand = tuple(f for f in job.findings if f.contestable)
    changes["contested"] = (*job.contested, *(Contested(f, words) for f in let_stand))
    if let_stand and all(f.contestable or f.owner is Owner.TEST_AUTHOR for f in job.findings):
        return changes | {"due": Stage.VALIDATE, "findings": of_test_author(job.findings)}
    about_tests = tuple(f for f in job.findings if f.gate == "criteria" or f.owner is Owner.TEST_AUTHOR)
    if testing is None or not about_tests:
        return changes | {"due": Stage.DELIVER}
    said = f"\nThe coder leaves the code as it is and says: {words}"
    passed_on = tuple(replace(f, owner=Owner.TEST_AUTHOR, text=f.text + said) for f in about_tests)
    return changes | {"findings": passed_on, "due": Stage.WRITE_TESTS}


def _untied(job: Job) -> bool:
    """Whether the person's word brought a criterion that no test is tied to yet."""
    if job.requirement is None or job.testing is None or not job.steering:
        return False
    tied = {criterion for case in job.testing.cases for criterion in case.criteria}
    return any(criterion.id not in tied for criterion in job.requirement.criteria)


def _same_tests(job: Job, event: TestsGenerated) -> bool:
    """Whether the test author hands in again what was found wanting: nothing would come out of judging it anew."""
    before, now = job.testing, event.testing
    if before is None or not of_test_author(job.findings):
        return False
    return before.handed_in == now.handed_in
