"""What a person at a terminal sees."""

from __future__ import annotations

import os
import pty
import select
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from conftest import ANALYSIS, GOOD_JOB, Cli, reply
from fakes.terminal import CTRL_C, ENTER, Terminal


def at_a_terminal(home: Path, *arguments: str, until: Callable[[], bool] = lambda: False) -> tuple[int, str]:
    """Run the command under a pseudo-terminal; press Ctrl-C once `until` holds. Its exit code and what it showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(VULCAN_HOME=str(home), TERM="xterm", COLUMNS="80", LINES="24")
        os.execv(sys.executable, [sys.executable, "-m", "vulcan", *arguments])
    shown, pressed = b"", False
    while True:
        if not pressed and until():
            os.write(terminal, b"\x03")
            pressed = True
        if not select.select([terminal], [], [], 0.05)[0]:
            continue
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode(errors="replace")


@pytest.mark.sandbox
def test_the_demo_shows_its_way_and_what_to_do_next(home: Path) -> None:
    code, shown = at_a_terminal(home, "demo")
    assert code == 0, shown
    for words in (
        "the model's replies come from a recording",
        "verdict: PROVEN",
        "model calls",
        "vulcan approve",
    ):
        assert words in shown
    assert "pydantic" not in shown
    code, shown = at_a_terminal(home, "show")
    assert code == 0
    assert "AC-1" in shown


@pytest.mark.sandbox
def test_ctrl_c_pauses_and_resume_goes_on(
    home: Path, project: Path, recording: Callable[[Sequence[str]], str], cli: Cli
) -> None:
    sleeps = reply(
        "generate/1/coder/0",
        ("shell", {"command": "test -e started && exit; touch started; sleep 1235.5", "timeout": 600}),
    )
    model = recording((ANALYSIS, sleeps))
    code, shown = at_a_terminal(
        home, "run", "Make add add", "--yes", "--repo", str(project), "--model", model,
        until=lambda: bool(list(home.glob("jobs/*/workspace/started"))),
    )  # fmt: skip
    assert code == 130
    assert "the work is safe" in shown
    assert "vulcan resume" in shown
    assert "Traceback" not in shown
    edit = reply("generate/1/coder/1", ("edit", {"path": "calc.py", "old": "a - b", "new": "a + b"}))
    done = reply("generate/1/coder/2", text="Done.")
    others = [line for line in GOOD_JOB if "/coder/" not in line]
    out = cli("resume", "--model", recording((edit, done, *others)))
    assert "verdict: PROVEN" in out


Recording = Callable[[Sequence[str]], str]


@pytest.mark.sandbox
def test_the_requirements_are_shown_and_wait_for_a_word(
    home: Path, project: Path, recording: Recording, cli: Cli
) -> None:
    what = ("run", "Make add add", "--repo", str(project), "--model", recording(GOOD_JOB))
    with Terminal(home, *what) as terminal:
        terminal.until("\nok?")
        assert "1. add(2, 3) returns 5" in terminal.screen
        terminal.press(f"9: nonsense{ENTER}").until("no item 9")
        terminal.press(f"1: add(2, 3) returns five{ENTER}").until("1. add(2, 3) returns five")
        terminal.press(ENTER)  # a slip agrees to nothing
        terminal.press(f"ok{ENTER}").until("requirements confirmed by")
        assert terminal.end() == 0
        assert "vulcan approve" in terminal.screen
        assert terminal.all.count("asked: Make add add") == 1
    shown = cli("show", "--events")
    assert (
        shown.index("requirements edited") < shown.index("requirements confirmed") < shown.index("generate")
    )


@pytest.mark.sandbox
def test_ctrl_c_at_the_question_says_how_to_go_on_and_cancel_ends_it(
    home: Path, project: Path, recording: Recording, cli: Cli
) -> None:
    model = recording(GOOD_JOB)
    with Terminal(home, "run", "Make add add", "--repo", str(project), "--model", model) as terminal:
        terminal.until("\nok?").press(CTRL_C)
        assert terminal.end() == 4
        assert "vulcan resume" in terminal.screen
        assert "--ok" in terminal.screen
    with Terminal(home, "resume", "--model", model) as terminal:
        terminal.until("\nok?").press(f"cancel{ENTER}")
        assert terminal.end() == 6
    assert '"cancelled"' in cli("jobs", "--json")


@pytest.mark.sandbox
def test_without_a_terminal_only_confirm_waits(
    home: Path, project: Path, recording: Recording, cli: Cli
) -> None:
    model = recording(GOOD_JOB)
    what = ("run", "Make add add", "--repo", str(project), "--model", model)
    out = cli(*what, "--confirm", code=4)
    assert "1. add(2, 3) returns 5" in out
    assert "--ok" in out
    assert "verdict: PROVEN" in cli("resume", "--ok", "--model", model)
    assert "does not wait" in cli("resume", "--ok", "--model", model, code=2)
    assert "verdict: PROVEN" in cli(*what, "--confirm", "--yes")
