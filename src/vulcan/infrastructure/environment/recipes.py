"""Recipes of a project in the order in which they count: the user's, the repository's, what detectors see in its files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vulcan.domain.environment import Recipe, ReportForm
from vulcan.infrastructure.environment.declared.commands import split
from vulcan.infrastructure.environment.declared.members import workspace_members
from vulcan.infrastructure.environment.declared.tree import MAX_CODE, Tree, at, table, text_of

DECLARED = "what the project declares"
LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile.lock")
_PYTHON_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "requirements.txt", "manage.py")


def recipes(checkout: Path, user: Sequence[Recipe]) -> tuple[Recipe, ...]:
    """One recipe for each (sub-)project of a checkout, the root's first.

    What is named first counts, field by field, so that a user's Python goes with a repository's command.

    Args:
        checkout: the project's files, read as data.
        user: what settings and command line name, the user's own before the repository's.
    """
    tree = Tree(checkout)
    named: dict[str, Recipe] = {}
    for recipe in user:
        known = named.get(recipe.path)
        named[recipe.path] = recipe if known is None else known.over(recipe)
    for path in dict.fromkeys([".", *named, *_members(tree)]):
        seen = _detected(tree, path)
        if seen is not None or path == ".":
            below = seen or Recipe(source=DECLARED)
            named[path] = named[path].over(below) if path in named else below
    return tuple(sorted(named.values(), key=lambda recipe: (recipe.path != ".", recipe.path)))


def _members(tree: Tree) -> list[str]:
    """Folders of a workspace whose root is no project itself: each member's tests are run where they lie."""
    pyproject = tree.toml("pyproject.toml")
    if at(pyproject, "build-system") or at(pyproject, "tool", "uv").get("package") is True:
        return []
    members = workspace_members(tree, pyproject)
    return [
        folder for folder in members if tree.is_folder(f"{folder}/tests") or tree.is_folder(f"{folder}/test")
    ]


def _detected(tree: Tree, folder: str) -> Recipe | None:
    """What the files of a folder say about how its tests are run."""
    for detector in (_django, _python, _go, _node):
        if (found := detector(tree, folder)) is not None:
            return replace(found, path=folder)
    return None


def _in(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"


# -------------------------------------------------------------------------------------------------- Python


def _python(tree: Tree, folder: str) -> Recipe | None:
    """A Python project whose tests pytest runs."""
    names = tree.names(folder)
    if not any(name in names for name in _PYTHON_FILES) and not _has_python_tests(tree, folder):
        return None
    return Recipe(source=next((lock for lock in LOCKS if lock in names), DECLARED))


def _has_python_tests(tree: Tree, folder: str) -> bool:
    return any(
        re.fullmatch(r"test_.*\.py|.*_test\.py|conftest\.py", name)
        for below in (folder, _in(folder, "tests"), _in(folder, "test"))
        for name in tree.names(below)
    )


def _django(tree: Tree, folder: str) -> Recipe | None:
    """Django itself, and projects that run their tests by manage.py: those that don't configure pytest."""
    runner = _in(folder, "tests/runtests.py")
    if "django.test" in (tree.text(runner, MAX_CODE) or ""):
        return Recipe(
            command="python tests/runtests.py", report=ReportForm.UNITTEST, source="tests/runtests.py"
        )
    manage = _manage(tree, folder)
    if manage is None or _configures_pytest(tree, folder):
        return None
    below = manage.rpartition("/")[0]
    command = f"python {manage} test {below}/" if below else "python manage.py test"
    return Recipe(command=command, report=ReportForm.UNITTEST, source=manage)


def _manage(tree: Tree, folder: str) -> str | None:
    """manage.py of Django, in the folder or one below it."""
    names = [name for name in tree.names(folder) if re.fullmatch(r"[A-Za-z][\w-]*", name)]
    for path in ("manage.py", *(f"{name}/manage.py" for name in names)):
        if "django" in (tree.text(_in(folder, path), MAX_CODE) or "").lower():
            return path
    return None


def _configures_pytest(tree: Tree, folder: str) -> bool:
    if tree.is_file(_in(folder, "pytest.ini")) or at(
        tree.toml(_in(folder, "pyproject.toml")), "tool", "pytest"
    ):
        return True
    sections = {"setup.cfg": "[tool:pytest]", "tox.ini": "[pytest]"}
    return any(section in (tree.text(_in(folder, name)) or "") for name, section in sections.items())


# ------------------------------------------------------------------------------------------------------ Go


def _go(tree: Tree, folder: str) -> Recipe | None:
    if not tree.is_file(_in(folder, "go.mod")):
        return None
    setup = () if tree.is_folder(_in(folder, "vendor")) else ("go mod vendor",)
    return Recipe(setup=setup, command="go test -json ./...", report=ReportForm.GO, source="go.mod")


# ---------------------------------------------------------------------------------------------------- Node


_NODE_INSTALLS = {
    "package-lock.json": "npm ci",
    "npm-shrinkwrap.json": "npm ci",
    "pnpm-lock.yaml": "pnpm install --frozen-lockfile",
    "yarn.lock": "yarn install --frozen-lockfile",
}
_PLACEHOLDER = re.compile(r"no test specified|^\s*(?:exit\s+[01]|true|:)?\s*$")
_MAX_HOPS = 4

_REPORTERS = {
    "mocha": ("--reporter tap", ReportForm.TAP),
    "vitest": ("--run --reporter=tap-flat", ReportForm.TAP),
    "ava": ("--tap", ReportForm.TAP),
    "tap": ("--reporter=tap", ReportForm.TAP),
    "tape": ("", ReportForm.TAP),
}
"""Arguments by which a runner reports test by test."""


def _node(tree: Tree, folder: str) -> Recipe | None:
    """A package with a test script that is not npm's placeholder."""
    package = tree.json(_in(folder, "package.json"))
    scripts = {name: text for name, text in at(package, "scripts").items() if isinstance(text, str)}
    name, script = _followed(scripts)
    if _PLACEHOLDER.search(script):
        return None
    names = tree.names(folder)
    install = next(
        (how for lock, how in _NODE_INSTALLS.items() if lock in names), "npm install --no-audit --no-fund"
    )
    start = "npm test" if name == "test" else f"npm run {name}"
    recipe = Recipe(setup=(install,), command=start, report=ReportForm.EXIT_CODE, source="package.json")
    return _reporting(recipe, script, package)


def _followed(scripts: dict[str, str]) -> tuple[str, str]:
    """The script that `npm test` comes to, where scripts only start others."""
    name = "test"
    for _ in range(_MAX_HOPS):
        match = re.fullmatch(
            r"\s*(?:npm|yarn|pnpm)\s+(?:run\s+|run-script\s+)?([\w:.-]+)\s*", scripts.get(name, "")
        )
        if match is None or match[1] not in scripts:
            break
        name = match[1]
    return name, scripts.get(name, "")


def _reporting(recipe: Recipe, script: str, package: dict[str, Any]) -> Recipe:
    """The recipe with the form in which its runner reports; arguments reach only what a script starts last."""
    commands = list(split(script[:2_000]))
    words = [word.rpartition("/")[2] for word in commands[-1]] if commands else []
    if "node" in words and "--test" in words:
        return replace(recipe, report=ReportForm.NODE)
    known = {**table(package.get("devDependencies")), **table(package.get("dependencies"))}
    if "jest" in words or "react-scripts" in words:
        return _jest(recipe, known)
    runner = next((word for word in words if word in _REPORTERS), "tape" if _is_tape(words, known) else "")
    if not runner or any(word in text_of(script) for word in ("--watch", "|")):
        return recipe
    arguments, form = _REPORTERS[runner]
    return replace(
        recipe, command=f"{recipe.command} -- {arguments}" if arguments else recipe.command, report=form
    )


def _is_tape(words: Iterable[str], known: dict[str, Any]) -> bool:
    return "tape" in known and "node" in words


def _jest(recipe: Recipe, known: dict[str, Any]) -> Recipe:
    """Jest reports test by test only with a reporter that the project installs."""
    if "jest-junit" not in known:
        return recipe
    command = f"{recipe.command} -- --reporters=default --reporters=jest-junit"
    return replace(recipe, command=command, report=ReportForm.JUNIT, report_path="junit.xml")
