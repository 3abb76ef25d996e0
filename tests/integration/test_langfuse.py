"""Traces to a recording Langfuse: the real SDK, a real socket, the whole mapping, and every fault."""

from __future__ import annotations

import dataclasses
import json
import math
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Cli
from fakes.langfuse_server import LangfuseServer
from fakes.sample_events import requested
from fakes.whole_job import COSTS, SECRET, WholeJob, calls, whole_job
from vulcan import __version__
from vulcan.application.masking import Masker
from vulcan.application.observability import trace as trace_module
from vulcan.application.observability.trace import trace_of
from vulcan.application.observability.trace_export import TraceExporter
from vulcan.domain.budget import Usage
from vulcan.domain.errors import NotSent
from vulcan.domain.events import JobFinished, JobOutcome, JobPaused, Stage, StageFailed, StageStarted
from vulcan.domain.job import fold
from vulcan.infrastructure.monitoring.export_cursors import FileExportCursors
from vulcan.infrastructure.monitoring.langfuse import LangfuseAccess, LangfuseSink

KEYS = {"LANGFUSE_PUBLIC_KEY": "pk-lf-test", "LANGFUSE_SECRET_KEY": "sk-lf-test-secret"}


@pytest.fixture
def server() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        yield made


def access(url: str, timeout: float = 5.0) -> LangfuseAccess:
    return LangfuseAccess("pk-lf-test", "sk-lf-test-secret", url, "staging", timeout)


def exporter(url: str, job: WholeJob, marks: Path, timeout: float = 5.0) -> TraceExporter:
    sink = LangfuseSink(access(url, timeout))
    return TraceExporter(sink, FileExportCursors(marks, url), lambda d: job.blobs.get(d).decode(), Masker())


def expected(job: WholeJob) -> set[str]:
    return {span.id for span in trace_of(job.log, lambda d: job.blobs.get(d).decode(), Masker()).spans}


@pytest.fixture
def sent(server: LangfuseServer, tmp_path: Path) -> LangfuseServer:
    job = whole_job()
    exporter(server.url, job, tmp_path).push(job.log)
    return server


def one(server: LangfuseServer, name: str, place: int = 0) -> dict:
    spans = sorted((s for s in server.spans.values() if s["name"] == name), key=lambda s: s["start"])
    return spans[place]


# ------------------------------------------------------------------------------------------ the mapping


def test_every_span_arrives_once_in_one_tree(sent: LangfuseServer) -> None:
    assert set(sent.spans) == expected(whole_job())
    assert len(sent.received) == len(sent.spans)
    assert len({span["trace"] for span in sent.received}) == 1
    roots = [span for span in sent.received if not span["parent"]]
    assert [span["name"] for span in roots] == ["vulcan job"]
    assert {span["parent"] for span in sent.received} - {""} <= set(sent.spans)
    assert {span["scope"] for span in sent.received} == {"langfuse-sdk"}


MAPPING = [
    ("vulcan job", 0, "langfuse.observation.type", "span"),
    ("vulcan job", 0, "langfuse.observation.input", "Add it"),
    ("vulcan job", 0, "langfuse.observation.output", "done: merged"),
    ("vulcan job", 0, "langfuse.trace.input", "Add it"),
    ("vulcan job", 0, "langfuse.trace.output", "done: merged"),
    ("vulcan job", 0, "langfuse.observation.level", None),
    ("vulcan job", 0, "langfuse.observation.metadata.job", "job1"),
    ("vulcan job", 0, "langfuse.observation.metadata.state", "done"),
    ("vulcan job", 0, "langfuse.observation.metadata.rounds", "2"),
    ("vulcan job", 0, "langfuse.observation.metadata.repository", "/project"),
    ("vulcan job", 0, "langfuse.observation.metadata.base_commit", "b" * 40),
    ("vulcan job", 0, "langfuse.observation.metadata.commit", "c" * 40),
    ("generate", 0, "langfuse.observation.type", "span"),
    ("generate", 0, "langfuse.observation.metadata.round", "1"),
    ("generate", 0, "langfuse.observation.level", None),
    ("generate", 1, "langfuse.observation.output", "CodeGenerated"),
    ("agent coder", 0, "langfuse.observation.type", "agent"),
    ("agent coder", 0, "langfuse.observation.metadata.agent", "coder"),
    ("analyst", 0, "langfuse.observation.type", "generation"),
    ("analyst", 0, "langfuse.observation.model.name", "some-model"),
    ("analyst", 0, "langfuse.observation.model.parameters", None),  # the log knows none: services' defaults
    ("analyst", 0, "langfuse.observation.completion_start_time", None),  # replies are not streamed
    ("analyst", 0, "langfuse.observation.input", [{"role": "user", "content": {"instruction": "Add it"}}]),
    ("analyst", 0, "langfuse.observation.usage_details", {
        "input": 500, "input_cached_tokens": 400, "input_cache_creation": 100,
        "output": 20, "output_reasoning_tokens": 30,
    }),
    ("analyst", 0, "langfuse.observation.cost_details", {"total": COSTS[0]}),
    ("analyst", 0, "langfuse.observation.prompt.name", "vulcan/analyst"),
    ("analyst", 0, "langfuse.observation.prompt.version", None),  # a packaged one; the server has other numbers
    ("analyst", 0, "langfuse.observation.metadata.prompt_version", "3"),
    ("coder", 0, "langfuse.observation.usage_details", {
        "input": 2000, "input_cached_tokens": 0, "output": 100,
    }),
    ("coder", 1, "langfuse.observation.input", [
        {"role": "tool", "name": "shell", "content": "[exit code 1]\ntoken [secret]"},
    ]),
    ("coder", 1, "langfuse.observation.output", {"text": "Done."}),
    ("coder", 1, "langfuse.observation.prompt.name", "vulcan/coder"),
    ("coder", 1, "langfuse.observation.prompt.version", 7),
    ("coder", 1, "langfuse.observation.metadata.prompt_version", "langfuse:7"),
    ("test author", 0, "langfuse.observation.prompt.name", "vulcan/test-author"),
    ("shell", 0, "langfuse.observation.type", "tool"),
    ("shell", 0, "langfuse.observation.input", "shell x"),
    ("shell", 0, "langfuse.observation.output", "[exit code 1]\ntoken [secret]"),
    ("shell", 0, "langfuse.observation.level", "ERROR"),
    ("shell", 0, "langfuse.observation.status_message", "[exit code 1]"),
    ("shell", 0, "langfuse.observation.metadata.agent", "coder"),
]  # fmt: skip
"""Rows of the mapping: which span, which of that name, what attribute, and its value (None: not there)."""


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> LangfuseServer:
    with LangfuseServer() as made:
        job = whole_job()
        exporter(made.url, job, tmp_path_factory.mktemp("marks")).push(job.log)
    return made


@pytest.mark.parametrize(("name", "place", "attribute", "value"), MAPPING)
def test_each_row_of_the_mapping(
    mapped: LangfuseServer, name: str, place: int, attribute: str, value: object
) -> None:
    found = one(mapped, name, place)["attributes"].get(attribute)
    assert (json.loads(found) if isinstance(value, dict | list) else found) == value


def test_a_stage_and_a_job_that_failed_are_errors(server: LangfuseServer, tmp_path: Path) -> None:
    job = WholeJob()
    job.add(0, requested(), StageStarted(Stage.VALIDATE, 1))
    job.add(1, StageFailed(Stage.VALIDATE, "no room"), JobFinished(JobOutcome.FAILED, "it gave up"))
    exporter(server.url, job, tmp_path).push(job.log)
    for name, why in (("validate", "no room"), ("vulcan job", "it gave up")):
        span = one(server, name)
        assert (span["status"], span["attributes"]["langfuse.observation.level"]) == (2, "ERROR")
        assert span["attributes"]["langfuse.observation.status_message"] == why


def test_every_span_names_trace_session_user_environment_and_release(sent: LangfuseServer) -> None:
    for span in sent.spans.values():
        given = span["attributes"]
        assert given["langfuse.trace.name"] == "vulcan job"
        assert given["session.id"] == "job1"
        assert given["user.id"] == "ada"
        assert given["langfuse.environment"] == "staging"
        assert given["langfuse.trace.tags"] == ["project", "some-model"]
        assert given["langfuse.release"] == f"vulcan {__version__}"
        assert span["resource"]["service.name"] == "vulcan"


def test_times_are_those_of_the_log(sent: LangfuseServer) -> None:
    latencies = [s["end"] - s["start"] for s in sent.spans.values() if s["name"] == "coder"]
    assert sorted(round(each, 6) for each in latencies) == [3, 6]
    assert one(sent, "vulcan job")["start"] == whole_job().log[0].at
    assert one(sent, "shell")["status"] == 2  # error


def test_tokens_and_costs_equal_ours(sent: LangfuseServer) -> None:
    models = [
        s["attributes"]
        for s in sent.spans.values()
        if s["attributes"]["langfuse.observation.type"] == "generation"
    ]
    costs = [json.loads(each["langfuse.observation.cost_details"])["total"] for each in models]
    assert sorted(costs) == sorted(COSTS)
    (analyst,) = [each for each in models if "analyst" in each["langfuse.observation.prompt.name"]]
    usage = json.loads(analyst["langfuse.observation.usage_details"])
    assert sum(usage.values()) == 1050  # the server sums the parts
    others = [s for s in sent.spans.values() if s["attributes"] not in models]
    assert not any("usage_details" in key or "cost" in key for span in others for key in span["attributes"])
    assert not any(key.startswith("gen_ai.") for s in sent.spans.values() for key in s["attributes"])


def test_an_unknown_price_is_left_to_the_server(server: LangfuseServer, tmp_path: Path) -> None:
    job = WholeJob()
    job.add(0, job.reply("generate/1/coder/0", "coder", Usage(1, 1, 0, 1, None), text="x"))
    exporter(server.url, job, tmp_path).push(job.log)
    given = one(server, "coder")["attributes"]
    assert "langfuse.observation.cost_details" not in given
    assert given["langfuse.observation.metadata.price"] == "unknown to Vulcan"


def test_gates_are_scores(sent: LangfuseServer) -> None:
    scores = {score["name"]: score for score in sent.scores.values()}
    assert {name: (s["value"], s["dataType"]) for name, s in scores.items()} == {
        "verdict": (1, "BOOLEAN"),
        "criteria_met": (1, "NUMERIC"),
        "coverage": (75, "NUMERIC"),
        "gate:change": (1, "BOOLEAN"),
        "gate:red_green": (1, "BOOLEAN"),
    }
    assert {s["traceId"] for s in sent.scores.values()} == {one(sent, "shell")["trace"]}
    assert scores["coverage"]["environment"] == "staging"
    assert scores["criteria_met"]["comment"] == "2 of 2"


def test_how_it_is_posted(sent: LangfuseServer) -> None:
    given = {key.lower(): value for key, value in sent.headers.items()}
    assert given["authorization"] == "Basic cGstbGYtdGVzdDpzay1sZi10ZXN0LXNlY3JldA=="
    assert given["x-langfuse-ingestion-version"] == "4"
    assert given["content-encoding"] == "gzip"


def test_no_secret_leaves(sent: LangfuseServer) -> None:
    assert SECRET.encode() not in b"".join(sent.bodies)
    assert b"[secret]" in b"".join(sent.bodies)


RESULTS = {
    "code": Path(trace_module.__file__).read_text(),
    "json": json.dumps([{"name": f"é{n}", "value": '"'} for n in range(700)], ensure_ascii=False),
}


@pytest.mark.parametrize("kind", RESULTS)
def test_two_hundred_steps_with_large_results_are_at_most_ten_megabytes(
    server: LangfuseServer, tmp_path: Path, kind: str
) -> None:
    job, result = WholeJob(), (RESULTS[kind] * 3).encode()[:20_000].decode(errors="ignore")
    job.add(0, requested(), StageStarted(Stage.GENERATE, 1))
    for turn in range(200):
        key, usage = f"generate/1/coder/{turn}", Usage(1, 7000 + turn, 5000, 333, 0.0123456 + turn / 1e6)
        told = {
            "thinking": "hm " * 300,
            "tool_calls": calls("read", path="x"),
            "usage": {"reasoning_tokens": 33},
        }
        job.add(1, job.reply(key, "coder", usage, **told))
        job.add(1, job.tool(f"{key}/c", "coder", "read", f"{turn} {result}"))
    job.add(1, JobPaused("enough"))
    exporter(server.url, job, tmp_path).push(job.log)
    assert set(server.spans) == expected(job)
    assert len(server.spans) == 403  # replies, results, the stage, its agent, the job
    assert sum(map(len, server.bodies)) <= 10_000_000
    models = [s["attributes"] for s in server.spans.values() if s["name"] == "coder"]
    ours = fold((entry.event, entry.at) for entry in job.log).usage
    costs = [json.loads(each["langfuse.observation.cost_details"])["total"] for each in models]
    assert ours.cost is not None
    assert math.fsum(costs) == pytest.approx(ours.cost, abs=1e-9)
    used = [json.loads(each["langfuse.observation.usage_details"]) for each in models]
    assert sum(sum(each.values()) for each in used) == ours.tokens  # the server sums the parts
    assert sum(each["output_reasoning_tokens"] for each in used) == 200 * 33


# ------------------------------------------------------------------------------------------------ faults


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.mark.parametrize("fault", ["slow", "cut", 401, 403, 429, 500, 503, 302])
def test_a_fault_is_said_and_afterwards_everything_arrives(
    server: LangfuseServer, tmp_path: Path, fault: object
) -> None:
    job = whole_job()
    server.fault = fault
    with pytest.raises(NotSent) as raised:
        exporter(server.url, job, tmp_path, timeout=0.2).push(job.log)
    assert raised.value.again == (fault not in {401, 403, 302})
    assert raised.value.wait == (7 if fault == 429 else 0)
    assert raised.value.hint
    assert "sk-lf" not in raised.value.message
    server.fault = 0
    exporter(server.url, job, tmp_path).push(job.log)
    assert set(server.spans) == expected(job)
    assert len(server.scores) == 5


def test_a_server_that_is_down(tmp_path: Path) -> None:
    job = whole_job()
    with pytest.raises(NotSent, match="can't be reached"):
        exporter(f"http://127.0.0.1:{free_port()}", job, tmp_path).push(job.log)


def test_a_slow_server_that_stored_it_all_the_same_is_not_doubled(
    server: LangfuseServer, tmp_path: Path
) -> None:
    job = whole_job()
    sends = exporter(server.url, job, tmp_path)
    sends.push(job.log)
    for mark in tmp_path.rglob("job1"):
        mark.unlink()  # as if the answer had not come
    sends.push(job.log)
    assert len(server.received) == 2 * len(server.spans)
    assert set(server.spans) == expected(job)
    assert len(server.scores) == 5


def test_one_span_that_the_server_will_not_take_holds_up_no_other(
    server: LangfuseServer, tmp_path: Path
) -> None:
    import gzip

    job = whole_job()
    server.fault = lambda path, body: (
        400 if "otel" in path and b"[exit code 1]" in gzip.decompress(body) else 0
    )
    pushed = exporter(server.url, job, tmp_path).push(job.log)
    assert len(pushed.refused) == 2  # the tool's own span, and the model call that was told its result
    assert len(server.spans) == len(expected(job)) - 2


def test_spans_that_a_200_rejects_are_not_taken_for_sent(server: LangfuseServer, tmp_path: Path) -> None:
    server.rejects = 1
    job = whole_job()
    assert len(exporter(server.url, job, tmp_path).push(job.log).refused) == len(expected(job))


@pytest.mark.parametrize("version", ["2.95.1", "3.21.0"])
def test_a_server_without_otlp_is_named(server: LangfuseServer, tmp_path: Path, version: str) -> None:
    server.version = version
    job = whole_job()
    with pytest.raises(NotSent, match=version) as raised:
        exporter(server.url, job, tmp_path).push(job.log)
    assert not raised.value.again
    assert server.posts == 0


@pytest.mark.parametrize("url", ["ftp://x", "nowhere", "http://[::1"])
def test_an_address_that_is_none(tmp_path: Path, url: str) -> None:
    job = whole_job()
    with pytest.raises(NotSent):
        exporter(url, job, tmp_path).push(job.log)


# --------------------------------------------------------------------------------------------- the command


def test_push_sends_what_is_missing_once(state: Path, cli: Cli, server: LangfuseServer) -> None:
    keys = {**KEYS, "LANGFUSE_BASE_URL": server.url}
    server.fault = 503
    assert "vulcan traces push" in cli("traces", "push", code=1, **keys)
    server.fault = 0
    assert "20 spans and 5 scores sent" in cli("traces", "push", "job1", **keys)
    assert set(server.spans) == expected(whole_job())
    assert "job1: 0 spans" in cli("traces", "push", **keys)


def test_without_keys_it_says_what_to_set(home: Path, cli: Cli) -> None:
    assert "LANGFUSE_PUBLIC_KEY" in cli("traces", "push", code=2)
    out = cli("jobs", LANGFUSE_PUBLIC_KEY="pk", LANGFUSE_SECRET_KEY="")
    assert "without LANGFUSE_SECRET_KEY" in out


def test_without_keys_nothing_of_langfuse_is_loaded(home: Path) -> None:
    code = (
        "import sys; from vulcan.bootstrap import bootstrap\n"
        f"v = bootstrap(None, {{'VULCAN_HOME': {str(home)!r}}}, {{}})\n"
        "assert v.observability.live_traces() is None\n"
        "assert not {m for m in sys.modules if m.startswith(('langfuse', 'opentelemetry.sdk', 'vulcan.infrastructure.mon'))}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_keys_are_in_no_settings_text() -> None:
    assert "sk-lf" not in repr(access("http://x"))
    assert "secret_key" in {each.name for each in dataclasses.fields(LangfuseAccess)}
