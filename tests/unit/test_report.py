"""The evidence report says what was asked, what proves it, what it cost, and what to do where it is not proven."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fakes.cases import GOOD, GOOD_REPORT, NEW, PROOF, REQUIREMENT
from fakes.sample_events import replied, requested
from vulcan.application.report import (
    machine_report,
    merge_message,
    next_steps,
    pull_request_body,
    release_notes,
)
from vulcan.domain.budget import Budget, Usage
from vulcan.domain.evidence import Finding, Owner, Severity
from vulcan.domain.gates import GATES, Case, judge
from vulcan.domain.job import Job
from vulcan.domain.requirements import AcceptanceCriterion, Assumption
from vulcan.domain.statements import statements_of
from vulcan.domain.testing import RedGrade, TestCoverage


def job(case: Case = GOOD, **changes: Any) -> Job:
    usage = replied(cost=0.25).usage
    known = {
        "request": requested("Make `add`\nadd"),
        "requirement": case.requirement,
        "generation": case.generation,
        "testing": case.testing,
        "report": case.report,
        "verdict": judge(case),
        "usage": usage,
        "usage_by_agent": {"coder": usage},
    }
    return replace(Job(), **(known | changes))


def body(case: Case = GOOD, **changes: Any) -> str:
    return pull_request_body("j1", job(case, **changes))


UNPROVEN = replace(
    GOOD, report=replace(GOOD_REPORT, red_green=(replace(PROOF, grade=RedGrade.PASSES, red_reason=""),))
)


def test_a_proven_change() -> None:
    text = body()
    assert text.startswith("**Proven.**")
    assert "**Asked:** Make `add` add\n" in text
    assert f"| ✅ | **AC-1** add(2, 3) is 5 | `{NEW}` | tests |" in text
    assert f"| ✅ | `{NEW}` | A: assert -1 == 5 | passes |" in text
    assert text.count("| ✅ |") == 1 + len(GATES) + 1
    assert "Changed lines run by the new tests: 100 % of 2 lines. Sandbox: bubblewrap." in text
    assert "- coder: 1 model calls, 1,000 tokens in, 200 out, $0.2500" in text
    assert text.endswith("Vulcan-Job: j1\n")
    assert "What is open" not in text


def test_a_change_that_is_not_proven_says_what_was_tried_and_what_to_do() -> None:
    finding = Finding("red-green", Owner.TEST_AUTHOR, "it passes without the change")
    text = body(UNPROVEN, findings=(finding,), history=("round 1: not proven (red-green)",))
    assert text.startswith("**Not proven.**")
    assert "| ❌ | **AC-1**" in text
    assert f"| ❌ | `{NEW}` | passes | passes |" in text
    assert "- round 1: not proven (red-green)" in text
    assert "- red-green (test author): it passes without the change" in text
    assert "vulcan undo" in text


def test_before_any_evidence_nothing_is_claimed() -> None:
    text = body(verdict=None, report=None, testing=None)
    assert text.startswith("**Not proven.**")
    assert "| ❔ | **AC-1** add(2, 3) is 5 | - | code |" in text
    assert "### Gates" not in text
    assert "### Red and green" not in text


def test_assumptions_warnings_and_unknown_figures_are_shown() -> None:
    case = replace(
        GOOD,
        requirement=replace(REQUIREMENT, assumptions=(Assumption("AS-1", "numbers only"),)),
        report=replace(GOOD_REPORT, coverage=TestCoverage()),
    )
    warning = Finding("ruff", Owner.CODER, "E501", Severity.WARNING, "calc.py")
    text = body(case, warnings=(warning,), usage=Usage(1, 5, 0, 5, None))
    assert "- AS-1: numbers only" in text
    assert "- ruff: E501 (calc.py)" in text
    assert "not measured" in text
    assert "all agents: 1 model calls, 5 tokens in, 5 out, price unknown" in text


@pytest.mark.parametrize("text", ["a | b", "a\nb", "  a   b "])
def test_a_criterion_stays_in_its_row(text: str) -> None:
    criteria = (AcceptanceCriterion("AC-1", text),)
    shown = body(replace(GOOD, requirement=replace(REQUIREMENT, criteria=criteria)))
    (row,) = [line for line in shown.splitlines() if "**AC-1**" in line]
    assert row.replace("\\|", "").count("|") == 5


def test_next_steps_name_what_is_open_and_the_branch() -> None:
    text = next_steps(job(findings=(Finding("g", Owner.CODER, "one\nthing"),)))
    assert text.startswith("Open: one thing. Finish the work on the job's branch")
    assert "--rounds" not in text, "rounds were not what ended it"
    assert "--rounds" in next_steps(job(budget=Budget(rounds=1)))


def test_criteria_are_shown_as_they_were_said() -> None:
    criteria = (AcceptanceCriterion("AC-1", "prints a   b"),)
    assert "prints a   b" in body(replace(GOOD, requirement=replace(REQUIREMENT, criteria=criteria)))


def test_messages_of_merge_and_release() -> None:
    assert merge_message("j1", job(), 7) == "Make add add (#7)\n\nVulcan-Job: j1\n"
    assert release_notes("j1", job(), "v0.1.0") == "v0.1.0\n\n- add(2, 3) is 5\n\nVulcan-Job: j1\n"


@pytest.mark.parametrize("text", ["fine", "é", "\udcff"])
def test_the_report_for_machines_is_ascii_json_of_everything(text: str) -> None:
    requirement = replace(REQUIREMENT, summary=text)
    shown = machine_report("j1", job(requirement=requirement))
    data = json.loads(shown)
    assert shown.isascii()
    assert (data["job"], data["proven"], data["outcome"]) == ("j1", True, None)
    assert data["requirement"]["summary"] == text
    assert data["verdict"]["commit"] == "tests"
    assert data["report"]["red_green"][0]["test"] == NEW
    assert data["usage"]["cost"] == 0.25
    assert json.loads(machine_report("j1", Job()))["verdict"] is None


IN_PART = replace(
    GOOD,
    requirement=replace(
        REQUIREMENT,
        criteria=(replace(REQUIREMENT.criteria[0], statements=("S1",)),),
        statements=statements_of("Make add add. It must never | print. So it must be."),
        context=("S3",),
    ),
)


def test_what_is_not_shown_comes_first() -> None:
    text = body(IN_PART)
    assert text.startswith(
        "**Proven in part.** All that is shown holds, but 1 of 2 demands of the instruction are not shown: S2."
    )
    assert "Look at these by hand." in text
    rows = text.partition("### Demands")[2].partition("### Criteria")[0].splitlines()
    assert [row.split(" | ")[0] for row in rows if row.startswith("| ") and "Demand" not in row] == [
        "| ❌",
        "| ✅",
        "| ❔",
    ]
    assert "| ❌ | **S2** It must never \\| print. | not shown: no criterion covers it |" in rows
    assert "| ❔ | So it must be. | taken as no demand |" in rows


def test_the_coders_remark_is_told_as_its_own_words() -> None:
    generation = replace(
        GOOD.generation, metadata=replace(GOOD.generation.metadata, summary="**Done**, but slow.")
    )
    text = body(replace(GOOD, generation=generation))
    assert "Its own words, not part of the evidence: " in text
    assert "**Done**" not in text
