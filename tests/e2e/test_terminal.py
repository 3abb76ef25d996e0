"""What a person at a terminal sees."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest


def at_a_terminal(home: Path, *arguments: str) -> tuple[int, str]:
    """Run the command under a pseudo-terminal; its exit code and all that it showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(VULCAN_HOME=str(home), TERM="xterm", COLUMNS="80", LINES="24")
        os.execv(sys.executable, [sys.executable, "-m", "vulcan", *arguments])
    shown = b""
    while True:
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
