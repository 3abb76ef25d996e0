"""Traces sent while a job is worked on: what fails there costs the job nothing, and no span is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from conftest import GOOD_JOB, Cli
from fakes.langfuse_server import LangfuseServer
from fakes.sample_events import requested
from fakes.whole_job import WholeJob, whole_job
from vulcan.application.masking import Masker
from vulcan.application.observability.trace import trace_of
from vulcan.application.observability.trace_export import TraceExporter
from vulcan.bootstrap import application
from vulcan.domain.errors import NotSent
from vulcan.domain.events import JobCancelled
from vulcan.infrastructure.monitoring.export_cursors import FileExportCursors
from vulcan.infrastructure.monitoring.live import LiveTraces
from vulcan.infrastructure.store import SqliteEventStore

KEYS = {"LANGFUSE_PUBLIC_KEY": "pk-lf-test", "LANGFUSE_SECRET_KEY": "sk-lf-test-secret"}


@pytest.fixture
def server() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        yield made


def expected(home: Path) -> set[str]:
    with SqliteEventStore(home / "events.sqlite3") as store:
        (job,) = store.jobs()
        return {span.id for span in trace_of(store.read(job), lambda _: "", Masker(), whole=True).spans}


@pytest.mark.sandbox
def test_a_real_job_is_one_whole_trace_when_it_ends(
    cli: Cli, home: Path, project: Path, recording: Callable[[Sequence[str]], str], server: LangfuseServer
) -> None:
    order = ("run", "Make add add", "--repo", str(project), "--model", recording(GOOD_JOB))
    out = cli(*order, **KEYS, LANGFUSE_BASE_URL=server.url)
    assert "verdict: PROVEN" in out
    assert server.spans  # sent while it ran; on a slow machine the last of them may follow
    cli("traces", "push", **KEYS, LANGFUSE_BASE_URL=server.url)
    assert set(server.spans) == expected(home)
    assert {"vulcan job", "generate", "coder", "edit", "judge"} <= {s["name"] for s in server.spans.values()}
    scores = {score["name"]: score["value"] for score in server.scores.values()}
    assert (scores["verdict"], scores["criteria_met"]) == (1, 1)
    assert "0 spans" in cli("traces", "push", **KEYS, LANGFUSE_BASE_URL=server.url)


@pytest.mark.sandbox
@pytest.mark.parametrize("fault", ["slow", 401, 503, "cut"])
def test_a_job_is_done_whatever_langfuse_does_and_the_trace_follows(
    cli: Cli,
    home: Path,
    project: Path,
    recording: Callable[[Sequence[str]], str],
    server: LangfuseServer,
    fault: object,
) -> None:
    server.fault = fault
    order = ("run", "Make add add", "--repo", str(project), "--model", recording(GOOD_JOB))
    out = cli(*order, **KEYS, LANGFUSE_BASE_URL=server.url)
    assert "verdict: PROVEN" in out
    assert "vulcan traces push" in out
    server.fault = 0
    cli("traces", "push", **KEYS, LANGFUSE_BASE_URL=server.url)
    assert set(server.spans) == expected(home)


def test_an_outage_and_a_kill_lose_no_span(home: Path, cli: Cli, server: LangfuseServer) -> None:
    server.fault = 503
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-m", "fakes.traced_worker", str(home), server.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as worker:
        assert worker.stdout is not None
        for line in worker.stdout:
            if int(line) == 100:
                server.fault = 0
            if int(line) > 100 and server.spans and int(line) % 7 == 0:
                worker.send_signal(signal.SIGKILL)
                break
    spans_at_the_kill = len(server.spans)
    cli("traces", "push", **KEYS, LANGFUSE_BASE_URL=server.url)
    assert set(server.spans) == expected(home)
    assert len(server.spans) >= max(100, spans_at_the_kill)


# --------------------------------------------------------------------------------------------- the thread


class Sink:
    """Fails as ordered; `gate` holds it up."""

    def __init__(self) -> None:
        self.spans: set[str] = set()
        self.error: NotSent | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.tried = threading.Event()
        self.latency: float | None = None

    def send(self, trace, spans) -> None:
        self.tried.set()
        self.gate.wait(10)
        if self.error:
            raise self.error
        self.spans |= {span.id for span in spans}

    def ready(self) -> None: ...

    def score(self, trace, score) -> None: ...


def live(sink: Sink, job: WholeJob, folder: Path, grace: float = 5.0) -> LiveTraces:
    exporter = TraceExporter(
        sink, FileExportCursors(folder, "x"), lambda d: job.blobs.get(d).decode(), Masker()
    )
    return LiveTraces(exporter, interval=0.001, grace=grace)


def test_everything_seen_is_sent_before_it_closes(tmp_path: Path) -> None:
    sink, job = Sink(), whole_job()
    watcher = live(sink, job, tmp_path)
    for entry in job.log:
        watcher.saw(entry)
    assert watcher.close() == ""
    assert len(sink.spans) == len(trace_of(job.log, lambda _: "", Masker()).spans)


def test_a_hanging_server_holds_up_neither_the_job_nor_its_end(tmp_path: Path) -> None:
    sink, job = Sink(), whole_job()
    sink.gate.clear()
    watcher = live(sink, job, tmp_path, grace=0.01)
    for entry in job.log:
        watcher.saw(entry)
    sink.tried.wait(5)
    assert "does not answer" in watcher.close()
    sink.gate.set()


def test_a_server_that_was_slow_to_answer_is_not_waited_for_at_the_end(tmp_path: Path) -> None:
    sink, job = Sink(), whole_job()
    sink.gate.clear()
    sink.latency = 1.0
    watcher = live(sink, job, tmp_path, grace=3600)
    for entry in job.log:
        watcher.saw(entry)
    sink.tried.wait(5)
    assert "does not answer" in watcher.close()
    sink.gate.set()


def test_a_server_that_is_away_is_asked_before_spans_are_gathered_and_not_waited_for(tmp_path: Path) -> None:
    sink, job = Sink(), whole_job()
    asked = threading.Event()

    def away() -> None:
        asked.set()
        raise NotSent("away")

    sink.ready = away
    watcher = live(sink, job, tmp_path, grace=3600)
    for entry in job.log:
        watcher.saw(entry)
    asked.wait(5)
    while not watcher.trouble:
        threading.Event().wait(0.001)
    assert not sink.tried.is_set()  # no span is gathered for a server that is not there
    assert watcher.close() == "away"


def test_a_refused_key_ends_the_tries_and_is_said(tmp_path: Path) -> None:
    sink, job = Sink(), whole_job()
    sink.error = NotSent("401", again=False)
    watcher = live(sink, job, tmp_path)
    watcher.saw(job.log[0])
    for entry in job.log[1:]:
        watcher.saw(entry)
    watcher._thread.join(5)
    assert not watcher._thread.is_alive()
    assert watcher.close() == "401"


def test_what_failed_before_is_sent_once_the_server_is_back(tmp_path: Path) -> None:
    sink, job = Sink(), whole_job()
    sink.error = NotSent("away")
    watcher = live(sink, job, tmp_path)
    for entry in job.log:
        watcher.saw(entry)
    sink.tried.wait(5)
    sink.error = None
    watcher.close()
    watcher._thread.join(5)
    assert watcher.close() == ""
    assert len(sink.spans) == len(trace_of(job.log, lambda _: "", Masker()).spans)


def test_what_earlier_jobs_owe_is_sent_beside_this_one(tmp_path: Path) -> None:
    sink, job, older = Sink(), whole_job(), [WholeJob("old1"), WholeJob("old2")]
    for each in older:
        each.add(0, requested(), JobCancelled("ada"))
    exporter = TraceExporter(
        sink, FileExportCursors(tmp_path, "x"), lambda d: job.blobs.get(d).decode(), Masker()
    )
    watcher = LiveTraces(exporter, [each.log for each in older], interval=0.001)
    watcher.saw(job.log[0])
    expected = {span.id for each in older for span in trace_of(each.log, str, Masker()).spans}
    assert len(expected) == 2
    while not expected <= sink.spans:
        threading.Event().wait(0.001)
    assert watcher.close() == ""


@pytest.mark.parametrize("begun", [True, False])
def test_the_next_jobs_sender_sends_what_a_refused_one_owes(
    state: Path, server: LangfuseServer, begun: bool
) -> None:
    keys = {**KEYS, "LANGFUSE_BASE_URL": server.url, "VULCAN_HOME": str(state)}
    owing = expected(state)
    vulcan = application(None, keys, {})
    if begun:  # as a job does that is watched
        server.fault = 503
        refused = vulcan.observability.live_traces()
        assert refused is not None
        for entry in vulcan.container.store.read("job1"):
            refused.saw(entry)
        while not refused.trouble:
            threading.Event().wait(0.001)
        assert "503" in refused.close()
        assert not server.spans
        server.fault = 0
    vulcan.container.store.append("job2", 0, [requested(), JobCancelled("ada")])
    live = vulcan.observability.live_traces()
    assert live is not None
    for entry in vulcan.container.store.read("job2"):
        live.saw(entry)
    while not server.spans or (begun and not owing <= set(server.spans)):
        threading.Event().wait(0.01)
    live.close()
    live._thread.join()
    assert (owing <= set(server.spans)) == begun
    vulcan.container.store.close()


def test_what_was_never_used_closes_at_once(tmp_path: Path) -> None:
    assert live(Sink(), whole_job(), tmp_path).close() == ""
