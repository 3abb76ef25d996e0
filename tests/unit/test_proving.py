"""The rules of a recipe's proof, and how it is written into settings that hold more than it."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.cases import result, run
from vulcan.domain.baseline import Baseline, TestEstimate
from vulcan.domain.environment import Proof, Recipe, ReportForm
from vulcan.domain.errors import UserError
from vulcan.domain.proving import Fault, Trials, gap, proof_of
from vulcan.domain.testing import Outcome
from vulcan.infrastructure.recipe_settings import parse_recipes
from vulcan.infrastructure.recipe_writing import recipe_toml, with_recipe, write_recipe

FILES = tuple(f"tests/test_{n}.py" for n in range(10))
ALL = tuple(result(f"{path}::test_it") for path in FILES)
FAILING = result("tests/test_0.py::test_fails", Outcome.FAILED)
ESTIMATE = TestEstimate(10, FILES)
NOTICED = Fault("calc.py::add emptied", (ALL[0].id,))
GOOD = Trials(run(*ALL), ESTIMATE, run(*ALL), (Fault("calc.py::idle emptied"), NOTICED))


def without(number: int) -> tuple[object, ...]:
    return tuple(replace(each, outcome=Outcome.FAILED) if n < number else each for n, each in enumerate(ALL))


def test_two_builds_with_the_same_passes_and_a_noticed_fault_are_a_proof() -> None:
    assert GOOD.proven
    assert proof_of(GOOD, "d") == Proof(10, 0, 10, "d")


@pytest.mark.parametrize(
    ("trials", "objection"),
    [
        (
            replace(GOOD, first=run(note="pytest could not start")),
            "the first build from scratch sees 0 of about 10",
        ),
        (
            replace(GOOD, second=run(note="the test run took longer than 9 s")),
            "the second build from scratch sees 0",
        ),
        (replace(GOOD, first=run(*ALL[:8])), "the first build from scratch sees 8"),
        (replace(GOOD, first=run(), estimate=TestEstimate()), "sees no test that passes"),
        (replace(GOOD, estimate=TestEstimate(21)), "sees 10 of about 21 tests"),
        (replace(GOOD, second=None), "it was built once only"),
        (replace(GOOD, second=run(*without(2))), "only 8 of 10 tests pass in both builds"),
        (replace(GOOD, broken=("setup: make x: no",)), "a command fails: setup: make x: no"),
        (replace(GOOD, faults=()), "no place was found where a fault could be planted"),
        (replace(GOOD, faults=GOOD.faults[:1]), "although a fault was planted: calc.py::idle emptied"),
    ],
)
def test_what_speaks_against_a_recipe(trials: Trials, objection: str) -> None:
    assert not trials.proven
    assert objection in trials.objections[0]


def test_few_unstable_tests_are_named_and_left_out() -> None:
    trials = replace(GOOD, first=run(*ALL, FAILING), second=run(*without(1), FAILING))
    assert trials.proven
    assert trials.unstable == ("tests/test_0.py::test_it",)
    assert proof_of(trials, "d") == Proof(9, 1, 10, "d")


def test_a_trial_that_can_prove_nothing_any_more_is_the_last() -> None:
    assert not replace(GOOD, second=None, faults=()).lost
    assert replace(GOOD, first=run(*ALL[:8])).lost
    assert replace(GOOD, second=run(*without(2))).lost


@pytest.mark.parametrize(
    ("proof", "words"),
    [
        (None, ""),
        (Proof(10, digest="d"), ""),
        (Proof(10), ""),
        (Proof(9, digest="d"), ""),
        (Proof(11, digest="d"), "10 tests pass, 11 did when it was made"),
        (Proof(10, digest="other"), "the recipe's proof is of other dependencies"),
    ],
)
def test_a_look_says_where_a_proof_does_not_hold_any_more(proof: Proof | None, words: str) -> None:
    found = gap(proof, run(*ALL), "d")
    assert words in found
    assert bool(words) == bool(found)
    told = Baseline(run(*ALL), ESTIMATE, gap=found).in_words
    assert told.endswith("(renew it with: vulcan setup)" if words else "sees 10 of 10 tests")


# ------------------------------------------------------------------------------------------------ writing

RECIPE = Recipe(
    setup=("make 'a \"b\"'", "x\\y"),
    command="npm test",
    report=ReportForm.JUNIT,
    report_path="out/junit.xml",
    proof=Proof(3, 1, 2, "abc"),
)
OTHERS = """\
# ours
checks = ["make lint"] # never forget

[[environment]] # the library
path = "lib"
command = "pytest"

[[environment]]
# of long ago
command = "old"
report = "tap"

[tests]
timeout = 5 # seconds
"""


def read_back(text: str) -> tuple[Recipe, ...]:
    return parse_recipes("vulcan.toml", tomllib.loads(text)["environment"], by_repository=True)


def test_a_recipe_is_read_back_as_it_was_written() -> None:
    (found,) = read_back(recipe_toml(RECIPE))
    assert found == replace(RECIPE, source="vulcan.toml", by_repository=True)
    assert found.proof == RECIPE.proof


def test_nothing_but_the_table_of_its_path_is_replaced() -> None:
    text = with_recipe(OTHERS, RECIPE)
    assert [each.path for each in read_back(text)] == ["lib", "."]
    assert read_back(text)[1].command == "npm test"
    for line in (
        "# ours",
        "# never forget",
        '[[environment]] # the library\npath = "lib"',
        "timeout = 5 # seconds",
    ):
        assert line in text
    assert "old" not in text
    assert tomllib.loads(text)["tests"] == {"timeout": 5}


def test_what_a_repository_may_not_say_is_not_written() -> None:
    (found,) = read_back(recipe_toml(Recipe(python="/opt/python", services=("redis",))))
    assert (found.python, found.services) == ("", ())


@given(st.text(), st.text(min_size=1))
def test_whatever_a_command_holds_settings_read_it_back(step: str, command: str) -> None:
    step, command = step.replace("\0", ""), command.replace("\0", "") or "x"
    recipe = Recipe(setup=(step,), command=command, report=ReportForm.TAP)
    (found,) = read_back(recipe_toml(recipe))
    assert (found.setup, found.command) == (recipe.setup, recipe.command)


def test_a_new_file_takes_over_what_pyproject_says_of_vulcan(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n\n[tool.vulcan.tests]\ntimeout = 5\n')
    said = write_recipe(tmp_path, RECIPE)
    assert "were copied to it and count there no more" in said
    text = (tmp_path / "vulcan.toml").read_text()
    assert tomllib.loads(text)["tests"] == {"timeout": 5}
    assert read_back(text)[0].command == "npm test"
    assert "replaced" in write_recipe(tmp_path, RECIPE)
    assert (tmp_path / "vulcan.toml").read_text() == text


def test_a_link_and_what_is_no_toml_are_left_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("")
    (tmp_path / "repo").mkdir()
    file = tmp_path / "repo/vulcan.toml"
    file.symlink_to(outside)
    with pytest.raises(UserError):
        write_recipe(tmp_path / "repo", RECIPE)
    assert outside.read_text() == ""
    file.unlink()
    file.write_text("[[")
    with pytest.raises(UserError, match="not TOML"):
        write_recipe(tmp_path / "repo", RECIPE)
    assert file.read_text() == "[["
