"""The WorkflowEngine port's suite, on real logs; Prefect's adapter runs against a real server."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from fakes.log_pipeline import STRAIGHT, LogPipeline
from vulcan.application.ports import WorkflowEngine
from vulcan.domain.errors import JobBusy, ModelUnavailable, VulcanError
from vulcan.domain.events import (
    ApprovalGranted,
    ApprovalRequested,
    CodeValidated,
    Event,
    JobCancelled,
    JobFinished,
    JobOutcome,
    JobPaused,
    Stage,
    StageFailed,
    WorkStarted,
)
from vulcan.domain.evidence import Finding, Owner
from vulcan.domain.job import Ended, Job, Waiting, WaitingFor
from vulcan.infrastructure.store import SqliteEventStore
from vulcan.infrastructure.workflow import InlineEngine, Pipeline, PrefectEngine

MakeEngine = Callable[[Pipeline], WorkflowEngine]


pytest_plugins = ["fakes.prefect_server"]

# Prefect 3.8 leaves the client open with which it asks its server for a default result storage.
PREFECT = (pytest.mark.prefect, pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))


@pytest.fixture(params=["inline", pytest.param("prefect", marks=PREFECT)])
def make_engine(request: pytest.FixtureRequest) -> Iterator[MakeEngine]:
    if request.param == "inline":
        yield InlineEngine
        return
    url = request.getfixturevalue("prefect_api_url")
    yield lambda pipeline: PrefectEngine(pipeline, api_url=url)
    gc.collect()  # so that its open client is seen here and not in the next test


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[LogPipeline]:
    with SqliteEventStore(tmp_path / "log.db") as store:
        made = LogPipeline(store)
        made.request("job")
        yield made


@pytest.fixture
def engine(make_engine: MakeEngine, pipeline: LogPipeline) -> WorkflowEngine:
    return make_engine(pipeline)


def yields(*events: Event) -> Callable[[Job], object]:
    async def act(job: Job) -> Sequence[Event]:
        return events

    return act


def raises(error: BaseException) -> Callable[[Job], object]:
    async def act(job: Job) -> Sequence[Event]:
        raise error

    return act


async def test_runs_each_stage_once_until_the_job_has_ended(
    engine: WorkflowEngine, pipeline: LogPipeline
) -> None:
    await engine.run("job")

    assert pipeline.next("job") == Ended(JobOutcome.DONE)
    assert pipeline.stages("job") == STRAIGHT
    assert pipeline.count("job", WorkStarted) == 1
    assert pipeline.count("job", JobPaused) == 0


async def test_an_ended_job_is_left_alone(engine: WorkflowEngine, pipeline: LogPipeline) -> None:
    pipeline.append("job", JobCancelled("ada"))

    await engine.run("job")

    assert pipeline.count("job", WorkStarted) == 0


async def test_a_job_that_is_not_started_ends_before_anything_else_is_run(
    engine: WorkflowEngine, pipeline: LogPipeline
) -> None:
    pipeline.acts = {Stage.PREPARE: [yields(JobFinished(JobOutcome.NOT_STARTED, "sees 0 of about 9 tests"))]}

    await engine.run("job")

    assert pipeline.next("job") == Ended(JobOutcome.NOT_STARTED)
    assert pipeline.stages("job") == [Stage.PREPARE]


async def test_a_waiting_job_comes_back_and_goes_on_when_it_is_called_again(
    engine: WorkflowEngine, pipeline: LogPipeline
) -> None:
    pipeline.acts = {Stage.VALIDATE: [yields(ApprovalRequested("merge", "c", "digest"))]}

    await engine.run("job")
    assert pipeline.next("job") == Waiting(WaitingFor.APPROVAL, "merge of c")
    await engine.run("job")
    assert pipeline.next("job") == Waiting(WaitingFor.APPROVAL, "merge of c")
    assert pipeline.job("job").worker is None  # nothing to do: the lease is back, the clock stands
    assert pipeline.job("job").work_since is None

    pipeline.append("job", ApprovalGranted("digest", "ada"))
    await engine.run("job")
    assert pipeline.next("job") == Ended(JobOutcome.DONE)
    assert pipeline.stages("job") == [*STRAIGHT[:4], *STRAIGHT[3:]]


async def test_a_failed_stage_is_run_again_by_the_next_call(
    engine: WorkflowEngine, pipeline: LogPipeline
) -> None:
    pipeline.acts = {Stage.GENERATE: [yields(StageFailed(Stage.GENERATE, "no answer", "try later"))]}

    await engine.run("job")
    assert pipeline.next("job") == Waiting(WaitingFor.RESUME, "generate: no answer")

    await engine.run("job")
    assert pipeline.next("job") == Ended(JobOutcome.DONE)
    assert pipeline.stages("job") == [*STRAIGHT[:3], *STRAIGHT[2:]]


@pytest.mark.parametrize(
    "error", [ModelUnavailable("no answer", hint="try later"), ValueError("a fault"), OSError(5)]
)
async def test_what_a_stage_raises_comes_through_as_it_is(
    engine: WorkflowEngine, pipeline: LogPipeline, error: Exception
) -> None:
    pipeline.acts = {Stage.GENERATE: [raises(error)]}

    with pytest.raises(type(error)) as raised:
        await engine.run("job")

    assert raised.value is error
    assert pipeline.stages("job") == STRAIGHT[:3]
    await engine.run("job")
    assert pipeline.next("job") == Ended(JobOutcome.DONE)


async def test_a_busy_job_is_not_touched(engine: WorkflowEngine, pipeline: LogPipeline) -> None:
    pipeline.busy = True
    before = pipeline.store.read("job")

    with pytest.raises(JobBusy):
        await engine.run("job")

    assert pipeline.store.read("job") == before


async def test_cancelling_pauses_the_job(engine: WorkflowEngine, pipeline: LogPipeline) -> None:
    in_stage = asyncio.Event()

    async def hang(job: Job) -> Sequence[Event]:
        in_stage.set()
        await asyncio.sleep(600)
        return ()

    pipeline.acts = {Stage.GENERATE: [hang]}
    run = asyncio.ensure_future(engine.run("job"))
    await in_stage.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert pipeline.count("job", JobPaused) == 1
    assert isinstance(pipeline.next("job"), Waiting)
    await engine.run("job")
    assert pipeline.next("job") == Ended(JobOutcome.DONE)
    assert pipeline.stages("job") == [*STRAIGHT[:3], *STRAIGHT[2:]]


async def test_an_interrupt_pauses_the_job(engine: WorkflowEngine, pipeline: LogPipeline) -> None:
    pipeline.acts = {Stage.GENERATE: [raises(KeyboardInterrupt())]}

    # In a thread's own loop: a KeyboardInterrupt would leave this one broken.
    with pytest.raises(KeyboardInterrupt):
        await asyncio.to_thread(asyncio.run, engine.run("job"))

    assert pipeline.next("job") == Waiting(WaitingFor.RESUME, "Ctrl-C")


async def test_a_stage_that_does_not_move_does_not_spin(
    engine: WorkflowEngine, pipeline: LogPipeline
) -> None:
    pipeline.acts = {Stage.GENERATE: [yields()] * 50}

    with pytest.raises(VulcanError, match="generate of round 1 was run 4 times") as raised:
        await engine.run("job")

    assert raised.value.hint
    assert pipeline.stages("job") == [*STRAIGHT[:2], *[Stage.GENERATE] * 4]
    assert isinstance(pipeline.next("job"), Waiting)


async def test_many_rounds_are_no_spinning(engine: WorkflowEngine, pipeline: LogPipeline) -> None:
    pipeline.request("rounds", rounds=8)
    finding = Finding("tests", Owner.TEST_AUTHOR, "passes without the change")
    pipeline.acts = {Stage.WRITE_TESTS: [refuse(finding)] * 6}

    await engine.run("rounds")

    assert pipeline.next("rounds") == Ended(JobOutcome.DONE)
    assert pipeline.round("rounds") == 7
    assert pipeline.stages("rounds") == [*STRAIGHT[:4], *[Stage.WRITE_TESTS] * 7, Stage.RUN_TESTS]


def refuse(finding: Finding) -> Callable[[Job], object]:
    async def act(job: Job) -> Sequence[Event]:
        return [CodeValidated((finding,), job.round)]

    return act


WORKER = """
import asyncio, sys
from pathlib import Path
from fakes.log_pipeline import LogPipeline
from vulcan.domain.events import Stage
from vulcan.infrastructure.store import SqliteEventStore
from vulcan.infrastructure.workflow import InlineEngine, PrefectEngine

async def hang(job):
    print("in stage", flush=True)
    await asyncio.sleep(600)

pipeline = LogPipeline(SqliteEventStore(Path(sys.argv[1])), {Stage.VALIDATE: [hang]})
engine = PrefectEngine(pipeline, api_url=sys.argv[2]) if sys.argv[2] else InlineEngine(pipeline)
asyncio.run(engine.run("job"))
"""


async def test_a_killed_worker_loses_nothing_but_the_stage_it_was_in(
    engine: WorkflowEngine, pipeline: LogPipeline, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("prefect_api_url") if isinstance(engine, PrefectEngine) else ""
    arguments = [sys.executable, "-c", WORKER, str(tmp_path / "log.db"), url]
    environment = {"PYTHONPATH": ":".join(sys.path), "HOME": str(tmp_path)}
    pipe = asyncio.subprocess.PIPE
    worker = await asyncio.create_subprocess_exec(*arguments, stdout=pipe, env=environment)
    assert worker.stdout
    assert await worker.stdout.readline() == b"in stage\n"
    worker.kill()
    assert await worker.wait() == -signal.SIGKILL

    assert pipeline.next("job") is Stage.VALIDATE
    await engine.run("job")

    assert pipeline.next("job") == Ended(JobOutcome.DONE)
    assert pipeline.stages("job") == [*STRAIGHT[:4], *STRAIGHT[3:]]
    assert pipeline.job("job").epoch == 2
