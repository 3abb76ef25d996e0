"""The main job started, confirmed, asked about, approved and undone from a conversation."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from conftest import GOOD_JOB, Cli, git
from fakes.chat import Chat

pytestmark = pytest.mark.sandbox
Recording = Callable[[Sequence[str]], str]


def test_a_job_goes_its_whole_way_in_a_conversation_and_questions_leave_no_trace_in_its_log(
    home: Path, project: Path, recording: Recording, cli: Cli
) -> None:
    with Chat(home, project, "--model", recording(GOOD_JOB)) as chat:
        assert "Hello" in chat.say("hello")["text"]
        job = chat.say("/new Make add add")["job"]
        assert "1. add(2, 3) returns 5" in chat.turn("waits for your word")["text"]
        before = cli("show", job, "--events", "--json")
        assert "your word on the requirements" in chat.say("what is the status?")["text"]
        assert cli("show", job, "--events", "--json") == before
        assert "goes on" in chat.say("ok")["text"]

        chat.turn("waits for approval")
        assert "[gate red-green" in chat.say("/ask what proves it?")["text"].replace(", gate", " [gate")
        diff = chat.say("/diff")
        assert diff["form"] == "diff"
        assert "+    return a + b" in diff["text"]
        assert "Approved" in chat.say("merge it")["text"]
        chat.turn("proven and merged")
        assert "(yes/no)" in chat.say("undo")["text"]
        assert "removed branch" in chat.say("yes")["text"]
        assert chat.leave() == 0
    assert git(project, "for-each-ref", "refs/heads/vulcan") == ""
    assert json.loads(cli("jobs", "--json"))["state"] == "done"
