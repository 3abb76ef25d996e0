"""What a command loads: nothing heavy to say its version, and no optional library for a whole job."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

OPTIONAL = {"prefect", "sqlalchemy", "alembic", "openai", "anthropic", "fastapi", "langfuse"}
HEAVY = OPTIONAL | {
    "prompt_toolkit",
    "pydantic_ai",
    "pydantic",
    "httpx",
    "httpx2",
    "rich",
    "click",
    "asyncio",
    "sqlite3",
}

RUN = """\
import json, sys
from vulcan.__main__ import main
sys.argv = ["vulcan", *sys.argv[1:]]
code = 0
try:
    main()
except SystemExit as end:
    code = end.code
print(json.dumps([code, sorted({name.split(".")[0] for name in sys.modules})]), file=sys.stderr)
"""


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(p for p in sys.path if p)
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def vulcan(*arguments: str, **environment: str) -> tuple[str, int, set[str]]:
    """Output, exit code and loaded packages of a command."""
    done = python(RUN, *arguments, **environment)
    code, loaded = json.loads(done.stderr.splitlines()[-1])
    return done.stdout, code, set(loaded)


def test_importing_vulcan_loads_nothing_heavy() -> None:
    code = "import sys; bare = set(sys.modules); import vulcan; print(*(set(sys.modules) - bare))"
    assert python(code).stdout.split() == ["vulcan"]


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_loads_nothing_heavy(flag: str) -> None:
    output, _, loaded = vulcan(flag)
    assert output.startswith("vulcan ")
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_loads_neither_agents_nor_optional_libraries(arguments: list[str]) -> None:
    output, code, loaded = vulcan(*arguments)
    assert (code, "Usage: vulcan" in output) == (0, True)
    assert loaded & (OPTIONAL | {"pydantic_ai", "rich", "prompt_toolkit"}) == set()


def test_a_whole_job_loads_no_optional_library(home: Path) -> None:
    unset = {"VULCAN_MODEL": "", "PREFECT_API_URL": ""}
    output, code, loaded = vulcan("demo", "--json", VULCAN_HOME=str(home), **unset)
    events = [json.loads(line)["event"] for line in output.splitlines()]

    assert (code, events[0], events[-1]) == (0, "JobRequested", "ApprovalRequested")
    assert "pydantic_ai" in loaded  # the agents really ran
    assert loaded & (OPTIONAL | {"prompt_toolkit"}) == set()


def test_a_chat_in_a_pipe_loads_no_library_of_terminals(home: Path, project: Path) -> None:
    output, code, loaded = vulcan("chat", "--repo", str(project), VULCAN_HOME=str(home), VULCAN_MODEL="")
    assert (output, code) == ("", 0)
    assert loaded & (OPTIONAL | {"prompt_toolkit", "pydantic_ai"}) == set()
