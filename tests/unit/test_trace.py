"""A job's trace, as its log gives it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.generated import events
from fakes.sample_events import requested
from fakes.whole_job import COSTS, SECRET, WholeJob, calls, whole_job
from vulcan.application.masking import Masker
from vulcan.application.observability.trace import LONGEST, LONGEST_TOLD, Kind, Score, Span, Trace, trace_of
from vulcan.application.observability.trace_export import ExportResult, TraceExporter
from vulcan.application.ports import StoredEvent
from vulcan.domain.budget import Usage
from vulcan.domain.errors import NotSent, Refused, VulcanError
from vulcan.domain.events import JobPaused, Stage, StageStarted
from vulcan.infrastructure.monitoring.export_cursors import FileExportCursors

JOB = whole_job()


def kept(job: WholeJob = JOB):
    return lambda digest: job.blobs.get(digest).decode()


def trace(after: int = 0, upto: int | None = None, *, whole: bool = False) -> Trace:
    return trace_of(JOB.log[:upto], kept(), Masker(), after=after, whole=whole)


def named(spans, name: str) -> list[Span]:
    return [span for span in spans if span.name == name]


def test_the_spans_form_one_tree_with_the_times_of_the_log() -> None:
    spans = trace().spans
    ids = {span.id for span in spans}
    assert len(ids) == len(spans)
    (root,) = [span for span in spans if not span.parent]
    assert root.kind is Kind.JOB
    assert {span.parent for span in spans} - {""} <= ids
    first, second = named(spans, "generate")
    assert (first.ended - first.began, second.ended - second.began) == (12, 6)
    (shell,) = named(spans, "shell")
    (coder, _) = named(spans, "agent coder")
    assert (coder.kind, coder.parent, coder.ended - coder.began) == (Kind.AGENT, first.id, 7)
    assert (shell.parent, shell.ended - shell.began) == (coder.id, 4)
    assert shell.error == "[exit code 1]"


def test_a_model_call_shows_only_what_is_new_to_the_agent() -> None:
    first, second = named(trace().spans, "coder")
    assert json.loads(first.input)[0]["content"]["instruction"] == "Add it"
    assert json.loads(first.input)[0]["content"]["criteria"] == {"AC-1": "it adds", "AC-2": "it is quick"}
    (told,) = json.loads(second.input)
    assert (told["role"], told["name"]) == ("tool", "shell")
    assert "Add it" not in second.input
    assert [span.usage.cost for span in trace().spans if span.kind is Kind.MODEL] == list(COSTS)


def test_the_session_is_the_conversation_or_else_the_job() -> None:
    assert trace().session == "job1"
    job = WholeJob("job2")
    job.add(0, requested("Add it", conversation="talk 7"))
    assert trace_of(job.log, kept(job), Masker()).session == "talk 7"


def test_no_secret_is_in_any_span_or_score() -> None:
    assert SECRET in "".join(map(kept(), JOB.blobs.contents))
    assert SECRET not in repr(trace())
    assert "grace" not in repr(trace_of(JOB.log, kept(), Masker(["added it for me"])))


def test_a_long_result_is_whole_in_the_tools_span_and_short_where_the_model_is_told_it() -> None:
    job = WholeJob()
    key = "generate/1/coder"
    job.add(0, job.reply(f"{key}/0", "coder", Usage(), tool_calls=calls("read")))
    job.add(0, job.tool(f"{key}/0/c0", "coder", "read", f"begin{'x' * 20_000}end"))
    job.add(0, job.reply(f"{key}/1", "coder", Usage(), text="Done."))
    _, tool, reply, _ = trace_of(job.log, kept(job), Masker()).spans
    assert len(tool.output) == 20_008
    (told,) = json.loads(reply.input)
    assert told["content"].startswith("beginx")
    assert told["content"].endswith("xend")
    assert len(told["content"]) < LONGEST_TOLD + 100


def test_a_secret_at_the_cut_is_masked_before_the_text_is_cut() -> None:
    job = WholeJob()
    text = "x" * (LONGEST // 2 - 10) + SECRET + "y" * LONGEST
    job.add(0, job.tool("generate/1/coder/0/c", "coder", "read", text))
    (span,) = named(trace_of(job.log, kept(job), Masker()).spans, "read")
    assert "a1B2" not in span.output
    assert len(span.output) < LONGEST + 100


def test_scores_are_those_of_the_newest_verdict() -> None:
    scores = {score.name: score for score in trace().scores}
    assert {name: score.value for name, score in scores.items()} == {
        "verdict": 1,
        "criteria_met": 1,
        "coverage": 75,
        "gate:change": 1,
        "gate:red_green": 1,
    }
    assert not scores["coverage"].boolean
    earlier = next(entry.seq for entry in JOB.log if type(entry.event).__name__ == "EvidenceJudged")
    before = {score.name: score for score in trace(upto=earlier).scores}
    assert (before["verdict"].value, before["criteria_met"].value) == (0, 0.5)
    assert before["verdict"].id == scores["verdict"].id  # so the newer one takes its place


def test_a_missing_payload_is_said_and_loses_no_span() -> None:
    def gone(digest: str) -> str:
        raise VulcanError(f"blob {digest[:4]} is missing")

    spans = trace_of(JOB.log, gone, Masker()).spans
    assert len(spans) == len(trace().spans)
    assert "is missing" in named(spans, "shell")[0].output


@given(st.lists(st.integers(0, len(JOB.log)), max_size=6).map(sorted))
def test_what_is_sent_bit_by_bit_is_what_is_sent_at_once(stops: list[int]) -> None:
    sent: dict[str, Span] = {}
    after = 0
    for stop in [*filter(None, stops), len(JOB.log)]:
        part = trace(after, stop)
        sent |= {span.id: span for span in part.spans}
        after = part.end
    assert sent == {span.id: span for span in trace().spans}


@given(st.lists(events(), min_size=1, max_size=12), st.booleans())
def test_any_log_has_a_trace(made: list, whole: bool) -> None:
    log = [StoredEvent("j", seq, float(seq), event) for seq, event in enumerate(made, 1)]
    spans = trace_of(log, lambda _: "text", Masker(), whole=whole).spans
    assert len({span.id for span in spans}) == len(spans)
    assert all(span.ended >= span.began for span in spans)
    json.dumps([span.input + span.output for span in spans]).encode()


# --------------------------------------------------------------------------------------------- pushing


class Sink:
    latency = None

    def __init__(self) -> None:
        self.spans: dict[str, Span] = {}
        self.scores: dict[str, Score] = {}
        self.calls = 0
        self.fails_at: set[int] = set()
        self.poison = ""

    def send(self, trace: Trace, spans) -> None:
        self.calls += 1
        if self.calls in self.fails_at:
            raise NotSent("away")
        if any(span.name == self.poison for span in spans):
            raise Refused("poison")
        self.spans |= {span.id: span for span in spans}

    def ready(self) -> None: ...

    def score(self, trace: Trace, score: Score) -> None:
        self.scores[score.id] = score


def test_after_a_failure_the_next_push_begins_where_the_last_one_came_to(tmp_path: Path) -> None:
    sink, job = Sink(), whole_job()
    for turn in range(200):
        job.add(1, job.tool(f"generate/3/coder/0/{turn}", "coder", "read", "x"))
    sink.fails_at = {3, 4}
    exporter = TraceExporter(sink, FileExportCursors(tmp_path, "here"), kept(job), Masker())
    for _ in range(2):
        with pytest.raises(NotSent):
            exporter.push(job.log)
    before = len(sink.spans)
    assert 0 < before < 200
    exporter.push(job.log)
    assert sink.spans == {span.id: span for span in trace_of(job.log, kept(job), Masker()).spans}
    assert exporter.push(job.log) == ExportResult()


def test_what_is_refused_for_ever_is_named_and_passed_over(tmp_path: Path) -> None:
    sink = Sink()
    sink.poison = "shell"
    exporter = TraceExporter(sink, FileExportCursors(tmp_path, "here"), kept(), Masker())
    pushed = exporter.push(JOB.log)
    assert [name.split(":")[0] for name in pushed.refused] == ["span shell at 8"]
    assert len(sink.spans) == len(trace().spans) - 1
    assert exporter.push(JOB.log) == ExportResult()


def test_what_still_goes_on_is_sent_when_asked_and_again_when_it_is_over(tmp_path: Path) -> None:
    sink, job = Sink(), WholeJob()
    job.add(0, StageStarted(Stage.ANALYZE, 1))
    exporter = TraceExporter(sink, FileExportCursors(tmp_path, "here"), kept(job), Masker())
    exporter.push(job.log, whole=True)
    assert {span.name for span in sink.spans.values()} == {"analyze", "vulcan job"}
    job.add(5, JobPaused("x"))
    exporter.push(job.log, whole=True)
    assert len(sink.spans) == 2
    assert named(sink.spans.values(), "analyze")[0].ended == job.log[-1].at


def test_marks_are_apart_for_each_receiver_and_only_move_forward(tmp_path: Path) -> None:
    here, there = FileExportCursors(tmp_path, "here"), FileExportCursors(tmp_path, "there")
    here.set("j", 5)
    here.set("j", 3)
    assert (here.get("j"), there.get("j"), FileExportCursors(tmp_path, "here").get("j")) == (5, 0, 5)
    (next(tmp_path.iterdir()) / "j").write_text("torn")
    assert here.get("j") == 0
