"""The whole job on a Dust workspace: proven, also while requests to it are cut, delayed and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import ANALYSIS, CALC, GOOD_JOB, REVIEW, TESTS, Cli, git, make_repository, reply
from fakes.dust_server import Chaos, DustServer, dusty, replaying

pytestmark = pytest.mark.sandbox
TURNS = 60


def run(cli: Cli, project: Path, server: DustServer, *more: str, code: int = 0) -> str:
    environment = {
        "DUST_WORKSPACE_ID": "w1",
        "DUST_API_KEY": "sk-test",
        "VULCAN_DUST_URL": server.url,
        "VULCAN_DUST_MESSAGES_PER_MINUTE": "600",
    }
    model = "dust:claude-sonnet-4-6"
    return cli(
        "run", "Make add add", "--repo", str(project), "--model", model, *more, code=code, **environment
    )


def tree(cli: Cli, project: Path) -> str:
    branch = json.loads(cli("show", "--json"))["delivery"]["branch"]
    return git(project, "rev-parse", f"{branch}^{{tree}}")


def test_a_job_on_dust_is_proven(cli: Cli, project: Path) -> None:
    with dusty(replaying(GOOD_JOB), credits_each=1.5) as server:
        out = run(cli, project, server)
    assert "verdict: PROVEN" in out
    assert "sk-test" not in out
    assert "merged #1" in cli("approve")
    assert git(project, "show", "main:calc.py").endswith("return a - b"), "the person's branch is not touched"


def test_credits_are_shown_by_source_and_limited(cli: Cli, project: Path) -> None:
    with dusty(replaying(GOOD_JOB), credits_each=1.5) as server:
        out = run(cli, project, server)
        page, report = cli("show"), json.loads(cli("show", "--json"))
        assert "9.0 credits" in out
        assert "- coder: 2 model calls, ~" in page
        assert report["usage"]["credits"] == 9.0
        assert report["usage_by_stage"]["generate"]["credits"] == 3.0
        assert "9.0 credits" in cli("stats")
        assert "9.0 credits" in cli("ask", json.loads(cli("jobs", "--json"))["job"], "what did it cost?")
        assert "the price of the model is unknown" in cli("show", "--events")
    with dusty(replaying(GOOD_JOB), credits_each=1.5) as server:
        out = run(cli, project, server, "--max-credits", "3.5", code=5)
    assert "budget warning: credits: 3.0 credits used of 3.5" in out
    assert "credits: 4.5 credits used of 3.5" in out, "overshoot of one call"


def long_job() -> list[str]:
    """A coder that takes 60 turns: each change builds on the one before, so that a lost or doubled turn shows."""
    turns = [("edit", {"path": "calc.py", "old": "a - b", "new": "a + b"})]
    turns.append(("write", {"path": "steps.py", "content": "STEPS = [\n    0,\n]\n"}))
    for step in range(1, TURNS - 2):
        change = {"path": "steps.py", "old": f"    {step - 1},\n]", "new": f"    {step - 1},\n    {step},\n]"}
        turns.append(("edit", change))
    lines = [reply(f"generate/1/coder/{n}", call) for n, call in enumerate(turns)]
    return [ANALYSIS, *lines, reply(f"generate/1/coder/{TURNS - 1}", text="All is done."), REVIEW, *TESTS]


def test_sixty_turns_under_faults_end_with_the_same_tree(cli: Cli, reachable: Path) -> None:
    script = replaying(long_job())
    calm, rough = (make_repository(reachable / name / "calc", CALC) for name in ("calm", "rough"))
    with dusty(script) as server:
        assert "verdict: PROVEN" in run(cli, calm, server)
    expected = tree(cli, calm)
    chaos = Chaos(1, 0.05)
    with dusty(script, chaos=chaos) as server:
        assert "verdict: PROVEN" in run(cli, rough, server)
    assert tree(cli, rough) == expected
    assert "    57,\n" in git(rough, "show", f"{expected}:steps.py") + "\n"
    assert len(chaos.done) >= 5, chaos.done
    assert len(set(chaos.done)) >= 3, chaos.done
