"""Exact edits: one place or a helpful refusal."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vulcan.domain.errors import ToolError
from vulcan.infrastructure.agents.edits import replace_once

SMALL = st.text("ab \n", max_size=8)


@given(SMALL, SMALL, SMALL, SMALL)
def test_a_single_occurrence_is_replaced_and_all_else_stays(
    before: str, old: str, new: str, after: str
) -> None:
    text = f"{before}<{old}>{after}"
    assume(old != new)
    assert replace_once(text, f"<{old}>", f"<{new}>", "f.py") == f"{before}<{new}>{after}"


@given(SMALL, st.text("ab\n", min_size=1, max_size=3), SMALL)
def test_an_edit_is_exact_or_refused(text: str, old: str, new: str) -> None:
    try:
        changed = replace_once(text, old, new, "f.py")
    except ToolError as error:
        refusal = error.message
    else:
        refusal = ""
        place = text.index(old)
        assert changed == text[:place] + new + text[place + len(old) :]
    assert (refusal == "") == (text.count(old) == 1 and old != new)


@pytest.mark.parametrize(
    ("text", "old", "new", "words"),
    [
        ("a", "", "b", "`old` is empty.*use write"),
        ("a", "a", "a", "nothing was changed"),
        ("a\nb\na\n", "a", "c", r"occurs 2 times in f\.py \(lines 1, 3\)"),
        ("x\n" * 9, "x", "y", r"occurs 9 times.*\(lines 1, 2, 3, 4, 5\)"),
        ("return a + b\n", "return a - b", "return a + b", "seems to be made. Go on"),
        ("", "zebra", "", "Nothing like it is there; read the file first"),
        ("def f():\n", "%%%%%%%%", "x", "Nothing like it"),
    ],
)
def test_a_refusal_says_why(text: str, old: str, new: str, words: str) -> None:
    with pytest.raises(ToolError) as caught:
        replace_once(text, old, new, "f.py")
    assert re.search(words, caught.value.message)


def test_an_insertion_keeps_its_anchor() -> None:
    assert replace_once("one two\n", "one", "one and", "f.py") == "one and two\n"


def test_the_nearest_text_is_shown_so_that_it_can_be_copied() -> None:
    text = "import os\n\n\ndef add(a, b):\n    total = a + b\n    return total\n\n\ndef rest():\n    pass\n"
    wanted = "def add(a, b):\n    totals = a + b\n    return total"
    with pytest.raises(ToolError) as caught:
        replace_once(text, wanted, "x", "f.py")

    assert "from line 4" in caught.value.message
    shown = "\n".join(caught.value.message.split("\n")[1:4])
    assert replace_once(text, shown, "x", "f.py").startswith("import os\n\n\nx\n")


@pytest.mark.parametrize("old", ["a = 1\nb = 2", "a = 1\r\nb = 2"])
def test_lines_that_end_in_cr_lf_can_be_edited_and_keep_their_ends(old: str) -> None:
    text = "a = 1\r\nb = 2\r\nc = 3\r\n"
    assert replace_once(text, old, "a = 2\nb = 3", "f.py") == "a = 2\r\nb = 3\r\nc = 3\r\n"
    assert replace_once(text, "c = 3", "c = 3\nd = 4", "f.py").endswith("c = 3\r\nd = 4\r\n")


def test_mixed_line_ends_are_left_as_the_model_gives_them() -> None:
    text = "a\r\nb\nc\n"
    assert replace_once(text, "b\nc", "x\ny", "f.py") == "a\r\nx\ny\n"
    with pytest.raises(ToolError, match="is not in"):
        replace_once(text, "a\nb", "x", "f.py")
