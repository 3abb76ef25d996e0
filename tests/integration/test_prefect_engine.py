"""What is Prefect's own: what its server shows of a job, and what happens when the server is not there."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from fakes.line import Line
from fakes.log_pipeline import STRAIGHT, LogPipeline, straight
from vulcan.domain.errors import UserError, VulcanError
from vulcan.domain.events import ApprovalRequested, Event, JobOutcome, Stage, StageFailed, WorkStarted
from vulcan.domain.job import Ended, Job
from vulcan.infrastructure.store import SqliteEventStore
from vulcan.infrastructure.workflow import PrefectEngine

pytest_plugins = ["fakes.prefect_server"]

# Prefect 3.8 leaves the client open with which it asks its server for a default result storage.
unclosed = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture
def job() -> str:
    return f"job-{uuid4().hex[:8]}"


@pytest.fixture
def pipeline(tmp_path: Path, job: str) -> Iterator[LogPipeline]:
    with SqliteEventStore(tmp_path / "log.db") as store:
        made = LogPipeline(store)
        made.request(job)
        yield made
    gc.collect()


def yields(*events: Event) -> Callable[[Job], object]:
    async def act(now: Job) -> Sequence[Event]:
        return events

    return act


class Shown:
    """What the server shows of a job: its flow runs, and their task runs, as (name, state, message)."""

    def __init__(self, url: str, job: str) -> None:
        self._url = url
        self._only = {"flow_runs": {"name": {"any_": [job]}}, "sort": "EXPECTED_START_TIME_ASC"}

    async def flows(self) -> list[tuple[str, str, str]]:
        return await self._runs("flow_runs", 0)

    async def tasks(self, count: int) -> list[tuple[str, str, str]]:
        """Task runs reach the server as events, a little later than they happen."""
        return await self._runs("task_runs", count)

    async def _runs(self, kind: str, count: int) -> list[tuple[str, str, str]]:
        for _ in range(150):
            found = await asyncio.to_thread(self._ask, kind)
            if len(found) >= count and all(state not in ("PENDING", "RUNNING") for _, state, _ in found):
                break
            await asyncio.sleep(0.1)
        return found

    def _ask(self, kind: str) -> list[tuple[str, str, str]]:
        request = urllib.request.Request(
            f"{self._url}/{kind}/filter",
            json.dumps(self._only).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            runs = json.load(answer)
        # A task run may be there before its first state is.
        states = [run["state"] or {"type": "PENDING", "message": ""} for run in runs]
        return [(run["name"], s["type"], s["message"] or "") for run, s in zip(runs, states, strict=True)]


# ----------------------------------------------------------------------------------------- with a server


@pytest.mark.prefect
@unclosed
async def test_one_flow_run_a_job_and_one_task_run_a_stage(
    pipeline: LogPipeline, job: str, prefect_api_url: str
) -> None:
    await PrefectEngine(pipeline, api_url=prefect_api_url).run(job)

    shown = Shown(prefect_api_url, job)
    assert await shown.flows() == [(job, "COMPLETED", "ended: done")]
    following = [*(f"next: {stage.value}" for stage in STRAIGHT[1:]), "ended: done"]
    expected = [
        (f"{stage.value}/1", "COMPLETED", next_) for stage, next_ in zip(STRAIGHT, following, strict=True)
    ]
    assert sorted(await shown.tasks(len(expected))) == sorted(expected)


@pytest.mark.prefect
@unclosed
async def test_a_failed_stage_is_seen_as_failed_and_the_next_attempt_is_a_new_flow_run(
    pipeline: LogPipeline, job: str, prefect_api_url: str
) -> None:
    engine, shown = PrefectEngine(pipeline, api_url=prefect_api_url), Shown(prefect_api_url, job)
    pipeline.acts = {Stage.GENERATE: [yields(StageFailed(Stage.GENERATE, "no answer"))]}

    await engine.run(job)
    assert await shown.flows() == [(job, "FAILED", "generate: no answer")]
    assert set(await shown.tasks(3)) == {
        ("prepare/1", "COMPLETED", "next: analyze"),
        ("analyze/1", "COMPLETED", "next: generate"),
        ("generate/1", "FAILED", "generate: no answer"),
    }

    await engine.run(job)
    assert [state for _, state, _ in await shown.flows()] == ["FAILED", "COMPLETED"]
    assert len(await shown.tasks(7)) == 7


@pytest.mark.prefect
@unclosed
async def test_a_stage_that_raises_is_seen_as_failed(
    pipeline: LogPipeline, job: str, prefect_api_url: str
) -> None:
    async def break_down(now: Job) -> Sequence[Event]:
        raise VulcanError("the disk is full")

    pipeline.acts = {Stage.PREPARE: [break_down]}
    with pytest.raises(VulcanError, match="the disk is full"):
        await PrefectEngine(pipeline, api_url=prefect_api_url).run(job)

    shown = Shown(prefect_api_url, job)
    for runs in (await shown.flows(), await shown.tasks(1)):
        ((_, state, message),) = runs
        assert state == "FAILED"
        assert "the disk is full" in message


@pytest.mark.prefect
@unclosed
async def test_a_waiting_job_ends_its_flow(pipeline: LogPipeline, job: str, prefect_api_url: str) -> None:
    pipeline.acts = {Stage.PREPARE: [yields(ApprovalRequested("merge", "c", "digest"))]}

    await PrefectEngine(pipeline, api_url=prefect_api_url).run(job)

    shown, words = Shown(prefect_api_url, job), "waits for approval: merge of c"
    assert await shown.flows() == [(job, "COMPLETED", words)]
    assert await shown.tasks(1) == [("prepare/1", "COMPLETED", words)]


@pytest.mark.prefect
@unclosed
async def test_the_process_keeps_its_own_logging_and_its_own_sigterm(
    pipeline: LogPipeline, job: str, prefect_api_url: str
) -> None:
    seen = []

    async def look(now: Job) -> Sequence[Event]:
        seen.append(signal.getsignal(signal.SIGTERM))
        return [ApprovalRequested("merge", "c", "digest")]

    def own(number: int, frame: object) -> None: ...

    pipeline.acts = {Stage.PREPARE: [look]}
    handlers = logging.getLogger().handlers[:]
    before = signal.signal(signal.SIGTERM, own)
    try:
        await PrefectEngine(pipeline, api_url=prefect_api_url).run(job)
        assert seen == [own]
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, before)
    assert logging.getLogger().handlers == handlers


@pytest.mark.prefect
@unclosed
async def test_a_server_that_goes_away_does_not_stop_the_job(
    pipeline: LogPipeline, job: str, prefect_api_url: str
) -> None:
    there = urlsplit(prefect_api_url)
    with Line(str(there.hostname), int(there.port or 0)) as line:

        async def cut(now: Job) -> Sequence[Event]:
            line.cut()
            return straight(now)

        pipeline.acts = {Stage.GENERATE: [cut]}
        engine = PrefectEngine(pipeline, api_url=f"http://127.0.0.1:{line.port}/api", client_retries=0)
        await engine.run(job)

    assert pipeline.next(job) == Ended(JobOutcome.DONE)
    assert pipeline.stages(job) == STRAIGHT


# -------------------------------------------------------------------------------------- without a server


def test_without_a_server_it_is_refused(pipeline: LogPipeline) -> None:
    with pytest.raises(UserError, match="no Prefect server is configured") as raised:
        PrefectEngine(pipeline, api_url="")
    assert "PREFECT_API_URL" in raised.value.hint


@pytest.mark.prefect
@pytest.mark.parametrize("url", ["http://127.0.0.1:9/api", "http://no-such-host.invalid/api"])
async def test_a_server_that_can_not_be_reached_is_an_error_before_the_job_is_claimed(
    pipeline: LogPipeline, job: str, url: str
) -> None:
    with pytest.raises(VulcanError, match="can't be reached") as raised:
        await PrefectEngine(pipeline, api_url=url).run(job)

    assert "prefect server start" in raised.value.hint
    assert pipeline.count(job, WorkStarted) == 0


def test_prefect_is_not_imported_before_a_job_is_driven() -> None:
    code = """
import sys
from vulcan.infrastructure.workflow import PrefectEngine
PrefectEngine(None, api_url="http://127.0.0.1:9/api")
sys.exit(any(name in sys.modules for name in ("prefect", "httpx")))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
