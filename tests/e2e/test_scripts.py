"""README's lines from a clone: `scripts/run` with a stand-in for pip only, since the suite's environment is complete."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from conftest import GOOD_JOB, Cli
from vulcan.apps.cli.main import command

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
LINES = [line for line in README.splitlines() if line.startswith("./scripts/run ") and "#" not in line]


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment that is set up already: its `vulcan` is the one under test, its pip writes down what it is asked."""
    place = tmp_path / "venv"
    (place / "bin").mkdir(parents=True)
    write_program(place / "bin/vulcan", f'exec {shlex.quote(sys.executable)} -m vulcan "$@"')
    write_program(place / "bin/python", f'echo "$@" >>{shlex.quote(str(tmp_path))}/asked')
    sources = (ROOT / "pyproject.toml").read_bytes() + (ROOT / "scripts/constraints.txt").read_bytes()
    wanted = subprocess.run(["cksum"], input=sources, capture_output=True, check=True)
    stamp = place / ".vulcan-run"
    stamp.write_bytes(wanted.stdout)
    os.utime(stamp, (2**32, 2**32))
    return place


def write_program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def run_script(venv: Path, cli: Cli, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {
        k: v for k, v in os.environ.items() if not k.startswith(("VULCAN_", "LANGFUSE_", "PREFECT_"))
    }
    variables |= {"VENV": str(venv), "VULCAN_HOME": cli.environment["VULCAN_HOME"] or "", **environment}
    return subprocess.run(
        [str(ROOT / "scripts/run"), *arguments],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_no_command_of_vulcan_can_be_taken_for_an_instruction() -> None:
    assert all(re.fullmatch(r"[a-z-]+", name) and not name.startswith("-") for name in command.commands)


@pytest.mark.parametrize("name", ["chat", "stats", "models", "dust"])
def test_commands_are_passed_on(venv: Path, cli: Cli, name: str) -> None:
    done = run_script(venv, cli, name, "--help")
    assert done.stdout.startswith(f"Usage: vulcan {name}"), done.stderr


def test_a_mistyped_command_starts_no_job(venv: Path, cli: Cli) -> None:
    done = run_script(venv, cli, "chatt", VULCAN_MODEL="recorded:demo")
    assert done.returncode == 2
    assert "No such command 'chatt'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "extras"),
    [
        (("Mend it", "--model", "cohere:command-a"), {}, "cohere"),
        (("chat", "--model=cohere:command-a"), {}, "cohere"),
        (("--model", "cohere:a, xai:b", "Mend it"), {}, "cohere,xai"),
        (("Mend it",), {"VULCAN_MODEL": "huggingface:x"}, "huggingface"),
    ],
)
def test_the_package_of_the_model_is_installed(
    venv: Path, cli: Cli, arguments: tuple[str, ...], environment: dict[str, str], extras: str
) -> None:
    done = run_script(venv, cli, *arguments, **environment)
    asked = (venv.parent / "asked").read_text()
    assert asked.strip().endswith(f"install -q -c scripts/constraints.txt vulcan-agent[{extras}]"), (
        done.stderr
    )


def test_nothing_is_installed_for_a_model_that_needs_nothing(venv: Path, cli: Cli) -> None:
    run_script(
        venv,
        cli,
        "Mend it",
        "--model",
        "some-model",
        "--base-url",
        "http://localhost:9/v1",
        "--repo",
        "/nowhere",
    )
    assert not (venv.parent / "asked").exists()


@pytest.mark.sandbox
def test_readme_lines_work_as_they_are_written(
    venv: Path, cli: Cli, project: Path, recording: Callable[[Sequence[str]], str]
) -> None:
    assert len(LINES) == 2
    names_the_option = [line.replace("== 5", "== 5, '--json'") for line in GOOD_JOB]
    model = recording(names_the_option)
    for line in LINES:
        written = line.replace("~/code/app", str(project))
        words = shlex.split(re.sub(r"anthropic:\S+", model, written))
        assert model in words
        done = run_script(venv, cli, *words[1:])
        assert done.returncode == 0, done.stderr
        assert ("verdict: PROVEN" in done.stdout) == (words[1] != "chat")
