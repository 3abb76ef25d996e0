"""What a person says to a job that is under way: the model hears it before its next call, and the evidence is for it."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from conftest import Cli
from fakes.brain import ADD_TEST, EDIT, Brain, good_brain, reading, requirements, said, tests_of
from fakes.chat import Chat
from fakes.model_server import Answer, Body, calls, serving, text

pytestmark = pytest.mark.sandbox
ASKED = "Also give it a function sub that subtracts"
SUB = "\n\ndef sub(a, b):\n    return a - b\n"
BOTH = ADD_TEST.replace("import add", "import add, sub") + "\n\ndef test_sub():\n    assert sub(3, 2) == 1\n"


class Coder:
    """Edits; stands still in its first call until it is let go."""

    def __init__(self) -> None:
        self.asked, self.go_on, self.requests = threading.Event(), threading.Event(), []

    def __call__(self, body: Body) -> Answer:
        self.requests.append(said(body))
        if len(self.requests) == 1:
            self.asked.set()
            assert self.go_on.wait(60)
        if "def sub" in self.requests[-1]:
            return text("It is all there.")
        if any(message["role"] == "tool" for message in body["messages"]):
            return calls(("edit", {"path": "calc.py", "old": "a + b\n", "new": f"a + b\n{SUB}"}))
        return EDIT


def steered(coder: Coder, **more: object) -> Brain:
    return good_brain(
        coder=coder,
        analyst=[
            requirements("add(2, 3) returns 5"),
            requirements("add(2, 3) returns 5", "sub(3, 2) returns 1"),
        ],
        test_author=tests_of(BOTH, test_add=["AC-1"], test_sub=["AC-2"]),
        **more,
    )


def test_steering_reaches_the_coder_before_its_next_call_and_becomes_a_criterion(
    home: Path, project: Path, cli: Cli
) -> None:
    coder = Coder()
    brain = steered(coder)
    with (
        serving(brain) as server,
        Chat(home, project, "--model", "m", "--base-url", server.url, "--yes") as chat,
    ):
        job = chat.say("/new Make add add")["job"]
        assert coder.asked.wait(60)
        assert "before its next model call" in chat.say(f"/steer {ASKED}")["text"]
        coder.go_on.set()
        chat.turn("waits for approval")
        assert chat.leave() == 0
    assert ASKED not in coder.requests[0]
    assert ASKED in coder.requests[1], "the very next call knows it"
    assert ASKED in said(brain.of("analyst")[1])
    assert "AC-1: add(2, 3) returns 5" in said(brain.of("analyst")[1])
    assert ASKED in said(brain.of("test_author")[0])
    page = cli("show", job)
    assert "AC-2" in page
    proofs = json.loads(cli("show", job, "--json"))["verdict"]["criteria"]
    assert [proof["criterion"] for proof in proofs if proof["proven"]] == ["AC-1", "AC-2"]
    assert "said while it was under way: Also give it" in cli("ask", job, "who decided what")


def test_a_kill_after_the_steering_loses_and_doubles_nothing(home: Path, project: Path, cli: Cli) -> None:
    coder = Coder()
    brain = steered(coder)
    with serving(brain) as server:
        with Chat(home, project, "--model", "m", "--base-url", server.url, "--yes") as chat:
            chat.say("/new Make add add")
            assert coder.asked.wait(60)
            chat.say(f"/steer {ASKED}")
            events = [json.loads(line) for line in cli("show", "--events", "--json").splitlines()]
            worker = next(e for e in reversed(events) if e["event"] == "WorkStarted")["payload"]["worker"]
            chat.kill()
            os.kill(worker["pid"], signal.SIGKILL)
        coder.go_on.set()
        cli("resume", "--base-url", server.url)
    assert ASKED in coder.requests[1]
    assert [who for who, _ in brain.asked].count("analyst") == 2
    events = [json.loads(line) for line in cli("show", "--events", "--json").splitlines()]
    keys = [e["payload"]["key"] for e in events if e["event"] == "ModelReplied"]
    assert len(keys) == len(set(keys))
    assert "merge waits for approval" in cli("jobs")


def test_a_model_that_is_sure_steers_and_a_side_question_disturbs_nothing(
    home: Path, project: Path, cli: Cli
) -> None:
    coder = Coder()
    interpreter = [reading("question"), reading("steering"), reading("steering", certain=False)]
    answers = [text("Because it subtracts [calc.py:2].")]
    brain = steered(coder, interpreter=interpreter, answerer=answers)
    with (
        serving(brain) as server,
        Chat(home, project, "--model", "m", "--base-url", server.url, "--yes") as chat,
    ):
        job = chat.say("/new Make add add")["job"]
        assert coder.asked.wait(60)
        before = cli("show", job, "--events", "--json")
        question = chat.say("why is add wrong at the base, do you think")
        assert question["intent"] == "question"
        assert question["text"] == "Because it subtracts [calc.py:2]."
        assert "[calc.py:2]" in "".join(line["text"] for line in chat.lines if line.get("type") == "fragment")
        assert cli("show", job, "--events", "--json") == before
        assert len(coder.requests) == 1
        coder.go_on.set()
        chat.turn("waits for approval")
        assert "goes back to work" in chat.say(ASKED)["text"]
        chat.turn("waits for approval")
        doubtful = chat.say("multiplication would be nice one day")
        assert "(yes/no)" in doubtful["text"]
        assert "Left as it is" in chat.say("no")["text"]
        assert chat.leave() == 0
    assert ASKED in coder.requests[-1]
