"""Finding out how a project's tests are run, as apps reach it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from vulcan.application.ports import SourceState
from vulcan.application.setup.finding import Engineering, Finder
from vulcan.domain.environment import Recipe


class ProjectSetup(Protocol):
    """Finds, proves and writes down how a project is set up and its tests are run."""

    def inspect(self, repository: Path) -> SourceState:
        """Look at the repository at or above a folder; raises `UserError` where it can't be used."""

    def tracked(self, root: Path) -> Sequence[str]:
        """Paths of the files of a repository."""

    def finder(
        self, root: Path, commit: str, named: Recipe | None, tell: Callable[[str, str], None]
    ) -> Finder:
        """Finds the recipe of a commit; `named` is what the command line says of it, before all else."""

    def engineering(self, root: Path, commit: str, by: str) -> Engineering | None:
        """What finds out how a project's tests are run, where a model is configured."""

    def recipe_from(self, source: str, given: Mapping[str, object]) -> Recipe:
        """What a person says of a recipe; raises `UserError` for what can't be."""

    def recipe_toml(self, recipe: Recipe) -> str:
        """A recipe as a repository's settings say it."""

    def write_recipe(self, root: Path, recipe: Recipe) -> str:
        """Write a recipe into a repository's settings; returns what was changed."""
