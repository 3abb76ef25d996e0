"""Shared fixtures: a state folder that boxes can reach, small git projects, recordings, the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("vulcan", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vulcan")  # how long a busy machine takes is no property of what is tested

GIT = ("git", "-c", "user.name=T", "-c", "user.email=t@localhost", "-c", "init.defaultBranch=main")
QUIET = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
DATES = {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}

CALC = {
    "calc.py": "def add(a, b):\n    return a - b\n",
    "tests/test_calc.py": "from calc import add\n\n\ndef test_zero():\n    assert add(0, 0) == 0\n",
    ".gitignore": "__pycache__/\n",
}


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A temporary folder that the user inside boxes may pass through (pytest's own is private)."""
    folder = Path(tempfile.mkdtemp(prefix="vulcan-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_environments() -> Iterator[Path]:
    """Prepared dependencies, shared by all tests of a session: they are the same few."""
    folder = Path(tempfile.mkdtemp(prefix="vulcan-env-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def home(reachable: Path, shared_environments: Path) -> Path:
    """A state folder with the session's environments in it."""
    state = reachable / "state"
    state.mkdir(mode=0o711)
    (state / "environments").symlink_to(shared_environments)
    return state


def git(root: Path, *arguments: str, **environment: str) -> str:
    """Plain git, as a person would run it."""
    done = subprocess.run(
        [*GIT, *arguments],
        cwd=root,
        env={**os.environ, **QUIET, **DATES, **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def make_repository(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """A repository with one commit of `files`."""
    root.mkdir(parents=True)
    git(root, "init", "-q")
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "Start")
    return root


@pytest.fixture
def project(reachable: Path) -> Path:
    """A tiny project whose `add` subtracts."""
    return make_repository(reachable / "calc", CALC)


Call = tuple[str, dict[str, Any]]


def reply(key: str, *calls: Call, text: str = "") -> str:
    """One line of a recording."""
    data: dict[str, Any] = {"key": key}
    if text:
        data["text"] = text
    if calls:
        data["tool_calls"] = [
            {"id": f"c{n}", "name": name, "arguments": arguments} for n, (name, arguments) in enumerate(calls)
        ]
    return json.dumps(data)


ANALYSIS = reply(
    "analyze/1/analyst/0",
    ("submit_requirements", {"summary": "Make add add", "criteria": ["add(2, 3) returns 5"]}),
)
FIX = (
    reply("generate/1/coder/0", ("edit", {"path": "calc.py", "old": "a - b", "new": "a + b"})),
    reply("generate/1/coder/1", text="add adds now."),
)
REVIEW = reply("validate/1/reviewer/0", ("submit_review", {"findings": []}))
TESTS = (
    reply(
        "write_tests/1/test_author/0",
        (
            "write",
            {
                "path": "tests/test_add.py",
                "content": "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n",
            },
        ),
    ),
    reply(
        "write_tests/1/test_author/1",
        ("submit_tests", {"tests": [{"test": "tests/test_add.py::test_add", "criteria": ["AC-1"]}]}),
    ),
)
GOOD_JOB = (ANALYSIS, *FIX, REVIEW, *TESTS)


@pytest.fixture
def recording(reachable: Path) -> Callable[[Sequence[str]], str]:
    """Writes a recording and returns the model's name for it."""

    def write(lines: Sequence[str]) -> str:
        path = reachable / "recording.jsonl"
        path.write_text("\n".join(lines) + "\n")
        return f"recorded:{path}"

    return write


class Cli:
    """The command line, in this process."""

    def __init__(self, home: Path) -> None:
        self.environment = {"VULCAN_HOME": str(home), "VULCAN_MODEL": None, "PREFECT_API_URL": None}
        self.environment |= dict.fromkeys(
            ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_BASE_URL", "LANGFUSE_HOST", "OTEL_EXPORTER_OTLP_ENDPOINT")
        )
        self.code = 0
        self.out = ""

    def __call__(self, *arguments: str, code: int = 0, **environment: str) -> str:
        from click.testing import CliRunner

        from vulcan.apps.cli.main import command
        from vulcan.bootstrap import bootstrap

        env = {**self.environment, **environment}
        result = CliRunner().invoke(command, list(arguments), env=env, obj=bootstrap, prog_name="vulcan")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        self.code, self.out = result.exit_code, result.output
        assert result.exit_code == code, result.output
        return result.output


@pytest.fixture
def cli(home: Path) -> Cli:
    """The `vulcan` command on a state folder of its own; checks the exit code."""
    return Cli(home)


@pytest.fixture
def state(home: Path) -> Path:
    """A state folder with one whole job in it."""
    from fakes.whole_job import whole_job
    from vulcan.infrastructure.store import FileBlobStore, SqliteEventStore

    job = whole_job()
    blobs = FileBlobStore(home / "blobs")
    for content in job.blobs.contents.values():
        blobs.put(content)
    times = iter([entry.at for entry in job.log])
    with SqliteEventStore(home / "events.sqlite3", blobs, now=times.__next__) as store:
        for entry in job.log:
            store.append(job.id, entry.seq - 1, [entry.event])
    return home
