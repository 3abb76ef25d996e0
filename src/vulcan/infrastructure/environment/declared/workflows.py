"""What the jobs of .github/workflows that run tests install."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from vulcan.infrastructure.environment.declared.commands import UNKNOWN, Reader
from vulcan.infrastructure.environment.declared.model import Draft, is_quiet, is_special
from vulcan.infrastructure.environment.declared.tree import Tree, at, inside, table, text_of

FOLDER = ".github/workflows"
MAX_WORKFLOWS = 40
MAX_JOBS = 100
MAX_STEPS = 200
MAX_EXPANDED = 12
_SKIPPED = re.compile(
    r"\b(?:Windows|macOS|windows|macos|pypy|nightly|oldest|minimum|lowest|minimal)\b|runner\.os *== *'(?:W|m)"
)
_ENVIRONMENT = re.compile(r"\$\{\{\s*env\.(\w+)\s*\}\}")
_ANY = re.compile(r"\$\{\{.{0,500}?\}\}", re.DOTALL)
_EXPRESSION = re.compile(r"\$\{\{\s*matrix\.([\w.-]+)\s*\}\}")
_INPUT = re.compile(r"\$\{\{\s*inputs\.([\w-]+)\s*\}\}")


def read_workflows(draft: Draft) -> None:
    """Add what jobs that run tests on Linux install and name to a draft."""
    tree = draft.tree
    names = [name for name in tree.names(FOLDER) if name.endswith((".yml", ".yaml"))]
    for name in [name for name in names if not is_special(name.rpartition(".")[0])][:MAX_WORKFLOWS]:
        workflow = tree.yaml(f"{FOLDER}/{name}")
        for key, job in list(at(workflow, "jobs").items())[:MAX_JOBS]:
            _read_job(draft, f"CI job {key}", key, table(job), at(workflow, "env"))


def _read_job(draft: Draft, where: str, key: str, job: dict[str, Any], env: dict[str, Any]) -> None:
    if is_quiet(key) or is_special(key) or _is_elsewhere(job):
        return
    env = {**env, **at(job, "env")}
    reader = Reader(draft)
    matrix = _matrix(at(job, "strategy", "matrix"))
    default = text_of(at(job, "defaults", "run").get("working-directory")) or "."
    found = [
        reader.read(text, inside(".", folder) or ".")
        for step in _steps(draft.tree, job, default, 0)
        for text, folder in _expanded(_with_environment(step[0], {**env, **step[2]}), step[1], matrix)
    ]
    if not any(each.tests for each in found):
        return
    for each in found:
        each.give(draft, where)
    for version in [*matrix.get("python-version", []), *matrix.get("python", []), *_fixed_python(job)]:
        draft.tested_with(version)


def _is_elsewhere(job: dict[str, Any]) -> bool:
    """Whether a job runs on another system only, or tests another repository."""
    checkouts = [at(step, "with") for step in _list(job) if "checkout" in text_of(step.get("uses"))]
    others = [each for each in checkouts if each.get("repository") and not each.get("path")]
    return text_of(job.get("runs-on")).startswith(("macos", "windows")) or bool(others)


def _list(job: dict[str, Any]) -> list[dict[str, Any]]:
    steps = job.get("steps")
    return [table(step) for step in steps[:MAX_STEPS]] if isinstance(steps, list) else []


def _with_environment(text: str, env: dict[str, Any]) -> str:
    """A command with what the variables hold, as far as that is known beforehand."""
    text = _ENVIRONMENT.sub(lambda match: text_of(env.get(match[1])) or match[0], text)
    text = re.sub(r"\$\{?(\w+)\}?", lambda match: text_of(env.get(match[1])) or match[0], text)
    return re.sub(r"(\w)\$\{\{[^}]{0,300}\|\| *'' *\}\}", r"\1", text)


def _steps(
    tree: Tree, job: dict[str, Any], default: str, depth: int
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The commands of a job with the folder that they start in; those of the repository's own actions, too."""
    for step in _list(job):
        if _SKIPPED.search(text_of(step.get("if"))):
            continue
        if run := text_of(step.get("run")):
            yield run, text_of(step.get("working-directory")) or default, at(step, "env")
        action = (
            inside(".", text_of(step.get("uses"))) if text_of(step.get("uses")).startswith("./") else None
        )
        if action and depth < 2:  # noqa: PLR2004 - actions of actions, no deeper
            given = table(step.get("with"))
            for text, folder, env in _action(tree, action, default, depth + 1):
                yield _INPUT.sub(lambda match: text_of(given.get(match[1])), text), folder, env  # noqa: B023 - used at once


def _action(tree: Tree, folder: str, default: str, depth: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    name = next((n for n in ("action.yml", "action.yaml") if tree.is_file(f"{folder}/{n}")), None)
    if name:
        yield from _steps(tree, at(tree.yaml(f"{folder}/{name}"), "runs"), default, depth)


def _matrix(matrix: dict[str, Any]) -> dict[str, list[str]]:
    """Values by key, those of `include` among them."""
    found: dict[str, list[str]] = {}
    for key, values in matrix.items():
        if key not in ("include", "exclude") and isinstance(values, list):
            found[key] = [value for value in values if isinstance(value, str)]
    include = matrix.get("include")
    for entry in include if isinstance(include, list) else []:
        for key, value in table(entry).items():
            if isinstance(value, str):
                found.setdefault(key, []).append(value)
    return found


def _expanded(text: str, folder: str, matrix: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """A command for each value of the one matrix key that it uses; with several keys only the first ones are tried."""
    keys = list(dict.fromkeys(_EXPRESSION.findall(text)))
    values = matrix.get(keys[0], []) if keys else []
    if not values:
        yield _ANY.sub(UNKNOWN, text), folder
    for value in list(dict.fromkeys(values))[:MAX_EXPANDED]:
        if not _SKIPPED.search(value):
            known = _EXPRESSION.sub(lambda m: value if m[1] == keys[0] else m[0], text)  # noqa: B023 - used at once
            yield _ANY.sub(UNKNOWN, known), folder


def _fixed_python(job: dict[str, Any]) -> list[str]:
    return [text_of(at(step, "with").get("python-version")) for step in _list(job)]
