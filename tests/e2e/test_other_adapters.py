"""The same job through the other adapters: weaker sandboxes, and a real Prefect server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from conftest import ANALYSIS, CALC, GOOD_JOB, REVIEW, TESTS, Cli, make_repository, reply
from vulcan.application.api import Vulcan
from vulcan.application.ports import Sandbox
from vulcan.apps.cli.main import command
from vulcan.bootstrap import bootstrap
from vulcan.domain.events import Stage
from vulcan.infrastructure.sandbox import LandlockSandbox, NoSandbox

pytest_plugins = ["fakes.prefect_server"]
Recording = Callable[[Sequence[str]], str]


def weaker(kind: Callable[[], Sandbox]) -> Callable[..., Vulcan]:
    """What opens a Vulcan whose commands run in this kind of sandbox."""
    return partial(bootstrap, sandbox=kind)


@pytest.mark.sandbox
@pytest.mark.parametrize("kind", [LandlockSandbox, NoSandbox])
def test_a_job_is_proven_in_a_weaker_sandbox_and_says_so(
    kind: Callable[[], Sandbox], home: Path, project: Path, recording: Recording
) -> None:
    factory = weaker(kind)
    environment = {"VULCAN_HOME": str(home)}
    arguments = ["run", "Make add add", "--repo", str(project), "--model", recording(GOOD_JOB)]
    result = CliRunner().invoke(command, arguments, env=environment, obj=factory)
    assert result.exit_code == 0, result.output
    assert "verdict: PROVEN" in result.output
    assert f"note: commands run in {kind().name}" in result.output
    shown = CliRunner().invoke(command, ["show", "--json"], env=environment, obj=factory)
    assert json.loads(shown.output)["report"]["sandbox"] == kind().name


PYPROJECT = (
    "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n"
    "[project]\nname = 'calc'\nversion = '1'\n"
)
PACKAGE = {"pyproject.toml": PYPROJECT, "tests/test_calc.py": CALC["tests/test_calc.py"]}
MEND = (
    "python -m pytest -q tests && python -c 'import calc, pathlib; file = pathlib.Path(calc.__file__); "
    'file.write_text(file.read_text().replace("a - b", "a + b"))\''
)
MENDS = (
    reply("generate/1/coder/0", ("shell", {"command": MEND})),
    reply("generate/1/coder/1", text="add adds now."),
)


@pytest.mark.sandbox
@pytest.mark.parametrize("kind", [LandlockSandbox, NoSandbox])
def test_a_package_below_src_is_found_and_python_is_the_environment_s_in_a_weaker_sandbox(
    kind: Callable[[], Sandbox], home: Path, reachable: Path, recording: Recording
) -> None:
    project = make_repository(reachable / "packaged", PACKAGE | {"src/calc/__init__.py": CALC["calc.py"]})
    model = recording((ANALYSIS, *MENDS, REVIEW, *TESTS))
    environment = {"VULCAN_HOME": str(home)}
    arguments = ["run", "Make add add", "--repo", str(project), "--model", model]
    result = CliRunner().invoke(command, arguments, env=environment, obj=weaker(kind))
    assert (result.exit_code, "verdict: PROVEN" in result.output) == (0, True), result.output


@pytest.mark.prefect
@pytest.mark.sandbox
def test_a_job_is_a_flow_and_each_stage_a_task_of_prefect(
    home: Path, project: Path, recording: Recording, prefect_api_url: str
) -> None:
    environment = {**os.environ, "VULCAN_HOME": str(home), "PREFECT_API_URL": prefect_api_url}

    def vulcan(*arguments: str) -> str:
        argv = [sys.executable, "-m", "vulcan", *arguments]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    out = vulcan("run", "Make add add", "--repo", str(project), "--model", recording(GOOD_JOB))
    assert "verdict: PROVEN" in out
    assert "merged #1" in vulcan("approve")
    job = json.loads(vulcan("jobs", "--json"))["job"]
    flows = [flow["name"] for flow in ask(prefect_api_url, "flow_runs")]
    assert flows.count(job) == 2, "one flow run an attempt"
    tasks = {task["name"]: task["state_name"] for task in ask(prefect_api_url, "task_runs")}
    assert {f"{stage.value}/1" for stage in Stage} <= set(tasks)
    assert set(tasks.values()) == {"Completed"}


def ask(url: str, what: str) -> list[dict]:
    request = urllib.request.Request(f"{url}/{what}/filter", b"{}", {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_a_prefect_server_that_is_away_is_named(cli: Cli, project: Path, recording: Recording) -> None:
    url = "http://127.0.0.1:9/api"
    out = cli(
        "run",
        "Make add add",
        "--repo",
        str(project),
        "--model",
        recording(GOOD_JOB),
        code=1,
        PREFECT_API_URL=url,
    )
    assert "Prefect" in out
