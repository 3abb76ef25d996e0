"""The chat as a person at a terminal has it: a real pseudo-terminal, and what stands on its screen."""

# ruff: noqa: RUF001 - the prompt's sign is no greater-than sign

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from conftest import ANALYSIS, CALC, GOOD_JOB, Cli, make_repository, reply
from fakes.brain import reading
from fakes.model_server import SILENT, Answer, Body, serving, text
from fakes.terminal import ALT_ENTER, CTRL_C, CTRL_D, CTRL_R, ENTER, ESC, TAB, UP, Terminal

Recording = Callable[[Sequence[str]], str]
OWNED = "\x1b]0;owned\x07"
SLEEPS = reply("generate/1/coder/0", ("shell", {"command": "touch started; sleep 600", "timeout": 600}))


STAGES = "generate|validate|write_tests|run_tests|judge|deliver|follow_ci|release"
STAGE_SHOWN = re.compile(rf"[3-9]/10 (?:{STAGES})|10/10 (?:{STAGES})")
STATUS_SAID = re.compile(rf"in (?:{STAGES})|waits? for")
"""How far a quick job is when its status is asked for is a matter of milliseconds."""


def answer_to_status(terminal: Terminal) -> str:
    """What came after the question, so that nothing said before counts as its answer."""
    return terminal.all.rpartition("what is the status?")[2]


@pytest.mark.sandbox
def test_a_whole_job_by_typing(home: Path, project: Path, recording: Recording) -> None:
    chat = ("chat", "--repo", str(project), "--model", recording(GOOD_JOB))
    with Terminal(home, *chat) as terminal:
        terminal.until("calc (main)").say("hello").until("What is to be done?")
        terminal.say("/new Make add add").until("requirements ok? ›")
        terminal.until("1. add(2, 3) returns 5 (AC-1, must hold)")
        terminal.say("1: add(2, 3) is 5").until("AC-1 is now").until("1. add(2, 3) is 5")
        terminal.say("ok").until("goes on").until(lambda: STAGE_SHOWN.search(terminal.all) is not None)
        terminal.say("what is the status?").until(
            lambda: STATUS_SAID.search(answer_to_status(terminal)) is not None
        )
        terminal.until("merge? ›").until("verdict: PROVEN").until("approve: merge it")
        terminal.say("/diff").until("+    return a + b")
        assert {"green", "brightred"} <= terminal.colours()
        terminal.say("merge it").until("done. proven and merged")
        terminal.press(CTRL_D)
        assert terminal.end() == 0
        terminal.until("Go on with: vulcan chat --resume c")
    with Terminal(home, *chat, "--resume") as terminal:
        terminal.until("merge it").until("Approved").press(UP)
        terminal.until(lambda: terminal.line == "› merge it").press(UP)
        terminal.until(lambda: terminal.line == "› /diff").press(CTRL_C)
        terminal.until(lambda: terminal.line == "›").press(f"{CTRL_R}add add").until("search").press(ENTER)
        terminal.until(lambda: terminal.line == "› /new Make add add").press(CTRL_C)
        terminal.until(lambda: terminal.line == "›").press(CTRL_C).until("Ctrl-D or /quit leaves")
        terminal.say("/quit")
        assert terminal.end() == 0
    (history,) = (home / "chat-histories").iterdir()
    assert history.stat().st_mode & 0o777 == 0o600


@pytest.mark.sandbox
def test_a_job_is_paused_resumed_left_and_found_again(
    home: Path, project: Path, recording: Recording, cli: Cli
) -> None:
    chat = ("chat", "--yes", "--repo", str(project), "--model", recording([ANALYSIS, SLEEPS]))

    def started() -> bool:
        return bool(list(home.glob("jobs/*/workspace/started")))

    def paused() -> bool:
        return "paused" in cli("show", "--events").splitlines()[-1]

    with Terminal(home, *chat, rows=24) as terminal:
        terminal.until("›").say("/new Make add add").until(started).until("3/10 generate")
        terminal.press(CTRL_C).until("the work is safe").until("resume? ›")
        terminal.say("/resume").until("goes on").until(lambda: "3/10 generate" in terminal.screen)
        terminal.press(CTRL_D)
        assert terminal.end() == 0
        terminal.until("Pausing job").until("vulcan chat --resume")
    assert paused()

    with Terminal(home, *chat, "--resume") as terminal:
        terminal.until("Go on with: /resume").say("/resume").until("── generate").kill()
    with Terminal(home, *chat, "--resume") as terminal:
        terminal.until("is being worked on").until("3/10 generate").say("/detach")
        assert terminal.end() == 0
        terminal.until("goes on in the background")
    with Terminal(home, *chat, "--resume") as terminal:
        terminal.until("is being worked on").until("3/10 generate")
        assert terminal.hang_up() == 128 + signal.SIGHUP
    with Terminal(home, *chat, "--resume") as terminal:
        terminal.until("Go on with: /resume").until("resume? ›")
        os.kill(terminal.pid, signal.SIGTERM)
        assert terminal.end() == 128 + signal.SIGTERM
    assert paused()


def test_several_lines_and_completion(home: Path, project: Path) -> None:
    with Terminal(home, "chat", "--repo", str(project), VULCAN_MODEL="") as terminal:
        terminal.until("no model configured: commands only").until("›")
        terminal.press("/hel").until("this list").press(TAB)
        terminal.until(lambda: terminal.line == "› /help").press(ENTER).until("start a job")
        terminal.press("Fix @tes").until("tests/test_calc.py").press(TAB)
        terminal.until(lambda: terminal.line == "› Fix @tests/test_calc.py").press(ALT_ENTER)
        terminal.press("and ").paste("two\nlines\\").press(ENTER).press("and calc.p").press(TAB)
        terminal.until(lambda: terminal.line == "  and calc.py")
        terminal.press(ENTER).until("Start a job with this instruction").until("yes/no ›")
        assert "› Fix @tests/test_calc.py\n  and two\n  lines\n  and calc.py\n" in terminal.screen
        terminal.say("no").until("Left as it is.").press(UP + UP)
        terminal.until(lambda: terminal.line == "  and calc.py").press(CTRL_C)
        terminal.until(lambda: terminal.line == "›").press("Fix what ")
        terminal.paste("\n".join(f"log line {number}" for number in range(500))).until("[pasted 1: 500 lines")
        terminal.press(f" says{ENTER}").until("Start a job with this instruction: Fix what").until(
            "log line 0"
        )
        assert "log line 499" not in terminal.all
        terminal.say("no").until("Left as it is.").press(CTRL_D)
        assert terminal.end() == 0


@pytest.mark.sandbox
def test_nothing_of_others_is_obeyed_and_no_colour_is_honoured(
    home: Path, reachable: Path, recording: Recording
) -> None:
    criterion = f"add(2, 3) returns 5 {OWNED}\x1b[2J"
    analysis = reply(
        "analyze/1/analyst/0",
        ("submit_requirements", {"summary": f"Add {OWNED}", "criteria": [criterion]}),
    )
    project = make_repository(reachable / "odd", {**CALC, f"{OWNED}.py": "", f"odd{OWNED}.py": ""})
    chat = ("chat", "--repo", str(project), "--model", recording([analysis]))
    with Terminal(home, *chat, columns=40, NO_COLOR="1") as terminal:
        terminal.until("›").press("@o").press(TAB).press(CTRL_C)
        terminal.paste(f"/new Add{OWNED}").until("^[]0;owned").press(ENTER)
        terminal.until("requirements ok? ›").until("1. add(2, 3) returns 5 \\x1b]0;owned\\x07\\x1b[2J")
        assert max(len(line) for line in terminal.all.split("\n")) <= 40
        assert terminal.colours() <= {"default"}
        terminal.say("/quit")
        terminal.end()
    assert b"\x1b]0;" not in terminal.raw
    assert not re.search(rb"\x1b\[(?:[0-9;]*;)?(?:[34][0-7]|[39]8;|9[0-7])[0-9;]*m", terminal.raw)


@pytest.mark.sandbox
def test_an_answer_streams_is_awaited_and_can_be_stopped(home: Path, project: Path) -> None:
    answer = f"It holds `add` [calc.py:1].{OWNED}\nIt subtracts [calc.py:2]."
    go_on, asked = threading.Event(), []

    def script(body: Body) -> Answer:
        asked.append(body)
        if len(asked) == 2:
            assert go_on.wait(60)
        return {1: text(answer), 2: reading("small talk", reply="So it goes.")}.get(len(asked), SILENT)

    with serving(script) as server:
        chat = ("chat", "--repo", str(project), "--model", "m", "--base-url", server.url)
        with Terminal(home, *chat, OPENAI_API_KEY="k") as terminal:
            terminal.until("›").say("/ask What is in calc.py?").until("It subtracts [calc.py:2].")
            assert "It holds add [calc.py:1].\\x1b]0;owned" in terminal.screen
            terminal.say("Tell me something").until("thinking")
            terminal.press(f"typed ahead{ENTER}").until("then: typed ahead")
            terminal.until(lambda: terminal.line == "›")
            go_on.set()
            terminal.until("So it goes. › typed ahead").until("thinking").press(ESC).until("Stopped.")
            terminal.say("Tell me more").until("thinking").press(f"for later{ENTER}").until("then: for later")
            terminal.press(CTRL_C).until(lambda: terminal.line == "› for later").press(CTRL_C)
            terminal.until(lambda: terminal.line == "›")
            terminal.say("Something else").until("thinking").kill()
        with Terminal(home, *chat, "--resume", OPENAI_API_KEY="k") as terminal:
            terminal.until(lambda: terminal.line == "› Something else")
            assert "for later" not in terminal.all
            terminal.press(CTRL_C).press(CTRL_D)
            assert terminal.end() == 0


def test_a_terminal_that_can_do_little_gets_plain_lines(home: Path, project: Path) -> None:
    with Terminal(home, "chat", "--repo", str(project), VULCAN_MODEL="", TERM="dumb") as terminal:
        terminal.press(f"hello{ENTER}").until("What is to be done?").press(CTRL_C)
        assert terminal.end() == -signal.SIGINT
    assert b"\x1b" not in terminal.raw
