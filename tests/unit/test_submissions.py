"""What the analyst submits and gets back once."""

from __future__ import annotations

from vulcan.domain.statements import statements_of
from vulcan.infrastructure.agents.submissions import NO_DEMAND, SubmittedRequirements, loose_ends

STATEMENTS = statements_of("Make `add` add. It must still take 0.")


def submitted(*ties: str, context: tuple[str, ...] = ()) -> SubmittedRequirements:
    criteria = [{"text": "It adds", "kind": "new", "statements": list(ties)}]
    return SubmittedRequirements.model_validate(
        {"summary": "Make add add", "criteria": criteria, "context": list(context)}
    )


def test_all_tied_has_no_loose_ends() -> None:
    assert loose_ends(submitted("S1", "S2"), STATEMENTS) == ""


def test_calling_everything_context_goes_back() -> None:
    assert loose_ends(submitted(context=("S1", "S2")), STATEMENTS).startswith(NO_DEMAND)


def test_ids_that_the_instruction_does_not_have_go_back() -> None:
    told = loose_ends(submitted("S1", "S2", "S99"), STATEMENTS)
    assert "no statements of these ids: S99" in told


def test_an_instruction_that_was_not_taken_apart_has_no_loose_ends() -> None:
    assert loose_ends(submitted(), ()) == ""
