"""An answer in blocks: code and lists belong to what introduces them, and one source stands for no other statement."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulcan.application.conversation.blocks import Block, BlockReader
from vulcan.application.conversation.citations import Sources, complaint
from vulcan.application.conversation.questions import CheckedBlocks

SOURCES = Sources(frozenset(range(1, 13)), frozenset(["red-green"]), {"src/a.py": 40}.get)
CODE = "```python\nexcept SignatureExpired:\n\n    return x[1, 99]  # event 99, see [event 98]\n```"
TABLE = "| when | what [event 1] |\n|---|---|\n| now | that |"


def blocks(text: str) -> list[str]:
    reader = BlockReader()
    found = [*map(reader.add, text.split("\n")), reader.end()]
    return [block.text for block in found if block]


@pytest.mark.parametrize(
    "whole",
    [
        f"It reads the header first [src/a.py:4]:\n\n{CODE}",
        f"It reads the header first [src/a.py:4].\n{CODE}",
        f"{CODE}\nThat is [src/a.py:4].",
        "Two lines\nwith one source [event 1].",
        "Three things [src/a.py:1-4]:\n- one\n- two\n\n- three",
        "- one\n- two [event 1]",
        "- one\n  goes on [event 1]",
        "## Head\n\nIt is so [event 1].",
        TABLE,
        "~~~\n```\n~~~",
    ],
)
def test_what_belongs_together_is_one_block(whole: str) -> None:
    assert blocks(whole) == [whole]
    assert blocks(f"{whole}\n\nAfter [event 2].") == [whole, "After [event 2]."]


@pytest.mark.parametrize(
    ("text", "apart"),
    [
        ("One [event 1].\nTwo.", ["One [event 1].", "Two."]),
        ("One.\n\nTwo [event 1].", ["One.", "Two [event 1]."]),
        ("- one [event 1]\n- two", ["- one [event 1]", "- two"]),
        ("I feel it.\nThat is not in the log.", ["I feel it.", "That is not in the log."]),
        ("That is not in the log.\nI feel it.", ["That is not in the log.", "I feel it."]),
    ],
)
def test_a_source_stands_for_its_own_block_only(text: str, apart: list[str]) -> None:
    assert blocks(text) == apart


def test_code_that_is_not_closed_hides_nothing_that_comes_after_it() -> None:
    assert blocks("See [event 1]:\n````\nx\n```") == ["See [event 1]:\n````\nx\n```\n````"]


@pytest.mark.parametrize(
    ("block", "right"),
    [
        (f"It is so [src/a.py:4]:\n\n{CODE}", True),
        (f"It is so:\n\n{CODE}", False),
        (f"It is so [event 99]:\n\n{CODE}", False),
        (f"That is not in the log.\n{CODE}", False),
        (CODE, False),
        (TABLE, True),
        ("I feel it.\nDo you mean that?", False),
        ("Do you mean that?", True),
        ("That is\nnot in the log.", True),
    ],
)
def test_a_block_needs_a_source_outside_of_its_code(block: str, right: bool) -> None:
    assert (complaint(Block(block), SOURCES) == "") == right


lines = st.sampled_from(
    [
        "",
        "a",
        "b [event 1].",
        "```",
        "~~~~",
        "- c",
        "- d [src/a.py:4]",
        "## e",
        "f:",
        "    g",
        "| h |",
        "not in the log",
    ]
)


@given(st.lists(lines, max_size=12), st.integers(1, 7))
def test_an_answer_that_comes_in_pieces_is_judged_like_the_whole_and_loses_nothing(
    written: list[str], size: int
) -> None:
    text = "\n".join(written)
    given_lines = [line for line in written if line.strip()]
    kept = [line for block in blocks(text) for line in block.split("\n") if line.strip()]
    assert kept[: len(given_lines)] == given_lines
    assert len(kept) <= len(given_lines) + 1  # the end of code that was not closed
    shown: list[str] = []
    whole, pieces = CheckedBlocks(SOURCES, str), CheckedBlocks(SOURCES, shown.append)
    whole.end(text)
    for at in range(0, len(text), size):
        pieces.add(text[at : at + size])
    pieces.end(text)
    assert (pieces.shown, pieces.refused) == (whole.shown, whole.refused)
    assert "".join(shown) == (f"{whole.text}\n" if whole.shown else "")
