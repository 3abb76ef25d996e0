"""What commands print with `--json` is what their published schemas say, and holds nothing that they don't."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from conftest import GOOD_JOB, Cli
from fakes.langfuse_server import LangfuseServer
from fakes.whole_job import whole_job

PUBLISHED = Path(__file__).parents[2] / "docs/api"


def check(name: str, out: str, *, whole: bool = False) -> list[dict[str, Any]]:
    """Each line (or the whole) against the schema of that name, in which nothing that is not named may stand."""
    schema = json.loads((PUBLISHED / f"{name}.json").read_text())
    for each in (schema, *schema.get("anyOf", [])):
        if "properties" in each:
            each["additionalProperties"] = False
    found = [json.loads(out)] if whole else list(map(json.loads, out.splitlines()))
    assert found
    for each in found:
        Draft202012Validator(schema).validate(each)
    return found


def test_what_looks_at_a_job(state: Path, cli: Cli) -> None:
    check("jobs", cli("jobs", "--json"))
    check("show", cli("show", "--json"), whole=True)
    check("verify", cli("show", "--statement"), whole=True)
    events = check("events", cli("show", "--json", "--events"))
    assert len(events) == len(whole_job().log)
    check("stats", cli("stats", "--json"), whole=True)
    check("audit-verify", cli("audit", "verify", "--json"))
    check("gc", cli("gc", "--dry-run", "--json"))


def test_what_looks_at_the_installation(cli: Cli, tmp_path: Path) -> None:
    check("models", cli("models", "--json"))
    check("prompts", cli("prompts", "--json"))
    check("config", cli("config", "--json"))
    more = {"XDG_CONFIG_HOME": str(tmp_path)}
    check("init", cli("init", "--model", "recorded:demo", "--json", **more))


def test_what_goes_to_langfuse(state: Path) -> None:
    with LangfuseServer() as server:
        variables = {**os.environ, "VULCAN_HOME": str(state), "LANGFUSE_BASE_URL": server.url}
        variables |= {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk-secret"}

        def run(*arguments: str) -> str:
            # in a process of its own: what the SDK does at a fork would hold up tests that come later
            done = subprocess.run(
                [sys.executable, "-m", "vulcan", *arguments],
                env=variables,
                capture_output=True,
                text=True,
                check=True,
            )
            return done.stdout

        check("traces-push", run("traces", "push", "--json"))
        check("prompts-push", run("prompts", "push", "--json"))


@pytest.mark.sandbox
def test_what_works_on_a_job(cli: Cli, project: Path, recording: Callable[[Sequence[str]], str]) -> None:
    model = recording(GOOD_JOB)
    check("events", cli("run", "Make add add", "--repo", str(project), "--model", model, "--json"))
    job = check("jobs", cli("jobs", "--json"))[0]["job"]
    check("events", cli("approve", job, "--json"))
    assert check("ask", cli("ask", job, "what did it cost?", "--json"))[0]["from_log"]
    assert check("undo", cli("undo", job, "--json"))[0]["removed"]
    stuck = recording(GOOD_JOB[:1])
    check("events", cli("run", "Make add add", "--repo", str(project), "--model", stuck, "--json", code=1))
    waits = check("jobs", cli("jobs", "--json"))[-1]["job"]
    assert check("cancel", cli("cancel", waits, "--json"))[0]["state"] == "cancelled"
    check("doctor", cli("doctor", "--offline", "--json"))
