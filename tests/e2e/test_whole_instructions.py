"""Whole jobs whose instruction holds more than one demand: what the analyst and the test author leave out is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fakes.brain import APPROVED, EDIT, Brain, good_brain, said, tests_of
from fakes.model_server import Answer, calls, serving, text

Cli = Callable[..., str]

INSTRUCTION = (
    "Make add add: `add(2, 3)` is 5.\n"
    "- Adding 0 to 7 must still give 7.\n"
    "- We found this on a Monday.\n"
    "- `add(-1, -1)` must be -2.\n"
)


def reviewed(**unmet: str) -> Answer:
    demands = [
        {"statement": s, "met": s not in unmet, "place": unmet.get(s, "calc.py:2")}
        for s in ("S1", "S2", "S4")
    ]
    return calls(("submit_review", {"demands": demands, "findings": []}))


ADDS = "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
STAYS = "\n\ndef test_zero():\n    assert add(7, 0) == 7\n"
NEGATIVE = "\n\ndef test_negative():\n    assert add(-1, -1) == -2\n"
TIED = {"test_add": ["AC-1"], "test_zero": ["AC-2"], "test_negative": ["AC-3"]}
WRITE = tests_of(ADDS + STAYS + NEGATIVE, **TIED)


def submitted(*criteria: Any, **more: Any) -> Answer:
    return calls(("submit_requirements", {"summary": "Make add add", "criteria": list(criteria), **more}))


def criterion(text: str, *statements: Any, **more: Any) -> dict[str, Any]:
    return {"text": text, "statements": list(statements), **more}


ADD = criterion("add(2, 3) is 5", "S1")
ZERO = criterion("add(7, 0) stays 7", 2, kind="preserved")
MINUS = criterion("add(-1, -1) is -2", "s4")
CALC = "def add(a, b):\n    return b + a\n"
WHOLE = submitted(ADD, ZERO, MINUS, context=["S3"])


def brain_of(**scripts: Any) -> Brain:
    return good_brain(**({"reviewer": [reviewed()]} | scripts))


def run(cli: Cli, project: Path, brain: Brain, *more: str, code: int = 0) -> str:
    with serving(brain) as server:
        where = ("--model", "desk", "--base-url", server.url)
        return cli("run", INSTRUCTION, "--yes", "--repo", str(project), *where, *more, code=code)


def demands(cli: Cli) -> dict[str, str]:
    verdict = json.loads(cli("show", "--json"))["verdict"]
    return {each["statement"]: each.get("missing", "") for each in verdict["demands"]}


def test_all_demands_of_an_instruction_are_counted(cli: Cli, project: Path) -> None:
    brain = brain_of(analyst=[WHOLE], test_author=WRITE)
    out = run(cli, project, brain)
    assert "verdict: PROVEN" in out
    assert "3 of 3 demands shown" in out
    assert demands(cli) == {"S1": "", "S2": "", "S4": ""}
    (asked,) = brain.of("analyst")
    assert "S2: Adding 0 to 7 must still give 7." in said(asked)
    for agent in ("reviewer", "test_author"):
        assert "The coder said at the end (its word, nothing that was checked):\\nadd adds now." in said(
            brain.of(agent)[0]
        )
    assert "AC-2: add(7, 0) stays 7 (preserved) [from S2 with `0`, `7`]" in said(brain.of("test_author")[0])


def test_what_is_tied_to_nothing_goes_back_to_the_analyst(cli: Cli, project: Path) -> None:
    brain = brain_of(analyst=[submitted("add adds, also 0 and -1"), WHOLE], test_author=WRITE)
    assert "verdict: PROVEN" in run(cli, project, brain)
    first, second = brain.of("analyst")
    assert "tied to nothing" not in said(first)
    assert "S4: `add(-1, -1)` must be -2." in said(second).partition("tied to nothing")[2]


def test_a_demand_that_nobody_covers_is_proven_in_part_only(cli: Cli, project: Path) -> None:
    hurried = submitted(ADD, ZERO, context=["S3"])
    brain = brain_of(
        analyst=[hurried], test_author=tests_of(ADDS + STAYS, test_add=["AC-1"], test_zero=["AC-2"])
    )
    out = run(cli, project, brain, code=3)
    assert "verdict: proven in part" in out
    assert "2 of 3 demands shown; not shown: S4 (no criterion covers it)" in out
    assert len(brain.of("analyst")) == 2
    assert len(brain.of("coder")) == 2, "no round is spent on what only a person can settle"
    assert demands(cli)["S4"] == "no criterion covers it"


def test_a_demand_that_is_called_context_is_asked_for_once_and_shown(cli: Cli, project: Path) -> None:
    hurried = submitted(ADD, ZERO, context=["S3", "S4"])
    brain = brain_of(
        analyst=[hurried], test_author=tests_of(ADDS + STAYS, test_add=["AC-1"], test_zero=["AC-2"])
    )
    out = run(cli, project, brain)
    assert "taken as no demand: S4 (`add(-1, -1)` must be -2.)" in out
    assert "called context, but have words of demand" in said(brain.of("analyst")[1])


def test_a_literal_that_no_test_names_goes_back_to_the_test_author(cli: Cli, project: Path) -> None:
    vague = "\n\n# add(-1, -1)\ndef test_negative():\n    assert add(-4, -4) == -8  # add(-1, -1)\n"
    brain = brain_of(
        analyst=[WHOLE],
        test_author=[*tests_of(ADDS + STAYS + vague, **TIED), *tests_of(ADDS + STAYS + NEGATIVE, **TIED)],
    )
    out = run(cli, project, brain)
    assert "not shown: S4 (no test names" in out
    assert "verdict: PROVEN" in out
    assert "No test of AC-3 names `add(-1, -1)`" in said(brain.of("test_author")[2])


def test_what_the_test_author_can_not_test_is_proven_in_part_with_its_reason(cli: Cli, project: Path) -> None:
    vague = "\n\ndef test_negative():\n    assert add(-4, -4) == -8\n"
    write, submit = tests_of(ADDS + STAYS + vague, **TIED)
    tests = [{"test": f"tests/test_add.py::{name}", "criteria": tied} for name, tied in TIED.items()]
    given_up = [{"statement": "S4", "why": "a machine with minus is needed"}]
    submit = calls(("submit_tests", {"tests": tests, "not_testable": given_up}))
    out = run(cli, project, brain_of(analyst=[WHOLE], test_author=[write, submit]), code=3)
    assert "verdict: proven in part" in out
    assert "not shown: S4 (not testable: a machine with minus is needed)" in out


def test_a_bundle_goes_back_to_the_analyst(cli: Cli, project: Path) -> None:
    bundle = submitted(criterion("add adds, whatever", 1, 2, 4), context=["S3"])
    brain = brain_of(analyst=[bundle, WHOLE], test_author=WRITE)
    assert "3 of 3 demands shown" in run(cli, project, brain)
    told = said(brain.of("analyst")[1]).partition("These criteria bundle")[2]
    assert "S1, S2, S4: add adds, whatever" in told
    assert "tied to nothing" not in told


def test_a_review_that_looks_at_no_demand_is_asked_for_again(cli: Cli, project: Path) -> None:
    brain = brain_of(analyst=[WHOLE], test_author=WRITE, reviewer=[APPROVED, reviewed()])
    assert "verdict: PROVEN" in run(cli, project, brain)
    told = said(brain.of("reviewer")[1])
    assert "S4: `add(-1, -1)` must be -2." in told.partition("Submit the review again")[2]


def test_a_demand_that_the_reviewer_finds_unmet_goes_to_the_coder(cli: Cli, project: Path) -> None:
    review = [reviewed(S4="minus is forgotten"), reviewed()]
    coder = [EDIT, text("Done."), calls(("write", {"path": "calc.py", "content": CALC})), text("Mended.")]
    brain = brain_of(analyst=[WHOLE], test_author=WRITE, reviewer=review, coder=coder)
    assert "verdict: PROVEN" in run(cli, project, brain)
    assert "[review] S4 of the instruction is not met: minus is forgotten" in said(brain.of("coder")[2])


def test_the_same_tests_with_another_word_on_them_are_judged_anew(cli: Cli, project: Path) -> None:
    """A criterion that the analyst took for new holds already, as the red-green gate tells the author."""
    new = submitted(ADD, criterion("add(7, 0) is 7", 2), MINUS, context=["S3"])
    tests = [{"test": f"tests/test_add.py::{name}", "criteria": tied} for name, tied in TIED.items()]
    again = calls(("submit_tests", {"tests": tests, "holding_already": ["AC-2"]}))
    out = run(cli, project, brain_of(analyst=[new], test_author=[*WRITE, again]))
    assert "verdict: not proven" in out
    assert "verdict: PROVEN" in out
    assert "AC-2: new to the analyst, but held already" in out
