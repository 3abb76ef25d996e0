"""The command line's manners: help, bare `vulcan`, colours, completion."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from conftest import Cli
from fakes.terminal import CTRL_D, Terminal
from fakes.whole_job import whole_job
from vulcan.apps.cli.main import command

COLOURED = re.compile(rb"\x1b\[[0-9;]*m")


def commands(group: click.Group, *names: str) -> Iterator[tuple[str, ...]]:
    yield names
    for name, each in sorted(group.commands.items()):
        if isinstance(each, click.Group):
            yield from commands(each, *names, name)
        elif not each.hidden:
            yield (*names, name)


@pytest.mark.parametrize("names", list(commands(command)), ids=" ".join)
def test_help_fits_80_columns_and_cuts_nothing(cli: Cli, names: tuple[str, ...]) -> None:
    out = cli(*names, "--help", COLUMNS="80")
    assert [line for line in out.splitlines()[1:] if len(line) > 80 or line.endswith("...")] == []


def test_help_names_the_defaults(cli: Cli) -> None:
    out = " ".join(cli("run", "--help").split())
    for words in ("default: here", "default: person", "default: 5.", "default: 3600", "default: 4."):
        assert words in out


def test_bare_vulcan_is_help_where_nobody_can_chat(cli: Cli) -> None:
    assert "Usage: vulcan" in cli(code=2)


def test_bare_vulcan_is_the_chat_at_a_terminal_in_a_repository(home: Path, project: Path) -> None:
    with Terminal(home, cwd=project) as terminal:
        terminal.until("calc (main)").until(lambda: terminal.line.startswith("\u203a"))
        terminal.press(CTRL_D)
        assert terminal.end() == 0
    with Terminal(home, cwd=project.parent) as terminal:
        assert terminal.end() == 2
        assert "Usage: vulcan" in terminal.all


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
@pytest.mark.parametrize("arguments", [("show",), ("stats",), ("jobs", "--no-such"), ("show", "nothing")])
def test_no_colour_where_none_is_wanted(
    state: Path, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    with Terminal(state, *arguments, **environment) as terminal:
        terminal.end()
    assert not [code for code in COLOURED.findall(terminal.raw) if re.search(rb"[39][0-7]m", code)]
    if "TERM" in environment:
        assert b"\x1b" not in terminal.raw


def complete(state: Path, *words: str) -> list[str]:
    variables = {**os.environ, "VULCAN_HOME": str(state), "_VULCAN_COMPLETE": "bash_complete"}
    variables |= {"COMP_WORDS": " ".join(["vulcan", *words]), "COMP_CWORD": str(len(words))}
    program = "from vulcan.__main__ import main; import sys; sys.argv[0] = 'vulcan'; main()"
    done = subprocess.run(
        [sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_commands_and_job_ids_are_completed(state: Path) -> None:
    job = whole_job().id
    assert "approve" in complete(state, "app")
    for name in ("show", "approve", "undo", "stats"):
        assert complete(state, name, job[:3]) == [job]
    assert complete(state, "show", "zzz") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_and_installed_once(cli: Cli, tmp_path: Path, shell: str) -> None:
    places = {"HOME": str(tmp_path), "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": "", "ZDOTDIR": ""}
    script = cli("completion", shell, **places)
    assert "_VULCAN_COMPLETE" in script
    for _ in range(2):
        out = cli("completion", shell, "--install", **places)
        written = Path(out.splitlines()[0].removeprefix("written: "))
        assert written.is_relative_to(tmp_path)
        assert written.read_text().strip() == script.strip()
    if shell == "zsh":
        assert (tmp_path / ".zshrc").read_text().count("source") == 1
    if found := shutil.which(shell):
        subprocess.run([found, "-n", str(written)], check=True)
