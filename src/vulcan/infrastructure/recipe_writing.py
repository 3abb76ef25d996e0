"""A recipe as `[[environment]]` of `vulcan.toml`: all else that stands in the file stays as it is, comments too."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import AoT, Table

from vulcan.domain.environment import Recipe, ReportForm
from vulcan.domain.errors import ToolError, UserError, VulcanError
from vulcan.infrastructure.host.files import read_file, write_file
from vulcan.infrastructure.recipe_settings import KEY, parse_recipes

FILE, PROJECT = "vulcan.toml", "pyproject.toml"


def recipe_toml(recipe: Recipe) -> str:
    """The recipe as a repository's file says it, with its proof."""
    return with_recipe("", recipe).strip() + "\n"


def with_recipe(text: str, recipe: Recipe) -> str:
    """A settings file in which this recipe stands instead of the one of the same path, if there was one.

    Raises:
        UserError: the file is no TOML.
        VulcanError: the recipe can't be said there.
    """
    try:
        document = tomlkit.parse(text)
        before = tomllib.loads(text)
    except ValueError as error:
        raise UserError(f"{FILE} is not TOML: {error}", hint="Mend it, then run again.") from error
    tables = document.get(KEY)
    if not isinstance(tables, AoT):
        others = [dict(each) for each in tables or ()]
        document.pop(KEY, None)
        tables = tomlkit.aot()
        for each in others:
            tables.append(tomlkit.item(each))
        document.append(KEY, tables)
    _put(tables, recipe)
    written = tomlkit.dumps(document)
    _check(before, written)
    return written


def write_recipe(root: Path, recipe: Recipe) -> str:
    """Write a recipe into the repository's settings; returns what was changed, in words.

    Raises:
        UserError: the file can't be read or written, or is a link.
    """
    try:
        text = _existing(root)
        settings = "" if text is not None else _of_project(root)
        write_file(root, FILE, with_recipe(settings if text is None else text, recipe).encode())
    except ToolError as error:
        raise UserError(error.message, hint=f"Put the printed table into {FILE} yourself.") from error
    if text is not None:
        had = any(each.get("path", ".") == recipe.path for each in tomllib.loads(text).get(KEY, ()))
        return f"{FILE}: {'replaced' if had else 'added'} [[{KEY}]] of {recipe.path!r}, all else is as it was"
    taken = f"; the settings of [tool.vulcan] in {PROJECT} were copied to it and count there no more"
    return f"{FILE}: made, with [[{KEY}]] of {recipe.path!r}{taken if settings else ''}"


def _existing(root: Path) -> str | None:
    path = root / FILE
    if not path.exists() and not path.is_symlink():
        return None
    return read_file(root, FILE).decode(errors="surrogateescape")


def _of_project(root: Path) -> str:
    """`[tool.vulcan]` of pyproject.toml as a file of its own: where vulcan.toml is, nobody reads the table any more."""
    try:
        project = tomllib.loads(read_file(root, PROJECT).decode())
        table = project["tool"]["vulcan"]
    except (ToolError, ValueError, KeyError, TypeError):
        return ""
    return tomlkit.dumps(table) if isinstance(table, Mapping) else ""


def _put(tables: AoT, recipe: Recipe) -> None:
    table = _table(recipe)
    for place, each in enumerate(tables):
        if each.get("path", ".") == recipe.path:
            tables[place] = table
            return
    tables.append(table)


def _table(recipe: Recipe) -> Table:
    """What a repository may say of a recipe: no interpreter by its path, no services."""
    values: dict[str, Any] = {"path": recipe.path}
    if recipe.python and not recipe.python.startswith("/"):
        values["python"] = recipe.python
    if recipe.setup:
        values["setup"] = list(recipe.setup)
    if recipe.command:
        values |= {"command": recipe.command, "report": _report(recipe)}
    if recipe.proof is not None:
        proof = recipe.proof
        values["proof"] = {
            "passed": proof.passed,
            "failed": proof.failed,
            "files": proof.files,
            "digest": proof.digest,
        }
    table = tomlkit.table()
    for key, value in values.items():
        table.append(key, tomlkit.item(value))
    return table


def _report(recipe: Recipe) -> str:
    if recipe.report is ReportForm.JUNIT and recipe.report_path:
        return f"{recipe.report.value}:{recipe.report_path}"
    return recipe.report.value


def _check(before: Mapping[str, Any], written: str) -> None:
    """Nothing but the recipe may differ, and settings must be able to read it back."""
    after = tomllib.loads(written)
    parse_recipes(FILE, after[KEY], by_repository=True)
    if {k: v for k, v in before.items() if k != KEY} != {k: v for k, v in after.items() if k != KEY}:
        raise VulcanError(
            f"{FILE} would not stay as it is", hint="Put the printed table into the file yourself."
        )
