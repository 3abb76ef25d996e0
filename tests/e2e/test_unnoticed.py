"""Whole jobs whose tests would not notice if a part of the change were missing."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from conftest import ANALYSIS, REVIEW, Cli, reply

pytestmark = pytest.mark.sandbox
Recording = Callable[[Sequence[str]], str]
TEST_FILE = "tests/test_add.py"
ADDS = "    assert add(2, 3) == 5\n"
REFUSES = "    with pytest.raises(ValueError):\n        add(1, None)\n"
GUARDED = "if b is None:\n        raise ValueError(b)\n    return a + b"


def author(round_: int, body: str) -> tuple[str, ...]:
    content = f"import pytest\nfrom calc import add\n\n\ndef test_add():\n{body}"
    submitted = {"tests": [{"test": f"{TEST_FILE}::test_add", "criteria": ["AC-1"]}]}
    key = f"write_tests/{round_}/test_author"
    return (
        reply(f"{key}/0", ("write", {"path": TEST_FILE, "content": content})),
        reply(f"{key}/1", ("submit_tests", submitted)),
    )


CODER = (
    reply("generate/1/coder/0", ("edit", {"path": "calc.py", "old": "return a - b", "new": GUARDED})),
    reply("generate/1/coder/1", text="Done."),
)


def test_an_error_that_no_test_provokes_goes_to_the_test_author(
    cli: Cli, project: Path, recording: Recording
) -> None:
    model = recording((ANALYSIS, *CODER, REVIEW, *author(1, ADDS), *author(2, ADDS + REFUSES)))
    out = cli("run", "Make add add", "--repo", str(project), "--model", model)
    assert "✗ mutation" in out
    assert "verdict: PROVEN" in out
    events = [json.loads(line) for line in cli("show", "--json", "--events").splitlines()]
    runs = [e["payload"]["report"]["mutation"] for e in events if e["event"] == "TestsRun"]
    assert len(runs) == 2
    verdicts = [e["payload"]["verdict"] for e in events if e["event"] == "EvidenceJudged"]
    gate = next(g for g in verdicts[0]["gates"] if g["gate"] == "mutation")
    assert [f["line"] for f in gate["findings"]] == [3]
    assert "No test runs this line of the change: `raise ValueError(b)`" in gate["findings"][0]["text"]
    raised = [next(m for m in run["mutants"] if m["operator"] == "statement removed") for run in runs]
    assert [each["outcome"] for each in raised] == ["not run", "killed"]
    assert [each.get("told", False) for each in raised] == [False, True]


def test_one_that_stays_is_named_and_no_more_asked_for(cli: Cli, project: Path, recording: Recording) -> None:
    pair = "    assert add(1, 1) == 2\n"
    model = recording((ANALYSIS, *CODER, REVIEW, *author(1, ADDS), *author(2, ADDS + pair)))
    out = cli("run", "Make add add", "--repo", str(project), "--model", model)
    assert "✓ mutation" in out
    assert "by none: calc.py:3" in cli("show")
