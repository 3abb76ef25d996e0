"""The main job started, confirmed, asked about, approved and undone from a conversation."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from conftest import GOOD_JOB, Cli, git
from fakes.brain import EDIT, good_brain, reading
from fakes.chat import Chat
from fakes.model_server import Answer, Body, serving, text

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
        assert "pull: bring it into your main" in chat.turn("proven and merged")["text"]
        assert "merged is not in your branch yet" in chat.say("/new Make sub subtract")["text"]
        (project / "calc.py").write_text("mine\n")
        assert "not committed" in chat.say("pull")["text"]
        git(project, "checkout", "-q", "calc.py")
        assert "Your main is brought forward" in chat.say("pull")["text"]
        assert "return a + b" in git(project, "show", "main:calc.py")
        assert git(project, "status", "--porcelain") == ""
        assert chat.say("pull")["text"].startswith("Your main has it already.")
        assert chat.say("no")["text"] == "Left as it is."
        assert "Its merge stays" in chat.say("undo")["text"]
        undone = chat.say("yes")["text"]
        assert "removed branch" in undone
        assert "Its merge stays" in undone
        assert "(your branch has it, too)" in undone
        assert chat.leave() == 0
    assert git(project, "for-each-ref", "refs/heads/vulcan") == ""
    assert json.loads(cli("jobs", "--json"))["state"] == "done"


class Held:
    """Says the first answer, after a tool's result the second; waits in its first call until it is let go."""

    def __init__(self, first: Answer, second: Answer | None = None) -> None:
        self.asked, self.go_on, self._answers = threading.Event(), threading.Event(), (first, second or first)

    def __call__(self, body: Body) -> Answer:
        if not self.asked.is_set():
            self.asked.set()
            assert self.go_on.wait(60)
        return self._answers[any(message["role"] == "tool" for message in body["messages"])]


def test_a_killed_chat_is_resumed_and_its_job_went_on(home: Path, project: Path, cli: Cli) -> None:
    coder = Held(EDIT, text("add adds now."))
    with serving(good_brain(coder=coder)) as server:
        options = ("--model", "m", "--base-url", server.url)
        with Chat(home, project, *options, "--yes") as chat:
            job = chat.say("/new Make add add")["job"]
            assert coder.asked.wait(60)
            chat.kill()
        coder.go_on.set()
        with Chat(home, project, *options, "--resume") as chat:
            chat.turn("waits for approval")
            assert chat.say("/jobs")["text"].startswith(f"* {job}")
            chat.say("ja, mach das")
            chat.turn("proven and merged")
            assert chat.leave() == 0
    assert len(cli("jobs").splitlines()) == 1
    assert "1 jobs" in cli("chat", "--list")


def test_a_message_that_a_kill_left_unanswered_is_named_and_started_nothing(
    home: Path, project: Path, cli: Cli
) -> None:
    interpreter = Held(reading("new job"))
    with serving(good_brain(interpreter=interpreter)) as server:
        options = ("--model", "m", "--base-url", server.url)
        with Chat(home, project, *options) as chat:
            chat.send("Make add add, would you")
            assert interpreter.asked.wait(60)
            chat.kill()
        interpreter.go_on.set()
        with Chat(home, project, *options, "--resume") as chat:
            assert "Make add add, would you" in chat.turn("not answered")["text"]
            assert chat.leave() == 0
    assert cli("jobs") == ""


def test_an_order_in_plain_words_starts_a_job_and_the_list_is_edited(
    home: Path, project: Path, cli: Cli
) -> None:
    brain = good_brain(interpreter=[reading("new job")])
    with (
        serving(brain) as server,
        Chat(home, project, "--model", "m", "--base-url", server.url) as chat,
    ):
        chat.say("Always keep functions short.")
        job = chat.say("Fix add, it subtracts")["job"]
        chat.turn("waits for your word")
        assert "1. add(2, 3) is 5" in chat.say("1: add(2, 3) is 5")["text"]
        chat.say("ok")
        chat.turn("waits for approval")
        assert "edited the requirements" in chat.say("who decided what?")["text"]
        assert chat.leave() == 0
    assert "Always keep functions short." in json.dumps(brain.of("coder")[0])
    assert "add(2, 3) is 5" in cli("show", job)


def test_pausing_and_going_on(home: Path, project: Path) -> None:
    coder = Held(EDIT, text("add adds now."))
    with (
        serving(good_brain(coder=coder)) as server,
        Chat(home, project, "--model", "m", "--base-url", server.url, "--yes") as chat,
    ):
        chat.say("/new Make add add")
        assert coder.asked.wait(60)
        assert "pauses" in chat.say("stop")["text"]
        chat.event("JobPaused")
        coder.go_on.set()
        chat.turn("stands still")
        assert "goes on" in chat.say("continue")["text"]
        chat.turn("waits for approval")
        assert chat.leave() == 0


def test_another_model_is_chosen_for_the_jobs_that_come(
    home: Path, project: Path, recording: Recording
) -> None:
    silent = project.parent / "silent.jsonl"
    silent.write_text("")
    with Chat(home, project, "--model", f"recorded:{silent}") as chat:
        assert "there is no recording" in chat.say("/model recorded:/nowhere")["text"]
        other = recording(GOOD_JOB)
        assert other in chat.say(f"/model {other}")["text"]
        chat.say("/new Make add add")
        chat.turn("waits for your word")
        assert chat.leave() == 4


def test_a_worker_that_can_not_even_start_is_told_about(
    home: Path, project: Path, recording: Callable[[Sequence[str]], str]
) -> None:
    model = recording(GOOD_JOB)
    with Chat(home, project, "--model", model, "--yes") as chat:
        chat.say("/help")
        Path(model.removeprefix("recorded:")).unlink()
        chat.say("/new Make add add")
        assert "there is no recording" in chat.turn("could not be worked on")["text"]
        assert chat.leave() == 130


def test_without_a_model_there_are_commands_and_a_clear_word(home: Path, project: Path) -> None:
    with Chat(home, project) as chat:
        assert "No model is configured" in chat.say("the weather is fine today")["text"]
        assert "/new INSTRUCTION" in chat.say("/help")["text"]
        assert "no model is configured" in chat.say("/new Make add add")["text"]
        assert chat.leave() == 0


def test_the_projects_tests_are_run_where_somebody_asks_for_it(home: Path, project: Path) -> None:
    (project / "calc.py").write_text("not committed\n")
    with Chat(home, project) as chat:
        first = chat.say("run the tests pls")["text"]
        assert "main, without what is not committed (1 files)" in first
        assert "1 passed in " in first
        assert "Vulcan sees 1 of 1 tests." in first
        (project / "calc.py").write_text("def add(a, b):\n    return 7\n")
        git(project, "commit", "-qam", "Break it")
        broken = chat.say("/test")["text"]
        assert "1 failed in" in broken
        assert "- tests/test_calc.py::" in broken
        assert chat.leave() == 0
