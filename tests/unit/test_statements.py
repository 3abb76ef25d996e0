"""The instruction taken apart: what is a statement, which literals it holds, and when a test names them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulcan.domain.statements import is_mentioned, literals_of, statements_of


def texts(instruction: str) -> list[str]:
    return [statement.text for statement in statements_of(instruction)]


@pytest.mark.parametrize(
    ("instruction", "found"),
    [
        ("Make add add", ["Make add add"]),
        ("", []),
        (" ?! ", []),
        ("# Title\n\nDo it.", ["Do it."]),
        ("Add a flag. It prints JSON! Does it sort?", ["Add a flag.", "It prints JSON!", "Does it sort?"]),
        ("Use blanks, e.g. two. Not tabs.", ["Use blanks, e.g. two.", "Not tabs."]),
        ('Read `a. B` and "c. D" (see X. Y) once.', ['Read `a. B` and "c. D" (see X. Y) once.']),
        ("Raise it; never return None.", ["Raise it;", "never return None."]),
        ("A line that\ngoes on. And\nanother.", ["A line that goes on.", "And another."]),
        ("- one\n- two\n  goes on\n\n* three", ["one", "two goes on", "three"]),
        ("1. one\n2) two\n   - [ ] nested\n   - [x] done", ["one", "two", "nested", "done"]),
        ("| in | out |\n|----|:---:|\n| 1k | 1000 |\n| 2k | 2000 |", ["| 1k | 1000 |", "| 2k | 2000 |"]),
        ("See:\n```python\n>>> f(1)\n2\n```\nand so on", ["See:", "```\n>>> f(1)\n2\n```", "and so on"]),
        ("~~~\nnever closed", ["```\nnever closed\n```"]),
        ("Die Ausgabe bleibt, z.B. leer. Sonst nicht.", ["Die Ausgabe bleibt, z.B. leer.", "Sonst nicht."]),
        ("必须返回零。否则报错！", ["必须返回零。", "否则报错！"]),  # noqa: RUF001
        ("空なら例外。それ以外は零。", ["空なら例外。", "それ以外は零。"]),
        ("Add it to setup.cfg and v1.2.3 of a.py", ["Add it to setup.cfg and v1.2.3 of a.py"]),
    ],
)
def test_an_instruction_is_split(instruction: str, found: list[str]) -> None:
    assert texts(instruction) == found


def test_statements_are_numbered() -> None:
    assert [s.id for s in statements_of("One. Two. Three.")] == ["S1", "S2", "S3"]


@pytest.mark.parametrize(
    "demand",
    [
        "It must sort.",
        "Never in other cases.",
        "An empty text raises ValueError.",
        "Die Ausgabe darf nicht leer sein.",
        "Le fichier ne doit jamais changer.",
        "Debe ser siempre igual.",
        "必须返回零。",
    ],
)
def test_words_of_demand_are_seen(demand: str) -> None:
    assert all(statement.demanding for statement in statements_of(demand))


def test_background_has_no_words_of_demand() -> None:
    assert not any(s.demanding for s in statements_of("Hello there. We use it in the shop."))


@pytest.mark.parametrize(
    ("text", "literals"),
    [
        ("Nothing here", ()),
        ('Accept "10 kB" and `KB`', ("10 kB", "KB")),
        ("It's the user's file: 'x y'", ("x y",)),
        ("Rejects „leer“ and «vide» and 「空」", ("leer", "vide", "空")),
        ("Exit code 2 with --dry-run and -v", ("2", "--dry-run", "-v")),
        ("At most 1,000,000 or 1_024 or 2.5", ("1000000", "1024", "2.5")),
        ("Nimm 3,5 als Menge", ("3,5",)),
        ("From 1,2 to 12,345.5, then -2,000", ("1,2", "12345.5", "-2000")),
        ("Raises ValueError, not CalledProcessError", ("ValueError", "CalledProcessError")),
        ("Change src/a/b.py and README.md", ("src/a/b.py", "README.md")),
        ("Add `parse_size(text)` and `f(x: int, *args) -> str`", ("parse_size", "f")),
        ("So `add(2, 3)` is 5", ("add(2, 3)", "5")),
        ("Add `call(f, times=3, on=None)`", ("call",)),
        ("Add `call(f: Callable, *, times: int = 3)`", ("call",)),
        ("So `call(times=0)` must fail", ("call(times=0)",)),
        ("See #12, v1.2 and utf-8", ()),
        ("`a` and `a`", ("a",)),
    ],
)
def test_literals_are_found(text: str, literals: tuple[str, ...]) -> None:
    assert literals_of(text) == literals


@pytest.mark.parametrize(
    ("literal", "text", "named"),
    [
        ("KB", 'parse("1 KB")', True),
        ("KB", 'parse("1 kb")', False),
        ("10 kB", '(10, "kB")', True),
        ("add(2, 3)", "add, [(2, 3, 5)]", True),
        ("5", "15 + 5.5", False),
        ("3,5", "amount('3,5') == 3.5", True),
        ("3,5", "amount == 35", False),
        ("5", "== 5.", True),
        ("5000", "limit=5_000", True),
        ("-1", "f(-1)", True),
        ("\\r\\n", 'b"a\\r\\n"', True),
        ("\t", '"a\\tb"', True),
        ("???", "what", False),
    ],
)
def test_a_literal_is_named_or_not(literal: str, text: str, named: bool) -> None:
    assert is_mentioned(literal, text) is named


@given(st.text(alphabet=st.sampled_from("aB1 .`\"'|-*#\n(;)。!~é5"), max_size=200))
def test_no_word_of_prose_is_dropped(instruction: str) -> None:
    """Whatever it looks like, splitting ends, and each literal is one of its own statement's text."""
    statements = statements_of(instruction)
    assert [s.id for s in statements] == [f"S{n}" for n in range(1, len(statements) + 1)]
    for statement in statements:
        assert statement.text.strip()
        for literal in statement.literals:
            assert is_mentioned(literal, statement.text)


@pytest.mark.parametrize(
    "part",
    [
        "a.",
        "a. ",
        "-",
        "| - ",
        "`f(a",
        "`",
        "`a` . ",
        '"',
        "(",
        "x(",
        "aaaa",
        "1,",
        "--a",
        "Error",
        "“",
        "'a ",
        "- ",
        "```\n",
    ],
)
@pytest.mark.timeout(60)
def test_no_text_takes_forever(part: str) -> None:
    statements = statements_of(part * (20_000 // len(part)))
    assert [s.id for s in statements] == [f"S{n}" for n in range(1, len(statements) + 1)]
    assert literals_of(f"«f({'a' * 500}!»") == (f"f({'a' * 500}!",), "no signature, and not tried for ever"
    literals_of(f"`f({part * 500}!`")


WORDS = st.lists(st.sampled_from(["alpha", "beta", "gamma", "Delta"]), min_size=1, max_size=5).map(" ".join)


@given(
    st.lists(WORDS, min_size=1, max_size=8), st.sampled_from(["- {}", "{}.", "1. {}", "| {} |", "* [ ] {}"])
)
def test_every_line_is_in_a_statement(lines: list[str], form: str) -> None:
    whole = " ".join(texts("\n".join(form.format(line) for line in lines)))
    assert all(word in whole for line in lines for word in line.split())


def test_names_of_parameters_need_not_be_named() -> None:
    instruction = "Add `call(f, times=3)`. It calls `f` at most `times` times, and never `g`."
    assert [each.literals for each in statements_of(instruction)] == [("call",), ("g",)]
