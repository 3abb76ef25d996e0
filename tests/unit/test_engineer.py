"""What an engineer may propose, which part of a repository it is for, and what its proof is bound to."""

from __future__ import annotations

from pathlib import Path

import pytest

from vulcan.bootstrap.project import part_of
from vulcan.domain.environment import Recipe, ReportForm
from vulcan.domain.errors import ToolError
from vulcan.infrastructure.agents.engineer import SubmittedRecipe, recipe_of
from vulcan.infrastructure.environment.declared import read


def test_a_submitted_recipe_is_one_of_the_repository_s() -> None:
    given = SubmittedRecipe(setup=["make"], command="make check", report="junit", report_path="./out/j.xml")
    assert recipe_of(given) == Recipe(
        setup=("make",),
        command="make check",
        report=ReportForm.JUNIT,
        report_path="out/j.xml",
        source="vulcan setup",
        by_repository=True,
    )


@pytest.mark.parametrize(
    "given",
    [
        SubmittedRecipe(command="x", report="junit", report_path="/etc/passwd"),
        SubmittedRecipe(command="x", report="junit", report_path="a/../../b"),
        SubmittedRecipe(command="x", report="junit", report_path=".git/config"),
        SubmittedRecipe(python="/usr/bin/python3"),
        SubmittedRecipe(report="tap"),
        SubmittedRecipe(setup=["a\0b"]),
    ],
)
def test_what_settings_of_a_repository_can_not_say_is_refused(given: SubmittedRecipe) -> None:
    with pytest.raises(ToolError):
        recipe_of(given)


@pytest.mark.parametrize(
    ("paths", "part"), [((), "."), (("lib", "."), "."), (("lib", "app"), "lib"), ((".",), ".")]
)
def test_a_recipe_is_for_the_part_that_jobs_use(paths: tuple[str, ...], part: str) -> None:
    assert part_of([Recipe(path) for path in paths]) == part


def test_a_proof_is_bound_to_what_names_dependencies_and_not_to_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("attrs\n")
    before = read(tmp_path).files_digest
    (tmp_path / "vulcan.toml").write_text('[[environment]]\nsetup = ["make"]\n')
    (tmp_path / "calc.py").write_text("X = 1\n")
    assert read(tmp_path).files_digest == before
    (tmp_path / "requirements.txt").write_text("attrs>=23\n")
    assert read(tmp_path).files_digest != before
