"""A person's word on the numbered list of requirements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulcan.application.jobs.amendments import (
    AGREED,
    DECLINED,
    Amendment,
    Word,
    amend,
    items_of,
    numbered_list,
    parse_amendment,
    plain_words,
)
from vulcan.domain.errors import UserError
from vulcan.domain.requirements import AcceptanceCriterion, Assumption, Requirement, renumbered

LIST = Requirement(
    "Make add add",
    (AcceptanceCriterion("AC-1", "adds"), AcceptanceCriterion("AC-2", "takes floats")),
    (Assumption("AS-1", "no strings"),),
)


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("", Amendment(Word.AGREE)),
        ("OK", Amendment(Word.AGREE)),
        ("looks good!", Amendment(Word.AGREE)),
        ("2: takes decimals", Amendment(Word.EDIT, (2,), "takes decimals")),
        ("edit 2 to takes decimals", Amendment(Word.EDIT, (2,), "takes decimals")),
        ("3. strings are joined", Amendment(Word.EDIT, (3,), "strings are joined")),
        ("no 3", Amendment(Word.VETO, (3,))),
        ("veto 2 and 3: too much", Amendment(Word.VETO, (2, 3), "too much")),
        ("-2", Amendment(Word.VETO, (2,))),
        ("no 3 because they are joined", Amendment(Word.VETO, (3,), "they are joined")),
        ("No, it must also take 3 arguments", Amendment(Word.SAY, (), "No, it must also take 3 arguments")),
        ("also handle None", Amendment(Word.SAY, (), "also handle None")),
        ("okay but what about None", Amendment(Word.SAY, (), "okay but what about None")),
    ],
)
def test_words(said: str, word: Amendment) -> None:
    assert parse_amendment(said) == word


@pytest.mark.parametrize(
    "said",
    [
        "no 2 people use it alike",
        "No 3 retries are enough",
        "no 2, 3 retries are enough",
        "not 2 but 3 retries",
        "drop 2 of the retries",
        "remove 2 spaces from the output",
        "remove 1-second delays",
        "-1 is returned for an empty list",
        "-1.5 is rounded to -2",
        "3 retries are enough",
        "3.5 seconds is the limit",
        "2.0 is printed, never 2",
        "10:30 is printed as 10.30",
        "1=1 holds",
        "edit 2 files only",
        "change 5 seconds to 10",
        "change 2 to 3 retries",
        "no 99999999999999999999",
        "...",
        "!",
    ],
)
def test_prose_that_has_a_number_in_it_is_for_the_analyst(said: str) -> None:
    assert parse_amendment(said) == Amendment(Word.SAY, (), said)


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("/edit 2 takes decimals", Amendment(Word.EDIT, (2,), "takes decimals")),
        ("/edit 2 3 decimals at least", Amendment(Word.EDIT, (2,), "3 decimals at least")),
        ("/veto 2 floats, too", Amendment(Word.VETO, (2,), "floats, too")),
        ("veto 3 they are joined", Amendment(Word.VETO, (3,), "they are joined")),
        ("drop 2. It is too much", Amendment(Word.VETO, (2,), "It is too much")),
        ("no 2, 3 and 4", Amendment(Word.VETO, (2, 3, 4))),
        ("no 3 - they are joined", Amendment(Word.VETO, (3,), "they are joined")),
        ("remove 2.", Amendment(Word.VETO, (2,))),
        ("2:takes decimals", Amendment(Word.EDIT, (2,), "takes decimals")),
        ("change 2 to takes decimals", Amendment(Word.EDIT, (2,), "takes decimals")),
    ],
)
def test_words_on_an_item(said: str, word: Amendment) -> None:
    assert parse_amendment(said) == word


@given(st.text(max_size=60))
def test_every_line_says_something(said: str) -> None:
    assert parse_amendment(said).word in Word


def test_listed_words_are_found_and_have_one_meaning() -> None:
    assert not AGREED & DECLINED
    for said in AGREED:
        assert parse_amendment(f" {said.upper() if said.isascii() else said}! ").word is Word.AGREE
    for said in DECLINED:
        assert plain_words(said) in DECLINED
        assert parse_amendment(said).word is Word.SAY


def test_the_list_numbers_criteria_and_assumptions_through() -> None:
    lines = numbered_list(LIST)

    assert lines[0] == "Goal: Make add add"
    assert lines[1].strip().startswith("1. adds")
    assert lines[3].strip() == "3. no strings  (AS-1, assumed)"
    assert len(items_of(LIST)) == 3


def test_an_edit_changes_one_text_and_no_number() -> None:
    amended = amend(LIST, parse_amendment("2: takes decimals"))

    assert amended.requirement.criteria[1] == AcceptanceCriterion("AC-2", "takes decimals")
    assert amended.question == ""


def test_a_vetoed_criterion_is_dropped_and_the_others_keep_their_numbers() -> None:
    amended = amend(LIST, parse_amendment("no 1"))

    assert [c.id for c in amended.requirement.criteria] == ["AC-2"]
    assert amended.question == ""


def test_a_vetoed_assumption_and_a_reason_are_for_the_analyst() -> None:
    assert (
        amend(LIST, parse_amendment("no 3: join them")).question
        == "This does not hold: no strings\njoin them"
    )
    assert amend(LIST, parse_amendment("no 3")).question == "This does not hold: no strings"
    assert "takes floats" in amend(LIST, parse_amendment("no 2, decimals instead")).question


@pytest.mark.parametrize("said", ["no 4", "0: x", "no 1 and 2"])
def test_what_can_not_be_is_said(said: str) -> None:
    with pytest.raises(UserError):
        amend(LIST, parse_amendment(said))


def test_criteria_that_stand_keep_their_numbers_when_the_analyst_works_them_out_again() -> None:
    revised = Requirement(
        "Make add add", (AcceptanceCriterion("AC-1", "new"), AcceptanceCriterion("AC-2", "takes floats"))
    )

    assert [(c.id, c.text) for c in renumbered(revised, LIST).criteria] == [
        ("AC-3", "new"),
        ("AC-2", "takes floats"),
    ]
