"""Intents without a model: exact, total, and never surer than the words are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulcan.application.conversation.blocks import Block
from vulcan.application.conversation.citations import Sources, complaint
from vulcan.application.conversation.commands import COMMANDS, help_text
from vulcan.application.conversation.recognise import Situation, agreement, recognise, refusal
from vulcan.application.conversation.words import FINAL, is_order, is_question
from vulcan.domain.errors import UserError
from vulcan.domain.job import WaitingFor
from vulcan.domain.messages import Intent, Proposal

NOTHING = Situation()
IRREVERSIBLE = {Intent.NEW_JOB, Intent.APPROVAL, Intent.CANCEL, Intent.UNDO, Intent.REFUSAL}
situations = st.builds(
    Situation,
    job=st.sampled_from(["", "j1"]),
    ended=st.booleans(),
    busy=st.booleans(),
    waiting_for=st.none() | st.sampled_from(WaitingFor),
)


@given(st.text(max_size=80), situations)
def test_any_words_in_any_situation_have_at_most_one_reading(text: str, situation: Situation) -> None:
    try:
        understood = recognise(text, situation)
    except UserError:
        assert text.strip().startswith("/")
        return
    assert understood is None or understood.intent in Intent


@given(
    st.text(alphabet=st.characters(categories=["L", "N", "Zs", "P"]), min_size=25, max_size=200), situations
)
def test_prose_never_sets_off_what_costs_or_can_not_be_taken_back(text: str, situation: Situation) -> None:
    if text.strip().startswith("/"):
        return
    understood = recognise(text, situation)
    assert understood is None or understood.intent not in IRREVERSIBLE


@given(st.text(max_size=80), situations, st.booleans())
def test_a_yes_or_no_that_a_model_sees_has_a_reading_in_any_situation(
    text: str, situation: Situation, certain: bool
) -> None:
    agreed = agreement(text, situation, certain=certain)
    assert agreed.intent not in FINAL or not agreed.exact, "what can't be taken back is asked about"
    assert refusal(text, situation).intent in {Intent.SMALL_TALK, Intent.UNCLEAR, Intent.REFUSAL}


@pytest.mark.parametrize(
    "word", ["yes", "ok", "Do it!", "merge it", "approve", "cancel", "undo", "delete everything"]
)
def test_short_words_out_of_place_set_off_nothing(word: str) -> None:
    understood = recognise(word, NOTHING)
    assert understood is None or understood.intent not in IRREVERSIBLE


def test_a_yes_is_for_what_was_asked() -> None:
    asked = Proposal(Intent.CANCEL, "", "j1")
    understood = recognise("Yes.", Situation(job="j1", proposal=asked))
    assert understood is not None
    assert (understood.intent, understood.agreed) == (Intent.CANCEL, asked)
    assert recognise("yes, but not on a Friday", Situation(job="j1", proposal=asked)) is None


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_command_is_understood_and_explained(command: object) -> None:
    words = "1 x" if command.arguments else ""  # type: ignore[attr-defined]
    understood = recognise(f"/{command.name} {words}", NOTHING)  # type: ignore[attr-defined]
    assert understood is not None
    assert (understood.intent, understood.command) == (command.intent, command.name)  # type: ignore[attr-defined]
    assert f"/{command.name}" in help_text()  # type: ignore[attr-defined]


def test_a_wrong_command_names_near_ones() -> None:
    with pytest.raises(UserError) as caught:
        recognise("/stats", NOTHING)
    assert "/status" in caught.value.hint
    with pytest.raises(UserError):
        recognise("/", NOTHING)


def test_what_a_command_takes_may_begin_on_the_next_line() -> None:
    understood = recognise("/new\nMake add add\n\nand sub", NOTHING)
    assert understood is not None
    assert understood.text == "Make add add\n\nand sub"


@pytest.mark.parametrize(
    ("text", "order", "question"),
    [
        ("Add a --json flag to the list command", True, False),
        ("please fix the crash on empty input", True, False),
        ("Can you add a flag?", False, True),
        ("what does this do", False, True),
        ("The list is slow", False, False),
        ("wait, actually keep it as an alias", True, False),
        ("wait", False, False),
        ("Make it faster?", False, True),
    ],
)
def test_orders_and_questions(text: str, order: bool, question: bool) -> None:
    assert (is_order(text), is_question(text)) == (order, question)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Hi! Always keep annotations complete.", True),
        ("Never touch legacy.py", True),
        ("Remember: we deploy on Fridays. Prefer small functions.", True),
        ("Never mind", False),
        ("Always keep annotations complete. Fix the crash.", False),
        ("In this project, fix the crash", False),
        ("Remember what I said?", False),
        ("Hi!", False),
    ],
)
def test_what_only_states_something_to_keep_needs_no_model(text: str, kept: bool) -> None:
    understood = recognise(text, NOTHING)
    assert (understood is not None and "Kept" in understood.text) == kept


@pytest.mark.parametrize(
    ("said", "command"),
    [
        ("show me the diff pls", "diff"),
        ("Show me the diff, please!", "diff"),
        ("can you show the whole diff?", "diff"),
        ("could i see the changes", "diff"),
        ("can I see the changes?", "diff"),
        ("zeig mir bitte den diff", "diff"),
        ("zeig mir den Diff bitte", "diff"),
        ("let me see the patch now", "diff"),
        ("show the requirements", "plan"),
        ("run the tests", "test"),
        ("Can you please run all the unit tests again?", "test"),
        ("lass mal die Tests laufen", "test"),
        ("运行测试", "test"),
        ("run the tests in a container", None),
        ("run the tests of calc.py twice", None),
        ("show me the diff between a and b", None),
        ("show me the diff of calc.py", None),
        ("Show the changes in the report of the tool", None),
        ("show a diff in the output of the command", None),
    ],
)
def test_a_page_is_shown_where_that_is_all_that_is_asked(said: str, command: str | None) -> None:
    understood = recognise(said, Situation(job="j1"))
    shown = understood.command if understood and understood.intent is Intent.COMMAND else None
    assert shown == command


SOURCES = Sources(frozenset(range(1, 13)), frozenset(["red-green", "static checks"]), {"src/a.py": 40}.get)


@pytest.mark.parametrize(
    "line",
    [
        "It is so [event 12].",
        "It is so [events 3, 7].",
        "It is so [events 3-7; src/a.py:40].",
        "It is so [src/a.py:12-20, gate red-green].",
        "It is so [gate static checks].",
        "It is so `[event 1]`.",
        "That is not in the log.",
        "Because:",
        "Do you mean the first round?",
        "- - -",
        "An array such as x[0] matters [event 2].",
        "See [the guide](https://example.org) [event 2].",
        "Events of the mouse are handled [event 2].",
        "Round 2 handles the events 3-7 [events 3-7].",
        "It listens on http://db.example.com:5432 and example.com:80 [event 2].",
        "A slice such as x[1, 99] matters [event 2].",
        "A list `[1, 99]` is sorted [src/a.py:4].",
    ],
)
def test_lines_that_may_be_shown(line: str) -> None:
    assert complaint(Block(line), SOURCES) == ""


@pytest.mark.parametrize(
    "line",
    [
        "It is so.",
        "It is so [event 13].",
        "It is so [events 3, 70].",
        "It is so [event 0].",
        "It is so [events 7-3].",
        "It is so [src/a.py:41].",
        "It is so [src/a.py:0].",
        "It is so [src/a.py:30-41].",
        "It is so [src/b.py:1].",
        "It is so [gate forged].",
        "It is so [event 2] and so [event 99].",
        "It is so [event 2] and so [event 99](#).",
        "It is so [event 2, see event 99].",
        "It is so [events 2 and 99].",
        "It is so [event 2] [event #99].",
        "It is so [events 2\u201399] [event 2].",
        "It is so (event 99) [event 2].",
        "See event 99:",
        "Event 99 is not in the log.",
        "Is it as event 99 says?",
        "It is so [event 2] as src/a.py:41 shows.",
        "It is so [event 2] as `src/b.py:1` shows.",
        "It is so [event 2] [src/a.py line 99].",
        "It is so [event 2] [src/a.py#L99].",
        "It is so [event " + "9" * 5000 + "].",
        "It is so [src/a.py:" + "9" * 5000 + "].",
        "See [the guide](https://example.org).",
        "An array such as x[0] matters.",
    ],
)
def test_lines_that_may_not_be_shown(line: str) -> None:
    assert complaint(Block(line), SOURCES)


@given(st.text(max_size=120))
def test_any_line_is_judged(line: str) -> None:
    assert isinstance(complaint(Block(line), SOURCES), str)
