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
        home, "run", "Make add add", "--repo", str(project), "--model", model,
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
