"""Questions about a job are answered from its log, with citations that exist; nothing is invented."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from conftest import ANALYSIS, FIX, GOOD_JOB, REVIEW, Cli, reply
from fakes.brain import good_brain
from fakes.model_server import serving, text
from vulcan.application.conversation.questions import LEFT_OUT

pytestmark = pytest.mark.sandbox


def run(cli: Cli, project: Path, model: str, code: int = 0) -> str:
    cli("run", "Make add add", "--repo", str(project), "--model", model, "--rounds", "1", code=code)
    return json.loads(cli("jobs", "--json"))["job"]


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("what is the status?", "waits for approval"),
        ("what did it cost", "All agents together: 6 model calls"),
        ("what proved AC-1?", "AC-1 is shown by tests/test_add.py::test_add"),
        ("why did it fail?", "Nothing failed."),
        ("which files changed", "calc.py (+1 -1)"),
        ("what are the criteria", "AC-1: add(2, 3) returns 5"),
        ("how long did it take", "Worked on for"),
        ("who asked for it", "asked: Make add add"),
    ],
)
def test_common_questions_need_no_model(
    cli: Cli, project: Path, recording: Callable[[Sequence[str]], str], question: str, words: str
) -> None:
    job = run(cli, project, recording(GOOD_JOB))
    events = {e["seq"] for e in map(json.loads, cli("show", "--events", "--json").splitlines())}
    said = cli("ask", job, question)
    assert words in said
    assert {int(n) for n in re.findall(r"event (\d+)", said)} <= events


def test_a_failure_is_told_with_its_event(
    cli: Cli, project: Path, recording: Callable[[Sequence[str]], str]
) -> None:
    none = (
        reply("write_tests/1/test_author/0", ("submit_tests", {"tests": [{"test": "x", "criteria": []}]})),
    )
    job = run(cli, project, recording((ANALYSIS, *FIX, REVIEW, *none)), code=3)
    assert "There is no evidence yet" in cli("ask", job, "what proves it?")


def test_what_is_not_in_the_log_is_not_invented(
    cli: Cli, project: Path, recording: Callable[[Sequence[str]], str]
) -> None:
    job = run(cli, project, recording(GOOD_JOB))
    said = cli("ask", job, "what is the weather in Paris?")
    assert "not in the log" in said
    assert "event" not in said


def test_a_why_question_goes_to_the_model_whose_sources_are_checked_and_the_job_does_not_notice(
    cli: Cli, project: Path, recording: Callable[[Sequence[str]], str]
) -> None:
    job = run(cli, project, recording(GOOD_JOB))
    before = cli("show", job, "--events", "--json")
    invented = "Because the moon was full [event 999].\nBecause it subtracted [calc.py:2, event 2]."
    with serving(
        good_brain(answerer=[text(invented), text("Nothing else is in the log [event 998].")])
    ) as server:
        said = cli("ask", job, "why was it changed?", "--model", "m", "--base-url", server.url)
    assert said.splitlines() == ["Because it subtracted [calc.py:2, event 2].", LEFT_OUT]
    assert len(server.requests) == 2
    assert cli("show", job, "--events", "--json") == before
    assert "there is no such conversation" in cli("chat", "--resume", "--repo", str(project), code=2)


def test_a_why_question_without_a_reachable_model_says_what_the_log_says(
    cli: Cli, project: Path, recording: Callable[[Sequence[str]], str]
) -> None:
    job = run(cli, project, recording(GOOD_JOB))
    said = cli("ask", job, "why did it fail?")
    assert "Nothing failed." in said
    assert "holds no reply" in said
