"""A job's whole log in memory: two rounds, a tool, an approval, costs that are no round numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator

from fakes.memory_store import MemoryBlobStore, MemoryEventStore
from fakes.sample_events import BASE_COMMIT, requested
from vulcan.application.ports import StoredEvent
from vulcan.domain.budget import Usage
from vulcan.domain.events import (
    ApprovalGranted,
    ApprovalRequested,
    CodeGenerated,
    CodeValidated,
    Event,
    EvidenceJudged,
    JobFinished,
    JobOutcome,
    JobPaused,
    Merged,
    ModelReplied,
    RequirementsAnalyzed,
    Stage,
    StageStarted,
    TestsGenerated,
    TestsRun,
    ToolCalled,
    Worker,
    WorkStarted,
)
from vulcan.domain.evidence import CriterionProof, Finding, GateResult, Owner, Verdict
from vulcan.domain.generation import CodeGeneration, CodeMetadata
from vulcan.domain.requirements import AcceptanceCriterion, Requirement
from vulcan.domain.testing import CodeTesting, TestCoverage, TestReport, TestRun

COSTS = (0.0123456, 0.0200001, 0.003, 0.0000007)
SECRET = "sk-ant-" + "a1B2" * 8
WORKER = Worker("host", 42, 7)


class Times:
    """Hands out the times of a log, which a test lists."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class WholeJob:
    def __init__(self, job: str = "job1") -> None:
        self.id, self.blobs, self.times = job, MemoryBlobStore(), Times()
        self.store = MemoryEventStore(self.blobs, self.times)

    def add(self, seconds: float, *events: Event) -> None:
        self.times.now += seconds
        self.store.append(self.id, len(self.log), events)

    @property
    def log(self) -> list[StoredEvent]:
        return self.store.read(self.id)

    def reply(self, key: str, agent: str, used: Usage, prompt: str = "3", **payload: object) -> ModelReplied:
        digest = self.blobs.put(json.dumps(payload).encode())
        return ModelReplied(key, agent, "some-model", used, digest, prompt)

    def tool(self, key: str, agent: str, tool: str, result: str) -> ToolCalled:
        return ToolCalled(key, agent, tool, f"{tool} x", self.blobs.put(result.encode()))


def verdict(*, proven: bool) -> Verdict:
    finding = Finding("red_green", Owner.TEST_AUTHOR, "it passes without the change")
    gates = (
        GateResult("change", passed=True, detail="1 file"),
        GateResult("red_green", passed=proven, detail="see findings", findings=() if proven else (finding,)),
    )
    proof = (CriterionProof("AC-1", ("t",), proven=True), CriterionProof("AC-2", (), proven=proven))
    return Verdict(proven, gates, proof, "c" * 40)


def report() -> TestReport:
    nothing = TestRun((), 0)
    coverage = TestCoverage(covered=3, changed=4)
    return TestReport(nothing, nothing, nothing, (), coverage, "none", "d" * 64, "c" * 40)


def calls(name: str, identity: str = "c0", **arguments: object) -> list[dict[str, object]]:
    return [{"id": identity, "name": name, "arguments": arguments}]


def whole_job() -> WholeJob:
    """One job from request to merge, with a pause and a second round."""
    made = WholeJob()
    for seconds, event in _story(made):
        made.add(seconds, event)
    return made


def _story(job: WholeJob) -> Iterator[tuple[float, Event]]:
    yield 0, requested("Add it", requested_by="ada", model="some-model")
    yield 1, WorkStarted(WORKER, 1)
    yield 0, StageStarted(Stage.ANALYZE, 1)
    key = "analyze/1/analyst/0"
    counts = {"reasoning_tokens": 30, "cache_write_tokens": 100}
    usage = Usage(1, 1000, 400, 50, COSTS[0])
    yield 2, job.reply(key, "analyst", usage, tool_calls=calls("submit"), usage=counts)
    criteria = (AcceptanceCriterion("AC-1", "it adds"), AcceptanceCriterion("AC-2", "it is quick"))
    requirement = Requirement("Add it", criteria)
    yield 0, RequirementsAnalyzed(requirement)
    yield 0, StageStarted(Stage.GENERATE, 1)
    key = "generate/1/coder/0"
    shell = calls("shell", command=f"curl -H 'x: {SECRET}'")
    yield 3, job.reply(key, "coder", Usage(1, 2000, 0, 100, COSTS[1]), thinking="hm", tool_calls=shell)
    yield 4, job.tool(f"{key}/c0", "coder", "shell", f"[exit code 1]\ntoken {SECRET}")
    yield 5, JobPaused("Ctrl-C")
    yield 100, WorkStarted(WORKER, 2)
    yield 0, StageStarted(Stage.GENERATE, 1)
    usage = Usage(1, 3000, 0, 10, COSTS[2])
    yield 6, job.reply("generate/1/coder/1", "coder", usage, "langfuse:7", text="Done.")
    generation = CodeGeneration(requirement, (), CodeMetadata(BASE_COMMIT, "c" * 40, 1, "Done."))
    yield 0, CodeGenerated(generation)
    yield 0, StageStarted(Stage.VALIDATE, 1)
    yield 1, CodeValidated((), 1)
    yield 0, StageStarted(Stage.WRITE_TESTS, 1)
    usage = Usage(1, 10, 0, 1, COSTS[3])
    yield 1, job.reply("write_tests/1/test_author/0", "test author", usage, text="ok")
    yield 0, TestsGenerated(CodeTesting((), (), "c" * 40, 1))
    yield 0, StageStarted(Stage.RUN_TESTS, 1)
    yield 9, TestsRun(report(), 1)
    yield 0, StageStarted(Stage.JUDGE, 1)
    yield 0, EvidenceJudged(verdict(proven=False), 1)
    yield 0, StageStarted(Stage.JUDGE, 2)
    yield 0, EvidenceJudged(verdict(proven=True), 2)
    yield 0, StageStarted(Stage.RELEASE, 2)
    yield 0, ApprovalRequested("merge", "c" * 40, "digest")
    yield 50, ApprovalGranted("digest", "grace")
    yield 1, WorkStarted(WORKER, 3)
    yield 0, StageStarted(Stage.RELEASE, 2)
    yield 2, Merged(1, "m" * 40)
    yield 0, JobFinished(JobOutcome.DONE, "merged")
